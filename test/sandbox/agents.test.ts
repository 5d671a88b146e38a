/** Agents with a prompt: the adapters in the sandbox, with command line tools of ours that speak as the real ones do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Block, PromptedBlock } from '@waybill/client/plan';
import { ISOLATIONS, openIsolations } from '../support/isolations.ts';
import type { AttemptSpec } from '../support/signed-lease.ts';
import { CLAUDE_STAND_IN, CODEX_STAND_IN } from '../support/stand-in-agents.ts';
import type { AttemptEnd } from '../support/worker-bed.ts';

const STAND_INS = { 'claude-code': CLAUDE_STAND_IN, codex: CODEX_STAND_IN };
const MODEL = 'claude-sonnet-4-5';
/** Inputs may not be executed. */
const INSTALL: Block = { block: 'script', run: 'cp "$WAYBILL_INPUTS/tool" tool.mjs && chmod +x tool.mjs' };
const CAPTURE: Block = { block: 'capture', what: 'outputs' };
const KEEP: Block = { block: 'script', run: 'cp made argv.json "$WAYBILL_OUTPUTS"' };

type Tool = keyof typeof STAND_INS;

function agent(adapter: Tool, more: Partial<Omit<PromptedBlock, 'adapter'>> = {}): PromptedBlock & { adapter: Tool } {
  return { block: 'agent', adapter, model: MODEL, program: './tool.mjs', prompt: 'well', ...more };
}

const places = openIsolations({ allowUnsandboxed: true });

function play(block: PromptedBlock & { adapter: Tool }, spec: Partial<AttemptSpec> = {}): Promise<AttemptEnd> {
  const inputs = { tool: STAND_INS[block.adapter], ...spec.inputs };
  const whole = { pipeline: [INSTALL, block, KEEP, CAPTURE], ...spec, inputs };
  return places.run(whole);
}

const verdictOf = ({ result }: AttemptEnd): unknown[] => [result?.outcome, result?.reason];

for (const isolation of ISOLATIONS) {
  describe(`agents with a prompt, isolation ${isolation}:`, () => {
    const test = (title: string, body: () => Promise<void>): void => places.test(isolation, title, body);

    test('Claude Code is given its prompt with the inputs in it, and leaves usage, a reply and its log', async () => {
      const block = agent('claude-code', {
        prompt: 'well: {{text notes}} {{json verdict /reason}}',
        tools: ['Read', 'Bash(git log *)'],
        maxTurns: 4,
        reply: 'out/reply.md',
      });
      const inputs = { notes: 'Mend it.', verdict: '{"reason":"red","n":[1]}' };
      const end = await play(block, { isolation, inputs });
      assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
      assert.equal(end.outputs.get('outputs/made')?.toString(), 'well: Mend it. red');
      assert.equal(end.outputs.get('outputs/out/reply.md')?.toString(), 'Done: well: Mend it. red');
      assert.deepEqual(JSON.parse(String(end.outputs.get('outputs/argv.json'))), [
        ...['-p', '--output-format', 'stream-json', '--verbose', '--model', MODEL, '--max-turns', '4'],
        ...['--permission-mode', 'dontAsk', '--allowedTools', 'Read', 'Bash(git log *)'],
      ]);
      const tokens = { inputTokens: 103, outputTokens: 20, cachedTokens: 7 };
      assert.deepEqual(end.result?.usage, [
        { block: 1, requested: MODEL, served: MODEL, ...tokens, costMicroUsd: 1_235 },
      ]);
      assert.match(
        end.log,
        /block 2 of 4: agent claude-code ---\nI change a file\.\n\[Edit\] \{"file_path":"made"\}\n/,
      );
    });

    test('Codex is given its prompt, and the model that answered is unknown, since it does not say', async () => {
      const end = await play(agent('codex', { sandbox: 'danger-full-access', reply: 'r' }), { isolation });
      assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
      assert.deepEqual(JSON.parse(String(end.outputs.get('outputs/argv.json'))), [
        ...['exec', '--json', '--skip-git-repo-check', '--sandbox', 'danger-full-access', '--model', MODEL, '-'],
      ]);
      const tokens = { inputTokens: 60, outputTokens: 20, cachedTokens: 40 };
      assert.deepEqual(end.result?.usage, [{ block: 1, requested: MODEL, served: 'unknown', ...tokens }]);
      assert.equal(end.outputs.get('outputs/r')?.toString(), 'Done: well');
    });

    test('an agent over its time is ended with what it started, and nobody says what it used', async () => {
      const end = await play(agent('claude-code', { prompt: 'hang', timeoutMs: 3_000 }), { isolation });
      assert.deepEqual(verdictOf(end), ['timed_out', 'timeout'], end.log);
      assert.equal(end.result?.usage, undefined);
    });
  });
}

