/** Answers of models, in each protocol: well, and in the ways in which they go wrong. */
import { eventFrame, exceptionFrame } from './event-frames.ts';
import type { ScriptedAnswer } from './model-server.ts';

const EVENT_STREAM = { 'content-type': 'application/vnd.amazon.eventstream' };
const EVENTS = { 'content-type': 'text/event-stream; charset=utf-8' };

export interface Used {
  input?: number;
  output?: number;
  cached?: number;
  /** By a router. */
  served?: string;
}

export interface Call {
  tool: string;
  /** As it is streamed; an object is written as JSON. */
  input: object | string;
}

/** Of ConverseStream: what it says, what it calls, and why it stopped. */
export function converse(parts: (string | Call)[], stopReason?: string, used: Used = {}): ScriptedAnswer {
  const frames = parts.flatMap((part, contentBlockIndex): Buffer[] => {
    const delta = (value: object): Buffer => eventFrame('contentBlockDelta', { contentBlockIndex, delta: value });
    const stop = eventFrame('contentBlockStop', { contentBlockIndex });
    if (typeof part === 'string') return [...halves(part).map((text) => delta({ text })), stop];
    const toolUse = { toolUseId: `call-${contentBlockIndex}`, name: part.tool };
    const input = typeof part.input === 'string' ? part.input : JSON.stringify(part.input);
    const pieces = halves(input).map((piece) => delta({ toolUse: { input: piece } }));
    return [eventFrame('contentBlockStart', { contentBlockIndex, start: { toolUse } }), ...pieces, stop];
  });
  const reason = stopReason ?? (parts.some((part) => typeof part !== 'string') ? 'tool_use' : 'end_turn');
  const end = eventFrame('messageStop', { stopReason: reason });
  return {
    headers: EVENT_STREAM,
    chunks: [eventFrame('messageStart', { role: 'assistant' }), ...frames, end, metadata(used)],
  };
}

function metadata({ input = 10, output = 5, cached = 0, served }: Used): Buffer {
  const usage = {
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output + cached,
    cacheReadInputTokens: cached,
  };
  const trace = served === undefined ? {} : { trace: { promptRouter: { invokedModelId: served } } };
  return eventFrame('metadata', { usage, metrics: { latencyMs: 1 }, ...trace });
}

/** The connection ends in the middle of the answer. */
export function cut(answer: ScriptedAnswer, afterChunks: number): ScriptedAnswer {
  return { ...answer, chunks: answer.chunks?.slice(0, afterChunks) ?? [], isCut: true };
}

/** One bit of the answer is another. */
export function flipped(answer: ScriptedAnswer): ScriptedAnswer {
  const bytes = Buffer.concat(answer.chunks ?? []);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return { ...answer, chunks: [bytes] };
}

/** An exception after the stream has begun. */
export function breaks(type: string, message: string): ScriptedAnswer {
  return {
    headers: EVENT_STREAM,
    chunks: [eventFrame('messageStart', { role: 'assistant' }), exceptionFrame(type, message)],
  };
}

/** An exception instead of a stream; who is throttled is told how long to wait. */
export function refuses(status: number, type: string, message: string): ScriptedAnswer {
  const headers = {
    'content-type': 'application/json',
    'x-amzn-errortype': `${type}:http://internal/`,
    'retry-after': '0',
  };
  return { status, headers, chunks: [Buffer.from(JSON.stringify({ message }))] };
}

/** Of the Messages protocol, streamed. */
export function messages(model: string, { input = 10, output = 5, cached = 0 }: Used = {}): ScriptedAnswer {
  const usage = { input_tokens: input, cache_read_input_tokens: cached, output_tokens: 1 };
  return sse([
    ['message_start', { message: { id: 'm', role: 'assistant', model, content: [], usage } }],
    ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
    ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hello' } }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: output } }],
    ['message_stop', {}],
  ]);
}

/** Of the Responses protocol, streamed. */
export function responses(model: string, { input = 10, output = 5, cached = 0 }: Used = {}): ScriptedAnswer {
  const usage = {
    input_tokens: input + cached,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
  };
  return sse([
    ['response.created', { response: { id: 'r', model, status: 'in_progress' } }],
    ['response.output_text.delta', { delta: 'Hello' }],
    ['response.completed', { response: { id: 'r', model, status: 'completed', usage } }],
  ]);
}

function sse(events: [type: string, data: object][]): ScriptedAnswer {
  const chunks = events.map(([type, data]) =>
    Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`),
  );
  return { headers: EVENTS, chunks };
}

/** As a model streams: in pieces that end anywhere. */
function halves(text: string): string[] {
  const middle = text.length >> 1;
  return [text.slice(0, middle), text.slice(middle)].filter((piece) => piece !== '');
}
