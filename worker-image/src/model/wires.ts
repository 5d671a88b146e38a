/**
 * What of each protocol passes the door: one operation, for one model, and nothing in it by which the provider would fetch
 * or send something elsewhere for the block. What is not known here does not pass.
 */
import type { PromptedBlock } from '@waybill/client/plan';
import { type JsonObject, listOf, objectOf, textOf } from '../json-values.ts';
import { converseMeter, type Meter, messagesMeter, responsesMeter } from './meters.ts';

export interface Wire {
  /** The model that a request asks for; null for any other operation. `path` is without its query. */
  modelOf(path: string, body: JsonObject): unknown;
  /** What is wrong with the body, in words; null when nothing is. */
  problemOf(body: JsonObject): string | null;
  /** Headers that carry the key. */
  keyHeaders(key: string): Record<string, string>;
  /** Of the request, lower case, and what of each passes; nothing where that is empty. */
  headers: Readonly<Record<string, (value: string) => string>>;
  meter(isStream: boolean): Meter;
}

/** Tools that the tool itself carries out, where it runs. */
const LOCAL_MESSAGE_TOOL = /^(?:custom|(?:bash|text_editor|computer|memory)_\d{8})$/;
const LOCAL_RESPONSE_TOOLS = ['function', 'custom', 'local_shell', 'shell', 'apply_patch'];
const CONVERSE_KEYS = ['messages', 'system', 'toolConfig', 'inferenceConfig'];
const CONVERSE_TOOLS = ['toolSpec', 'cachePoint'];
/** Without what leads elsewhere, or changes the price of a token. */
const MESSAGE_KEYS = [
  ...['model', 'messages', 'system', 'tools', 'tool_choice', 'max_tokens', 'stop_sequences', 'stream', 'metadata'],
  ...['temperature', 'top_k', 'top_p', 'thinking', 'context_management', 'output_config', 'output_format'],
  'cache_control',
];
const MESSAGE_PARTS = [
  ...['text', 'image', 'document', 'tool_use', 'tool_result', 'thinking', 'redacted_thinking', 'search_result'],
];
const LOCAL_SOURCES = ['base64', 'text', 'content'];
/**
 * Features that are named beside the request: those that change how a model thinks, answers and calls tools of the block. The
 * others let the provider fetch, run or keep something, or change the price of a token. Their dates come and go.
 */
const MESSAGE_BETAS =
  /^(?:advanced-tool-use|claude-code|context-management|effort|fine-grained-tool-streaming|interleaved-thinking|prompt-caching(?:-scope)?|redact-thinking|structured-outputs|token-efficient-tools|tool-examples)-\d{4}-\d\d-\d\d$|^claude-code-\d{8}$/;
