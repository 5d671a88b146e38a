import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanGuards } from '@waybill/client/plan';
import { AgentEnded } from '../agent-endings.ts';
import { createCallGuard } from './call-guard.ts';
import { claudeEvents } from './claude-code.ts';
import { codexEvents } from './codex.ts';
import { shownCall, whole } from './shown.ts';

const endsFor = (reason: string) => (error: unknown) => error instanceof AgentEnded && error.path === reason;
const call = (command: string): Record<string, unknown> => ({
  type: 'assistant',
  message: { content: [{ type: 'tool_use', name: 'Bash', input: { command } }] },
});
const answer = (is_error: boolean): Record<string, unknown> => ({
  type: 'user',
  message: { content: [{ type: 'tool_result', content: 'it says', is_error }] },
});
const claude = (guards?: PlanGuards) => claudeEvents({ model: 'm', ...(guards === undefined ? {} : { guards }) });

test('call guard: only what is the same and one after the other counts', () => {
  const guard = createCallGuard({ repeats: 2, errors: 2, toldBytes: 10 });
  guard.called('a', { x: 1 });
  guard.called('a', { x: 2 });
  guard.called('a', { x: 1 });
  assert.throws(() => guard.called('a', { x: 1 }), endsFor('call_repeated'));
  guard.told('one', true);
  guard.told('', false);
  guard.failed('two');
  assert.throws(() => guard.told('again', true), endsFor('errors_repeated'));
  const told = createCallGuard({ toldBytes: 10 });
  told.told('ten bytes.', false);
  assert.throws(() => told.told('x', false), endsFor('output_limit'));
});

test('call guard: of Claude Code the calls and their answers are watched where that is asked for', () => {
  const repeating = claude({ repeats: 2 });
  repeating.take(call('ls'));
  assert.throws(() => repeating.take(call('ls')), endsFor('call_repeated'));
  const failing = claude({ errors: 2 });
  failing.take(answer(true));
  failing.take(answer(false));
  failing.take(answer(true));
  assert.throws(() => failing.take(answer(true)), endsFor('errors_repeated'));
  const free = claude();
  for (let n = 0; n < 20; n += 1) free.take(n % 2 === 0 ? call('ls') : answer(true));
});

const item = (fields: object): Record<string, unknown> => ({ type: 'item.completed', item: fields });
const command = (text: string, exit_code = 0): Record<string, unknown> =>
  item({ type: 'command_execution', command: text, aggregated_output: 'it says', exit_code, status: 'completed' });
const codex = (guards?: PlanGuards) => codexEvents({ model: 'm', ...(guards === undefined ? {} : { guards }) });

test('call guard: of Codex the calls and their answers are watched where that is asked for', () => {
  const repeating = codex({ repeats: 2 });
  repeating.take(command('ls'));
  repeating.take(item({ type: 'reasoning', text: 'Once more.' }));
  assert.throws(() => repeating.take(command('ls')), endsFor('call_repeated'));
  const tooling = codex({ repeats: 2 });
  const call = item({ type: 'mcp_tool_call', server: 's', tool: 't', arguments: { x: 1 }, status: 'completed' });
  tooling.take(call);
  assert.throws(() => tooling.take(call), endsFor('call_repeated'));
  const asking = codex({ repeats: 2 });
  const spawned = (prompt: string, status: string): Record<string, unknown> =>
    item({ type: 'collab_tool_call', id: status, tool: 'spawn_agent', prompt, status, agents_states: { status } });
  asking.take(spawned('one', 'completed'));
  asking.take(spawned('two', 'completed'));
  assert.throws(() => asking.take(spawned('two', 'failed')), endsFor('call_repeated'));
  const failing = codex({ errors: 2 });
  failing.take(command('false', 1));
  failing.take(command('true'));
  failing.take(item({ type: 'file_change', id: 'a', status: 'failed' }));
  assert.throws(() => failing.take(command('false', 1)), endsFor('errors_repeated'));
  const free = codex();
  for (let n = 0; n < 20; n += 1) free.take(command('false', 1));
});

test('call guard: changes of one file by Codex, and what is no call at all, are never the same call again', () => {
  const changing = codex({ repeats: 2 });
  const paths = [{ path: 'a.ts', kind: 'update' }];
  for (const id of ['one', 'two', undefined, undefined])
    changing.take(item({ type: 'file_change', id, changes: paths, status: 'completed' }));
  for (const type of ['agent_message', 'constructor', 'error']) {
    changing.take(item({ type, text: 'the same' }));
    changing.take(item({ type, text: 'the same' }));
  }
});

const SECRET = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
/** Where a text could be cut at any of these, it ends amid the secret. */
const TEXTS = [100, 500, 2_000, 8_000, 16_000].map((at) => `${'x'.repeat(at - 20)}${SECRET}`);
const problemOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof AgentEnded) return error.problem;
  }
  return 'it did not end';
};

test('agents: what the log says of them is whole or not there, since the wrapper would not know the part of a secret', () => {
  for (const text of TEXTS) {
    const failed = codex();
    failed.take({ type: 'turn.failed', error: { message: text } });
    const [shown] = codex().take(item({ type: 'command_execution', command: text, exit_code: 0 }));
    const [called] = claude().take(call(text));
    const ended = claude();
    ended.take({ type: 'result', subtype: 'error', result: text });
    const throttled = claude();
    throttled.take({ type: 'result', is_error: true, api_error_status: 429, result: text });
    const said = [
      ...[shown, called, shownCall(text, {}), shownCall('a', { [text]: [text] }), whole(text)].map(String),
      ...[failed, ended, throttled].map((events) => problemOf(() => events.end(1))),
      problemOf(() => createCallGuard({ errors: 1 }).told(text, true)),
      problemOf(() => createCallGuard({ repeats: 1 }).called(text, {})),
    ];
    for (const each of said) {
      assert.ok(
        each.includes(text) || (/\d+ characters, not shown/.test(each) && !each.includes(SECRET.slice(0, 8))),
        each,
      );
    }
  }
});
