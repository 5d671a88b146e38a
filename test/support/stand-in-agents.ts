/**
 * Command line agents of ours that say what Claude Code and Codex say when they are not interactive: the same options, the
 * same lines. What they play is the first word of their prompt, so that one program can end well and in every other way.
 */

/** What both begin with: the prompt from stdin, a way to say an event, and what is played. */
const HEAD = `#!/usr/bin/env node
import { writeFileSync } from 'node:fs';
let prompt = '';
for await (const text of process.stdin.setEncoding('utf8')) prompt += text;
const argv = process.argv.slice(2);
const option = (name) => argv[argv.indexOf(name) + 1];
const say = (event) => process.stdout.write(JSON.stringify(event) + '\\n');
const play = prompt.split(' ')[0];
writeFileSync('argv.json', JSON.stringify(argv));
// What stands behind the first word is added to the request.
async function call(url, body) {
  const more = JSON.parse(prompt.slice('call'.length).trim() || '{}');
  const headers = { 'content-type': 'application/json', authorization: 'Bearer of the block', cookie: 'a=b' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ ...body, stream: true, ...more }) });
  writeFileSync('answer', answer.status + ' ' + (await answer.text()));
}
if (play === 'hang') setInterval(() => {}, 1_000);
else if (play === 'ask') writeFileSync(process.env.WAYBILL_OUTPUTS + '/question.txt', 'Which one?');
`;

/** Plays: well, call, twice, turns, refuse, long, busy, cut, noise, tokens, huge, liar, ask, hang. */
export const CLAUDE_STAND_IN: string = `${HEAD}
if (!argv.includes('-p') || option('--output-format') !== 'stream-json' || !argv.includes('--verbose')) process.exit(64);
const model = option('--model');
if (play === 'call') await call(process.env.ANTHROPIC_BASE_URL + '/v1/messages?beta=true', { model, messages: [] });
const served = play === 'other' ? 'claude-haiku-4-5' : model;
say({ type: 'system', subtype: 'init', session_id: 's', model, tools: ['Edit'], permissionMode: 'acceptEdits' });
if (play === 'noise') process.stdout.write('npm notice a new version\\nnull\\n[1]\\n');
if (play === 'huge') process.stdout.write('x'.repeat(17 * 1024 * 1024));
const content = [{ type: 'text', text: 'I change a file.' }, { type: 'tool_use', id: 't', name: 'Edit', input: { file_path: 'made' } }];
say({ type: 'assistant', session_id: 's', parent_tool_use_id: null, message: { id: 'm', role: 'assistant', model: served, content } });
writeFileSync('made', prompt);
if (play === 'cut') process.exit(0);
const used = { inputTokens: 100, outputTokens: 20, cacheReadInputTokens: 7, cacheCreationInputTokens: 3, costUSD: 0.0012345 };
const result = {
  type: 'result', subtype: 'success', is_error: false, num_turns: 2, result: 'Done: ' + prompt, session_id: 's', stop_reason: 'end_turn',
  total_cost_usd: 0.0012345, usage: { input_tokens: 100, output_tokens: 20 }, modelUsage: { [served]: used }, permission_denials: [],
};
const PLAYS = {
  turns: { subtype: 'error_max_turns', is_error: true },
  refuse: { stop_reason: 'refusal' },
  long: { is_error: true, result: 'Prompt is too long' },
  busy: { is_error: true, api_error_status: 429, result: 'API Error: 429' },
  broken: { subtype: 'error_during_execution', is_error: true, result: undefined },
  tokens: { modelUsage: { [served]: { ...used, outputTokens: -1 } } },
};
say({ ...result, ...PLAYS[play] });
if (play === 'twice') say(result);
if (play === 'liar') process.exit(3);
`;

/** Plays: well, call, reconnect, fail, long, busy, cut, tokens, cache, liar. */
export const CODEX_STAND_IN: string = `${HEAD}
if (argv[0] !== 'exec' || !argv.includes('--json') || argv.at(-1) !== '-') process.exit(64);
if (play === 'call') {
  const [, url] = /base_url = "([^"]*)"/.exec(argv.join(' '));
  await call(url + '/responses', { model: option('--model'), input: [] });
}
say({ type: 'thread.started', thread_id: 't' });
say({ type: 'turn.started' });
if (play === 'reconnect') say({ type: 'error', message: 'Reconnecting... 1/5' });
const item = (item) => say({ type: 'item.completed', item: { id: 'i', ...item } });
item({ type: 'reasoning', text: 'thinking' });
item({ type: 'command_execution', command: 'touch made', aggregated_output: '', exit_code: 0, status: 'completed' });
writeFileSync('made', prompt);
item({ type: 'agent_message', text: 'Done: ' + prompt });
const fail = (message) => say({ type: 'turn.failed', error: { message } });
if (play === 'fail') fail('stream disconnected before completion');
else if (play === 'long') fail("the input exceeds the model's context window");
else if (play === 'busy') fail('exceeded retry limit, last status: 429 Too Many Requests');
else if (play === 'tokens') say({ type: 'turn.completed', usage: {} });
else if (play === 'cache') say({ type: 'turn.completed', usage: { input_tokens: 1, cached_input_tokens: 2, output_tokens: 1 } });
else if (play !== 'cut') say({ type: 'turn.completed', usage: { input_tokens: 100, cached_input_tokens: 40, output_tokens: 20 } });
if (play === 'fail' || play === 'liar') process.exit(1);
`;
