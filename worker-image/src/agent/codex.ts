/**
 * Codex, not interactive: `codex exec --json`. Its events count tokens and name no model, so that nobody knows which one
 * answered unless the model was asked through a door of the wrapper.
 */
import type { PromptedBlock } from '@waybill/client/plan';
import { AgentEnded } from '../agent-endings.ts';
import { objectOf, textOf } from '../json-values.ts';
import { type CallGuard, createCallGuard } from './call-guard.ts';
import { type AgentEvent, type AgentUsage, type EventReader, tokensOf, UNKNOWN_MODEL, unclear } from './cli-events.ts';
import { whole } from './shown.ts';

/** Named by the provider below; no secret, and nothing looks at what it holds. */
const KEY_NAME = 'WAYBILL_MODEL_KEY';

/** The prompt comes on stdin. */
export function codexCommand(
  { program = 'codex', model, sandbox = 'workspace-write' }: PromptedBlock,
  url: string | null,
): string[] {
  const provider = `{ name = "waybill", base_url = "${url}/v1", env_key = "${KEY_NAME}", wire_api = "responses" }`;
  const settings = ['model_provider="waybill"', `model_providers.waybill=${provider}`, 'web_search="disabled"'];
  return [
    ...[program, 'exec', '--json', '--skip-git-repo-check', '--sandbox', sandbox, '--model', model],
    ...(url === null ? [] : settings.flatMap((setting) => ['--config', setting])),
    '-',
  ];
}

export function codexEnvironment(url: string | null): Record<string, string> {
  return url === null ? {} : { [KEY_NAME]: 'waybill' };
}

export function codexEvents({ model, guards = {} }: Pick<PromptedBlock, 'model' | 'guards'>): EventReader {
  const guard = createCallGuard(guards);
  let turns: { isOpen: boolean; failed: string | null } = { isOpen: false, failed: null };
  let used: AgentUsage | null = null;
  let hasUncounted = false;
  let lastError = '';
  let reply = '';

  function complete(usage: AgentEvent): void {
    if (usage.output_tokens === undefined) throw unclear('a turn of it says nothing of its tokens');
    const [all, cached] = [tokensOf(usage.input_tokens), tokensOf(usage.cached_input_tokens)];
    if (cached > all) throw unclear('it read more from a cache than it read');
    used = {
      requested: model,
      served: UNKNOWN_MODEL,
      inputTokens: (used?.inputTokens ?? 0) + all - cached,
      outputTokens: (used?.outputTokens ?? 0) + tokensOf(usage.output_tokens),
      cachedTokens: (used?.cachedTokens ?? 0) + cached,
    };
    turns = { isOpen: false, failed: null };
  }

  return {
    take(event) {
      if (event.type === 'turn.started') {
        turns = { isOpen: true, failed: null };
      } else if (event.type === 'turn.completed') {
        complete(objectOf(event.usage));
      } else if (event.type === 'turn.failed') {
        hasUncounted = true;
        turns = { isOpen: false, failed: textOf(objectOf(event.error).message) };
      } else if (event.type === 'error') {
        // Also what it tells of a connection that it makes anew, so that this alone ends nothing.
        lastError = textOf(event.message);
        return [lastError];
      } else if (event.type === 'item.completed') {
        const item = objectOf(event.item);
        if (item.type === 'agent_message') reply = textOf(item.text);
        watch(item, guard);
        return shown(item);
      }
      return [];
    },
    // Of a turn that failed, or is cut off, nobody knows.
    usage: () => (hasUncounted || turns.isOpen || used === null ? null : [used]),
    end(exit) {
      if (turns.failed !== null) throw failure(turns.failed);
      if (turns.isOpen || used === null) {
        if (lastError !== '') throw failure(lastError);
        throw unclear(`it ended with ${exit ?? 'a signal'} in the middle of a turn`);
      }
      if (exit !== 0) throw new AgentEnded('agent_failed', `it ended with ${exit ?? 'a signal'}`);
      return { usage: hasUncounted ? null : [used], reply };
    },
  };
}

/** A call and its answer come as one. */
function watch(item: AgentEvent, guard: CallGuard): void {
  const call = callIn(item);
  if (call === null) return;
  if (call.input !== undefined) guard.called(call.name, call.input);
  const hasFailed = item.status === 'failed' || item.status === 'declined' || Number(item.exit_code ?? 0) !== 0;
  guard.told(call.told, hasFailed);
}

interface Call {
  name: string;
  /** Undefined: it is never known to be the same as another. */
  input: unknown;
  told: string;
}

/** Null: it is no call. */
function callIn(item: AgentEvent): Call | null {
  switch (item.type) {
    case 'command_execution':
      return { name: 'command', input: textOf(item.command), told: textOf(item.aggregated_output) };
    // Only the paths are told.
    case 'file_change':
      return { name: 'file change', input: undefined, told: '' };
    case 'web_search':
      return { name: 'web search', input: textOf(item.query), told: '' };
    default:
      return /^[a-z]+_tool_call$/.test(textOf(item.type)) ? toolCallIn(item) : null;
  }
}

/** Of whatever kind: of an MCP server, of agents that work together, and of those to come. What is told of its outcome is no part of it. */
function toolCallIn({ id, status, result, error, agents_states, ...asked }: AgentEvent): Call {
  const name = [asked.type, asked.server, asked.tool].map(textOf).join(' ');
  return { name, input: asked, told: textOf(objectOf(error).message) };
}

function failure(message: string): AgentEnded {
  const said = whole(message);
  if (/context (window|length)/i.test(message)) return new AgentEnded('context_overflow', said);
  if (/\b429\b|rate limit|too many requests/i.test(message)) return new AgentEnded('model_throttled', said);
  return new AgentEnded('agent_failed', said);
}

function shown(item: AgentEvent): string[] {
  if (item.type === 'agent_message') return [textOf(item.text)];
  if (item.type === 'command_execution')
    return [`[command] ${whole(textOf(item.command))} (${String(item.exit_code ?? '')})`];
  return item.type === 'error' ? [textOf(item.message)] : [];
}