const RESPONSE_KEYS = [
  ...['model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'max_tool_calls', 'stream'],
  ...['stream_options', 'store', 'include', 'reasoning', 'text', 'temperature', 'top_p', 'top_logprobs'],
  ...['max_output_tokens', 'truncation', 'metadata', 'client_metadata', 'user', 'safety_identifier'],
  ...['prompt_cache_key', 'prompt_cache_retention'],
];
const RESPONSE_ITEMS = [
  ...['message', 'reasoning', 'compaction', 'function_call', 'function_call_output', 'custom_tool_call'],
  ...['custom_tool_call_output', 'local_shell_call', 'local_shell_call_output', 'shell_call', 'shell_call_output'],
  ...['apply_patch_call', 'apply_patch_call_output'],
];

const converse: Wire = {
  modelOf: (path) => {
    const [, id] = /^\/model\/([^/]+)\/converse-stream$/.exec(path) ?? [];
    return id === undefined ? null : decoded(id);
  },
  problemOf(body) {
    const unknown = unknownKey(body, CONVERSE_KEYS);
    if (unknown !== null) return unknown;
    const isLocal = (tool: JsonObject): boolean => {
      const keys = Object.keys(tool);
      return keys.length === 1 && CONVERSE_TOOLS.includes(keys[0] ?? '');
    };
    if (!listOf(objectOf(body.toolConfig).tools).every(isLocal)) return 'a tool is not one of the block';
    return holds(body, (value) => 's3Location' in value) ? 'it names an object in S3' : null;
  },
  keyHeaders: (key) => ({ authorization: `Bearer ${key}` }),
  headers: { accept: whole },
  meter: converseMeter,
};

const messages: Wire = {
  modelOf: (path, body) => (path === '/v1/messages' ? body.model : null),
  problemOf(body) {
    const unknown = unknownKey(body, MESSAGE_KEYS);
    if (unknown !== null) return unknown;
    const isLocal = (tool: JsonObject): boolean =>
      tool.type === undefined || LOCAL_MESSAGE_TOOL.test(textOf(tool.type));
    if (!listOf(body.tools).every(isLocal)) return 'a tool is not one of the block';
    // What it takes to sum up a conversation is not in the count of the answer.
    const edits = listOf(objectOf(body.context_management).edits);
    if (!edits.every(({ type }) => /^clear_/.test(textOf(type)))) return 'it has the conversation rewritten';
    const parts = listOf(body.messages).flatMap(({ content }) => listOf(content));
    if (!parts.every(({ type }) => MESSAGE_PARTS.includes(textOf(type)))) return 'a part of it is of another kind';
    return holds([body.messages, body.system], isFetched) ? 'it names something to be fetched' : null;
  },
  keyHeaders: (key) => ({ 'x-api-key': key }),
  headers: { accept: whole, 'anthropic-version': whole, 'anthropic-beta': namedOf(MESSAGE_BETAS) },
  meter: messagesMeter,
};

const responses: Wire = {
  modelOf: (path, body) => (path === '/v1/responses' ? body.model : null),
  problemOf(body) {
    const unknown = unknownKey(body, RESPONSE_KEYS);
    if (unknown !== null) return unknown;
    const isLocal = (tool: JsonObject): boolean => LOCAL_RESPONSE_TOOLS.includes(textOf(tool.type)) && isHere(tool);
    if (!listOf(body.tools).every(isLocal)) return 'a tool is not one of the block';
    // One without a type and a role is a reference to what the provider kept.
    const isItem = ({ type, role }: JsonObject): boolean =>
      isSet(type) ? RESPONSE_ITEMS.includes(textOf(type)) : typeof role === 'string';
    if (!listOf(body.input).every(isItem)) return 'a part of it is of another kind';
    const isFar = (part: JsonObject): boolean =>
      [part.image_url, part.file_url].some((url) => isSet(url) && !/^data:/i.test(textOf(url))) ||
      isSet(part.file_id) ||
      (part.type === 'shell_call' && !isHere(part));
    return holds(body.input, isFar) ? 'it names something to be fetched' : null;
  },
  keyHeaders: (key) => ({ authorization: `Bearer ${key}` }),
  headers: { accept: whole, 'openai-beta': namedOf(/^responses=experimental$/) },
  meter: responsesMeter,
};

export const WIRES: Record<PromptedBlock['adapter'], Wire> = {
  bedrock: converse,
  'claude-code': messages,
  codex: responses,
};

function whole(value: string): string {
  return value;
}

/** Of a list of names those that are known. What is left out is a feature that is not there, as at a provider without it. */
function namedOf(known: RegExp): (value: string) => string {
  return (value) =>
    value
      .split(',')
      .map((name) => name.trim())
      .filter((name) => known.test(name))
      .join(',');
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** In words; null when all are known. Of a key of the block only a plain one is said again. */
function unknownKey(body: JsonObject, known: readonly string[]): string | null {
  const key = Object.keys(body).find((name) => isSet(body[name]) && body[name] !== false && !known.includes(name));
  if (key === undefined) return null;
  return `${/^\w{1,64}$/.test(key) ? key : 'a key'} is not asked for here`;
}

/** Where commands are carried out: at the block, unless it says otherwise. */
function isHere({ environment }: JsonObject): boolean {
  return !isSet(environment) || objectOf(environment).type === 'local';
}

function isFetched({ type, source }: JsonObject): boolean {
  if (type === 'container_upload') return true;
  const from = objectOf(source).type;
  return (type === 'image' || type === 'document') && isSet(from) && !LOCAL_SOURCES.includes(textOf(from));
}

/** Whether any object within the value is one of those; how deep and wide it is was bounded before. */
function holds(value: unknown, test: (value: JsonObject) => boolean): boolean {
  const pending = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (!Array.isArray(next) && test(next as JsonObject)) return true;
    for (const part of Object.values(next)) pending.push(part);
  }
  return false;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