describe('agents with a prompt end:', () => {
  const isolation = 'none';
  for (const [adapter, played, outcome, reason, isCounted] of [
    ['claude-code', 'noise', 'succeeded', 'ok', true],
    ['claude-code', 'other', 'succeeded', 'ok', true],
    ['claude-code', 'turns', 'deferred', 'turn_limit', true],
    ['claude-code', 'refuse', 'policy_blocked', 'model_refused', true],
    ['claude-code', 'long', 'failed', 'context_overflow', true],
    ['claude-code', 'busy', 'failed', 'model_throttled', true],
    ['claude-code', 'broken', 'failed', 'agent_failed', true],
    ['claude-code', 'liar', 'failed', 'agent_failed', true],
    ['claude-code', 'cut', 'failed', 'agent_unclear', false],
    ['claude-code', 'twice', 'failed', 'agent_unclear', true],
    ['claude-code', 'tokens', 'failed', 'agent_unclear', false],
    ['claude-code', 'huge', 'failed', 'agent_unclear', false],
    ['codex', 'reconnect', 'succeeded', 'ok', true],
    ['codex', 'fail', 'failed', 'agent_failed', false],
    ['codex', 'long', 'failed', 'context_overflow', false],
    ['codex', 'busy', 'failed', 'model_throttled', false],
    ['codex', 'cut', 'failed', 'agent_unclear', false],
    ['codex', 'tokens', 'failed', 'agent_unclear', false],
    ['codex', 'cache', 'failed', 'agent_unclear', false],
    ['codex', 'liar', 'failed', 'agent_failed', true],
  ] as const) {
    it(`${adapter} that plays "${played}" as ${outcome} for ${reason}, ${isCounted ? 'with' : 'without'} usage`, async () => {
      const end = await play(agent(adapter, { prompt: played }), { isolation });
      assert.deepEqual([...verdictOf(end), end.result?.usage !== undefined], [outcome, reason, isCounted], end.log);
    });
  }

  it('the model that answered is recorded beside the one that was asked', async () => {
    const end = await play(agent('claude-code', { prompt: 'other' }), { isolation });
    const [usage] = end.result?.usage ?? [];
    assert.deepEqual([usage?.requested, usage?.served], [MODEL, 'claude-haiku-4-5']);
  });

  it('a tool that is not there, a prompt whose input is none, and one whose file is missing say so', async () => {
    const missing = await play(agent('codex', { program: './none' }), { isolation });
    assert.deepEqual(verdictOf(missing), ['failed', 'agent_missing'], missing.log);
    assert.match(missing.log, /agent_missing: .* cannot be started\. Install it/);
    assert.doesNotMatch(missing.log, /RESULT_INVALID/);
    const nothing = [{ block: 1, requested: MODEL, inputTokens: 0, outputTokens: 0, cachedTokens: 0 }];
    assert.deepEqual(missing.result?.usage, nothing);
    for (const more of [
      { prompt: '{{json tool /a}}' },
      { prompt: '{{json verdict /b}}' },
      { prompt: '{{text bytes}}' },
      { promptFile: 'none.md' },
      { promptFile: 'template.md' },
    ]) {
      const inputs = { verdict: '{"a":1}', bytes: 'a\0b' };
      const pipeline: Block[] = [INSTALL, { block: 'script', run: "echo '{{x}}' > template.md" }, agent('codex', more)];
      const end = await play(agent('codex'), { isolation, inputs, pipeline });
      assert.deepEqual(verdictOf(end), ['failed', 'prompt_invalid'], end.log);
    }
  });

  it('a question that it leaves is asked, and what was answered is told the next time', async () => {
    const asking = await play(agent('claude-code', { prompt: 'ask' }), { isolation });
    assert.deepEqual([...verdictOf(asking), asking.result?.question], ['deferred', 'needs_input', 'Which one?']);
    const inputs = { 'question-1.txt': 'Which one?', 'answer-1.txt': 'The left one.' };
    const told = await play(agent('claude-code'), { isolation, inputs });
    const prompt = 'well\n\nYou asked:\nWhich one?\n\nThe answer:\nThe left one.';
    assert.equal(told.outputs.get('outputs/made')?.toString(), prompt, told.log);
  });

  it('an agent that runs any program keeps its exit codes for itself', async () => {
    const block: Block = { block: 'agent', adapter: 'command', command: ['/bin/sh', '-c', 'exit 57'] };
    const end = await places.bed.run({ pipeline: [block], isolation });
    assert.deepEqual(verdictOf(end), ['failed', 'exit_nonzero']);
  });
});
