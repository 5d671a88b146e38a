import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compiled, flowOf, partOf } from '../test/flow-sample.ts';
import { item, parsed, refusalsFor, runOf, SCRIPT, summary } from '../test/run-sample.ts';
import { compileItems } from './compile.ts';
import { compileFlow } from './compile-flow.ts';
import { readPrompt } from './prompt-template.ts';

const CLAUDE = { block: 'agent', adapter: 'claude-code', model: 'claude-sonnet-4-5', prompt: 'Do it.' };
const CODEX = { block: 'agent', adapter: 'codex', model: 'gpt-5', prompt: 'Do it.' };
const BEDROCK = { block: 'agent', adapter: 'bedrock', model: 'eu.anthropic.claude:0', prompt: 'Do it.' };
const B = 'spec.items[0].pipeline[0]';

const refused = (block: object, more: object = {}): string[] =>
  summary(refusalsFor(runOf([item('a', { pipeline: [block], ...more })])));

describe('agents with a prompt:', () => {
  it('the plan holds what was written, with its time in milliseconds, and of what was not written nothing', () => {
    const full = { ...CLAUDE, promptFile: 'p/tidy.md', tools: ['Bash(git log *)'], maxTurns: 9, reply: 'r.md' };
    const pipeline = [
      { ...full, program: './claude', timeout: '2m' },
      { ...CODEX, sandbox: 'read-only' },
      CODEX,
      BEDROCK,
    ];
    const items = compileItems(parsed(runOf([item('a', { pipeline })])));
    assert.ok(items.ok);
    assert.deepEqual(items.items[0]?.pipeline, [
      { ...full, program: './claude', timeoutMs: 120_000 },
      { ...CODEX, sandbox: 'read-only' },
      CODEX,
      BEDROCK,
    ]);
  });

  it('the plan holds the guards of a block in milliseconds and bytes, and none where nothing is said', () => {
    const guards = { stall: '10m', output: '2Mi', told: '8Mi', repeats: 3, errors: 9 };
    const pipeline = [
      { ...BEDROCK, guards },
      { block: 'script', run: 'x', guards: { stall: '5s' } },
      { ...CODEX, guards: {} },
    ];
    const items = compileItems(parsed(runOf([item('a', { pipeline })])));
    assert.ok(items.ok);
    const planned = { stallMs: 600_000, outputBytes: 2_097_152, toldBytes: 8_388_608, repeats: 3, errors: 9 };
    assert.deepEqual(items.items[0]?.pipeline, [
      { ...BEDROCK, guards: planned },
      { block: 'script', run: 'x', guards: { stallMs: 5_000 } },
      CODEX,
    ]);
  });

  const malformed: [string, object, ...string[]][] = [
    ['no prompt', { ...CLAUDE, prompt: undefined }, `SPEC_INVALID ${B}.prompt`],
    ['an empty prompt', { ...CLAUDE, prompt: '' }, `SPEC_INVALID ${B}.prompt`],
    ['a prompt with a key in it', { ...CLAUDE, prompt: 'AKIAIOSFODNN7EXAMPLE' }, `SPEC_CREDENTIAL ${B}.prompt`],
    ['a prompt that is too long', { ...CLAUDE, prompt: 'x'.repeat(65_537) }, `SPEC_LIMIT ${B}.prompt`],
    ['a prompt file that leaves the workspace', { ...CODEX, promptFile: '../p' }, `SPEC_INVALID ${B}.promptFile`],
    ['an absolute prompt file', { ...CODEX, promptFile: '/p' }, `SPEC_INVALID ${B}.promptFile`],
    ['no model', { ...CODEX, model: undefined }, `SPEC_INVALID ${B}.model`],
    ['a model that is an option', { ...CODEX, model: '--yolo' }, `SPEC_INVALID ${B}.model`],
    ['a model of two words', { ...CODEX, model: 'a b' }, `SPEC_INVALID ${B}.model`],
    ['a program that is an option', { ...CODEX, program: '-x' }, `SPEC_INVALID ${B}.program`],
    ['a reply outside', { ...CODEX, reply: '../r' }, `SPEC_INVALID ${B}.reply`],
    ['a tool that is an option', { ...CLAUDE, tools: ['--yolo'] }, `SPEC_INVALID ${B}.tools[0]`],
    ['no tools at all', { ...CLAUDE, tools: [] }, `SPEC_INVALID ${B}.tools`],
    ['too many tools', { ...CLAUDE, tools: Array(65).fill('Read') }, `SPEC_LIMIT ${B}.tools`],
    ['answers to Codex', { ...CODEX, guards: { told: '1Mi' } }, `SPEC_UNKNOWN_KEY ${B}.guards.told`],
    ['answers to Claude Code', { ...CLAUDE, guards: { told: '1Mi' } }, `SPEC_UNKNOWN_KEY ${B}.guards.told`],
    ['one call as many', { ...BEDROCK, guards: { repeats: 1 } }, `SPEC_LIMIT ${B}.guards.repeats`],
    ['too many errors', { ...BEDROCK, guards: { errors: 101 } }, `SPEC_LIMIT ${B}.guards.errors`],
    ['a stall of no time', { ...CODEX, guards: { stall: '999ms' } }, `SPEC_LIMIT ${B}.guards.stall`],
    ['an output of nothing', { ...CODEX, guards: { output: '1Ki' } }, `SPEC_LIMIT ${B}.guards.output`],
    ['no turns', { ...CLAUDE, maxTurns: 0 }, `SPEC_LIMIT ${B}.maxTurns`],
    ['too many turns', { ...CLAUDE, maxTurns: 1_001 }, `SPEC_LIMIT ${B}.maxTurns`],
    ['turns of Codex, which counts none', { ...CODEX, maxTurns: 3 }, `SPEC_UNKNOWN_KEY ${B}.maxTurns`],
    ['a sandbox of Claude Code', { ...CLAUDE, sandbox: 'read-only' }, `SPEC_UNKNOWN_KEY ${B}.sandbox`],
    ['a sandbox of another name', { ...CODEX, sandbox: 'none' }, `SPEC_INVALID ${B}.sandbox`],
    ['a tool that the loop with Bedrock has not', { ...BEDROCK, tools: ['Bash'] }, `SPEC_INVALID ${B}.tools[0]`],
    ['a program of Bedrock', { ...BEDROCK, program: 'x' }, `SPEC_UNKNOWN_KEY ${B}.program`],
    ['a command beside the prompt', { ...CLAUDE, command: ['x'] }, `SPEC_UNKNOWN_KEY ${B}.command`],
    ['braces around nothing', { ...CLAUDE, prompt: 'Use {{ this }}.' }, `SPEC_INVALID ${B}.prompt`],
    ['a value of a text', { ...CLAUDE, prompt: '{{text a /b}}' }, `SPEC_INVALID ${B}.prompt`],
    ['an input that the item has not', { ...CLAUDE, prompt: '{{text a}}' }, `SPEC_UNKNOWN_REFERENCE ${B}.prompt`],
  ];
  for (const [title, block, ...expected] of malformed) {
    it(`${title}: refused with its path`, () => {
      const written = Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined));
      assert.deepEqual(refused(written), expected);
    });
  }

  it('a prompt may take what the item needs, reads, or is one of many for, and of anything else that it may miss it', () => {
    const up = item('up', { pipeline: [SCRIPT, { block: 'capture', what: 'outputs' }] });
    const needs = { one: { from: 'up', select: { output: 'x' } } };
    const block = { ...CLAUDE, prompt: '{{text one}} {{json part /a/0}} {{path? other}} {{{{' };
    const split = { forEach: { from: 'up', outputs: 'o/', as: 'part' } };
    assert.deepEqual(refusalsFor(runOf([up, item('a', { pipeline: [block], needs, ...split })])), []);
    const [path] = summary(refusalsFor(runOf([up, item('a', { pipeline: [block], ...split })])));
    assert.equal(path, 'SPEC_UNKNOWN_REFERENCE spec.items[1].pipeline[0].prompt');
  });

  it('a template is cut at its places, and two braces can be written', () => {
    assert.deepEqual(readPrompt('a {{json? k /x~1y}} {{{{ b'), {
      ok: true,
      parts: [
        { kind: 'literal', text: 'a ' },
        { kind: 'json', key: 'k', pointer: '/x~1y', mayMiss: true },
        { kind: 'literal', text: ' ' },
        { kind: 'literal', text: '{{' },
        { kind: 'literal', text: ' b' },
      ],
    });
    for (const wrong of ['{{', '{{text}}', '{{file a}}', '{{text A}}', '{{text a', '{{path a /b}}']) {
      assert.equal(readPrompt(wrong).ok, false, wrong);
    }
  });
});

