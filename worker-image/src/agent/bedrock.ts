/** A loop of our own between a model of Bedrock and the tools of a block, which ends when the model has nothing more to do. */
import type { PlanGuards, PromptedBlock } from '@waybill/client/plan';
import { AgentEnded } from '../agent-endings.ts';
import { createCallGuard } from './call-guard.ts';
import type { AgentEvent } from './cli-events.ts';
import { type Answer, type Content, converse } from './converse.ts';
import { show, shownCall, whole } from './shown.ts';
import { EVERY_TOOL, type ToolPlaces, type ToolResult, toolConfig, useTool } from './tools.ts';

const TURNS = 100;
/** What is told stays in the conversation, and is paid with every answer. */
const GUARDS: PlanGuards = { repeats: 4, errors: 6, toldBytes: 4 * 1024 * 1024 };

const SYSTEM =
  'You work alone, in a sandbox without a network. Do what you are asked with the tools you have, in the workspace, and check what ' +
  'you did. Files to hand on stand below $WAYBILL_OUTPUTS. What a later try should go on from stands below ' +
  '$WAYBILL_CHECKPOINT: look there first. When all is done, answer with a short summary and call no tool.';
const CUT = 'Your answer was too long and is cut off. Go on in smaller steps.';

interface Message {
  role: 'user' | 'assistant';
  content: (Content | { toolResult: object })[];
}

/** Resolves with its last message. Throws AgentEnded when it does not come to one. */
export async function runBedrock(
  { model, maxTurns = TURNS, tools = [...EVERY_TOOL], guards }: PromptedBlock,
  prompt: string,
  places: ToolPlaces & { socket: string },
): Promise<string> {
  const messages: Message[] = [{ role: 'user', content: [{ text: prompt }] }];
  const guard = createCallGuard({ ...GUARDS, ...guards });
  for (let turn = 1; turn <= maxTurns; turn += 1) {
    const asked = { system: [{ text: SYSTEM }], messages, toolConfig: toolConfig(tools) };
    const answer = await converse(places.socket, model, asked, show);
    const text = answer.content.flatMap((part) => ('text' in part ? [part.text] : [])).join('\n');
    if (text !== '') show(text);
    const calls = callsOf(answer);
    if (isOver(answer.stopReason)) return text;
    if (calls.length === 0) {
      // Nothing can be answered to a call that is no whole one, so that it is not kept.
      guard.failed(CUT);
      messages.push({ role: 'assistant', content: [{ text: text === '' ? '(cut off)' : text }] });
      messages.push({ role: 'user', content: [{ text: CUT }] });
      continue;
    }
    messages.push({ role: 'assistant', content: answer.content });
    const results: Message['content'] = [];
    for (const { toolUseId, name, input } of calls) {
      show(shownCall(name, input));
      guard.called(name, input);
      const result = answer.garbled.has(toolUseId) ? GARBLED : await useTool(name, input, tools, places);
      if (result.isAsking) return text;
      guard.told(result.text, result.isError === true);
      const status = result.isError ? 'error' : 'success';
      results.push({ toolResult: { toolUseId, content: [{ text: result.text || '(nothing)' }], status } });
    }
    messages.push({ role: 'user', content: results });
  }
  throw new AgentEnded('turn_limit', `it has used up its ${maxTurns} turns`);
}

const GARBLED: ToolResult = { text: 'what the call was given is no JSON object', isError: true };

/** Of an answer that was cut off, the last call may be half of what was meant. */
function callsOf({ content, stopReason }: Answer): { toolUseId: string; name: string; input: AgentEvent }[] {
  if (stopReason !== 'tool_use') return [];
  return content.flatMap((part) => ('toolUse' in part ? [part.toolUse] : []));
}

/** Throws AgentEnded where there is no going on. */
function isOver(stopReason: string): boolean {
  switch (stopReason) {
    case 'end_turn':
    case 'stop_sequence':
      return true;
    case 'tool_use':
    case 'max_tokens':
    case 'malformed_model_output':
    case 'malformed_tool_use':
      return false;
    case 'guardrail_intervened':
    case 'content_filtered':
    case 'refusal':
      throw new AgentEnded('model_refused', `the model stopped for ${stopReason}`);
    case 'model_context_window_exceeded':
      throw new AgentEnded('context_overflow', 'the model takes no more text');
    default:
      throw new AgentEnded('agent_unclear', `the model stopped for ${JSON.stringify(whole(stopReason))}`);
  }
}
