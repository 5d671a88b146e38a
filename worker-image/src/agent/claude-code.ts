/**
 * Claude Code, not interactive: `claude -p` with its stream of JSON. It has no say over what the sandbox lets it do; what
 * it may use without asking is what the block names, and nobody is there to be asked for more.
 */
import type { PromptedBlock } from '@waybill/client/plan';
import { AgentEnded } from '../agent-endings.ts';
import { listOf, objectOf, textOf } from '../json-values.ts';
import { type CallGuard, createCallGuard } from './call-guard.ts';
import {
  type AgentEvent,
  type AgentUsage,
  type EventReader,
  microUsdOf,
  modelOf,
  tokensOf,
  unclear,
} from './cli-events.ts';
import { shownCall, whole } from './shown.ts';

/** As the usage file of a block has it. */
const MAX_MODELS = 32;
const THROTTLED = [429, 529];

/** The prompt comes on stdin. */
export function claudeCommand({ program = 'claude', model, maxTurns, tools }: PromptedBlock): string[] {
  return [
    ...[program, '-p', '--output-format', 'stream-json', '--verbose', '--model', model],
    ...(maxTurns === undefined ? [] : ['--max-turns', String(maxTurns)]),
    ...(tools === undefined
      ? ['--permission-mode', 'acceptEdits']
      : ['--permission-mode', 'dontAsk', '--allowedTools', ...tools]),
  ];
}

/** Every model that the tool would take for itself is the one that it may ask; the token is no secret, and nothing looks at it. */
export function claudeEnvironment({ model }: Pick<PromptedBlock, 'model'>, url: string | null): Record<string, string> {
  if (url === null) return {};
  return {
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_AUTH_TOKEN: 'waybill',
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    ANTHROPIC_SMALL_FAST_MODEL: model,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  };
}

export function claudeEvents({ model, guards = {} }: Pick<PromptedBlock, 'model' | 'guards'>): EventReader {
  const guard = createCallGuard(guards);
  let result: AgentEvent | null = null;
  let lastServed: unknown;

  function usage(): AgentUsage[] | null {
    if (result === null) return null;
    const byModel = Object.entries(objectOf(result.modelUsage));
    if (byModel.length > MAX_MODELS) throw unclear(`it used more than ${MAX_MODELS} models`);
    if (byModel.length > 0) return byModel.map(([served, used]) => ofModel(model, served, objectOf(used)));
    const used = objectOf(result.usage);
    if (used.output_tokens === undefined) return null;
    return [withCost({ requested: model, served: modelOf(lastServed), ...tokensIn(used) }, result.total_cost_usd)];
  }

  return {
    take(event) {
      if (event.type === 'result') {
        if (result !== null) throw unclear('it ended twice');
        result = event;
        return [];
      }
      const message = objectOf(event.message);
      if (event.type === 'user') watchResults(message, guard);
      if (event.type !== 'assistant') return [];
      for (const { type, name, input } of listOf(message.content))
        if (type === 'tool_use') guard.called(textOf(name), input);
      // What the tool itself says in the model's place names none.
      if (message.model !== '<synthetic>') lastServed = message.model ?? lastServed;
      return listOf(message.content).flatMap(shown);
    },
    usage,
    end(exit) {
      if (result === null) throw unclear(`it ended with ${exit ?? 'a signal'} and without a result`);
      requireSuccess(result, exit);
      return { usage: usage(), reply: textOf(result.result) };
    },
  };
}

function watchResults(message: AgentEvent, guard: CallGuard): void {
  for (const { type, content, is_error } of listOf(message.content))
    if (type === 'tool_result') guard.told(textOf(content), is_error === true);
}

function requireSuccess(result: AgentEvent, exit: number | null): void {
  const said = textOf(result.result);
  if (result.subtype === 'error_max_turns') throw new AgentEnded('turn_limit', 'it has used up its turns');
  if (result.stop_reason === 'refusal') throw new AgentEnded('model_refused', 'the model refuses');
  if (result.subtype === 'success' && result.is_error !== true) {
    if (exit === 0) return;
    throw new AgentEnded('agent_failed', `it says that all went well, and ended with ${exit ?? 'a signal'}`);
  }
  if (/^prompt is too long/i.test(said)) throw new AgentEnded('context_overflow', 'the model takes no more text');
  if (THROTTLED.includes(Number(result.api_error_status))) throw new AgentEnded('model_throttled', whole(said));
  throw new AgentEnded('agent_failed', `it ended as ${JSON.stringify(result.subtype ?? null)}: ${whole(said)}`);
}

function ofModel(requested: string, served: string, used: AgentEvent): AgentUsage {
  const tokens = {
    inputTokens: tokensOf(used.inputTokens) + tokensOf(used.cacheCreationInputTokens),
    outputTokens: tokensOf(used.outputTokens),
    cachedTokens: tokensOf(used.cacheReadInputTokens),
  };
  return withCost({ requested, served: modelOf(served), ...tokens }, used.costUSD);
}

/** What is written into a cache was read from none. */
function tokensIn(used: AgentEvent): Pick<AgentUsage, 'inputTokens' | 'outputTokens' | 'cachedTokens'> {
  return {
    inputTokens: tokensOf(used.input_tokens) + tokensOf(used.cache_creation_input_tokens),
    outputTokens: tokensOf(used.output_tokens),
    cachedTokens: tokensOf(used.cache_read_input_tokens),
  };
}

function withCost(usage: AgentUsage, usd: unknown): AgentUsage {
  const costMicroUsd = microUsdOf(usd);
  return costMicroUsd === undefined ? usage : { ...usage, costMicroUsd };
}

function shown(content: AgentEvent): string[] {
  if (content.type === 'text') return [textOf(content.text)];
  return content.type === 'tool_use' ? [shownCall(textOf(content.name), content.input)] : [];
}