describe('agents with a prompt in a flow:', () => {
  const { block: _block, ...agent } = CLAUDE;
  const quiet = { adapter: 'codex', model: 'gpt-5' };

  it('a task adds its input to the prompt of the agent, or is all of it', () => {
    const agents = { fixer: { ...agent, tools: ['Edit'] }, asker: { adapter: 'codex', model: 'gpt-5' } };
    const tasks = [
      { id: 'a', agent: 'fixer', input: ['Now.', 'Here.'] },
      { id: 'b', agent: 'fixer' },
      { id: 'c', agent: 'asker', input: 'Why?' },
    ];
    const { spec } = compiled(flowOf(tasks, { agents }));
    assert.deepEqual(
      spec.items.map(({ pipeline }) => pipeline?.[0]),
      [
        { ...CLAUDE, tools: ['Edit'], prompt: 'Do it.\n\nNow.\n\nHere.' },
        { ...CLAUDE, tools: ['Edit'] },
        { ...CODEX, prompt: 'Why?' },
      ],
    );
  });

  it('guards of an agent are those of its block, whatever it runs', () => {
    const guards = { stall: '10m', repeats: 3 };
    const agents = {
      codex: { adapter: 'codex', model: 'gpt-5', guards },
      script: { run: 'make', guards: { stall: '10m' } },
      program: { command: ['my-agent'], guards: { output: '2Mi' } },
    };
    const tasks = Object.keys(agents).map((name) => ({ id: name, agent: name, input: 'Do it.' }));
    const { spec } = compiled(flowOf(tasks, { agents }));
    assert.deepEqual(
      spec.items.map(({ pipeline: [block] = [] }) => (block as { guards?: object }).guards),
      [guards, { stall: '10m' }, { output: '2Mi' }],
    );
  });

  const flows: [string, object, ...string[]][] = [
    ['calls of a script', { run: 'x', guards: { repeats: 2 } }, 'SPEC_UNKNOWN_KEY agents.x.guards.repeats'],
    ['calls of a program', { command: ['x'], guards: { errors: 2 } }, 'SPEC_UNKNOWN_KEY agents.x.guards.errors'],
    ['what Codex is told', { ...quiet, prompt: 'p', guards: { told: '2Mi' } }, 'SPEC_UNKNOWN_KEY agents.x.guards.told'],
    ['a program beside an adapter', { ...agent, run: 'x' }, 'SPEC_INVALID agents.x'],
    ['an adapter without a model', { adapter: 'codex', prompt: 'p' }, 'SPEC_INVALID agents.x.model'],
    ['a key of another adapter', { ...agent, sandbox: 'read-only' }, 'SPEC_UNKNOWN_KEY agents.x.sandbox'],
    ['a model of a script', { run: 'x', model: 'm' }, 'SPEC_INVALID agents.x.model'],
    ['a lens of an agent', { ...agent, lens: 'gate' }, 'SPEC_INVALID agents.x.lens'],
    ['an agent that is told nothing', { adapter: 'codex', model: 'm' }, 'SPEC_INVALID tasks[0].input'],
    ['braces around nothing', { ...agent, prompt: 'Use {{nope}}.' }, 'SPEC_INVALID agents.x.prompt'],
    ['an input that the task has not', { ...agent, prompt: '{{text k}}' }, 'SPEC_UNKNOWN_REFERENCE agents.x.prompt'],
  ];
  for (const [title, defined, ...expected] of flows) {
    it(`${title}: refused with its path`, () => {
      const judged = compileFlow(flowOf([{ id: 'a', agent: 'x' }], { agents: { x: defined } }), new Map());
      assert.deepEqual(judged.ok ? [] : summary(judged.refusals), expected);
    });
  }

  const KEY = 'AKIAIOSFODNN7EXAMPLE';
  const inputs: [string, object, string | string[], ...string[]][] = [
    ['a key in it', agent, KEY, 'SPEC_CREDENTIAL'],
    ['a key in a list of it, of an agent without a prompt', quiet, ['Use', KEY], 'SPEC_CREDENTIAL'],
    ['it is too long beside the prompt', { ...quiet, prompt: 'x'.repeat(60_000) }, 'y'.repeat(6_000), 'SPEC_LIMIT'],
    ['it is empty, and there is no prompt', quiet, '', 'SPEC_INVALID'],
    ['braces around nothing', agent, 'Use {{nope}}.', 'SPEC_INVALID'],
    ['an input that the task has not', agent, 'Use {{text k}}.', 'SPEC_UNKNOWN_REFERENCE'],
    ['more words than a program takes', { command: ['x'] }, Array(256).fill('y'), 'SPEC_LIMIT'],
  ];
  for (const [title, defined, input, code] of inputs) {
    it(`what a task says to its agent, ${title}: refused where it stands`, () => {
      const tasks = [{ parallel: [{ sequential: [{ id: 'a', agent: 'x', input }] }] }];
      const judged = compileFlow(flowOf(tasks, { agents: { x: defined } }), new Map());
      const path = 'tasks[0].parallel[0].sequential[0].input';
      assert.deepEqual(judged.ok ? [] : summary(judged.refusals), [`${code} ${path}`]);
    });
  }

  it('a place of the prompt that one task of the agent has no input for names the task', () => {
    const tasks = [{ id: 'a', agent: 'x' }];
    const agents = { x: { ...agent, prompt: '{{text k}}' } };
    const judged = compileFlow(flowOf(tasks, { agents }), new Map());
    assert.equal(judged.ok ? '' : judged.refusals[0]?.problem, 'the task "a" has no input "k"');
  });

  it('what stands in an included file is told there, and a script too long for an argument at the script', () => {
    const part = { agents: { x: { ...agent, prompt: '{{text k}}' }, y: { run: 'x'.repeat(40_000) } } };
    const files = new Map([['p.yaml', { ok: true as const, value: partOf(part) }]]);
    const include = ['p.yaml'];
    const asked = compileFlow(flowOf([{ id: 'a', agent: 'x' }], { include }), files);
    assert.deepEqual(asked.ok ? [] : summary(asked.refusals), ['SPEC_UNKNOWN_REFERENCE p.yaml: agents.x.prompt']);
    const long = compileFlow(flowOf([{ id: 'a', agent: 'y', input: 'z' }], { include }), files);
    assert.deepEqual(long.ok ? [] : summary(long.refusals), ['SPEC_LIMIT p.yaml: agents.y.run']);
  });
});
