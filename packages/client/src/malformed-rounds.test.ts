/** Flows with rounds or includes that are wrong: the exact code and path of everything that is said about them. */
import { type Mutation, whole } from '../test/flow-mutations.ts';
import { AGENTS, flowOf, partOf, taking, task } from '../test/flow-sample.ts';
import { judged } from '../test/malformed-flows.suite.ts';

const of = (...tasks: object[]): unknown => flowOf(tasks);
const side = (...tasks: object[]): object => ({ parallel: tasks });
const row = (...tasks: object[]): object => ({ sequential: tasks });
const rounds = (...body: object[]): object => ({ loop: { max: 3, body } });
const until = (condition: object, ...body: object[]): object => ({ loop: { until: condition, max: 3, body } });
const gate = (id: string, more: object = {}): object => ({ id, gate: { run: 'true', ...more } });
const done = (from: string): object => ({ from, state: 'done' });
const failed = (from: string): object => ({ from, state: 'failed' });
const valued = (from: string): object => ({ from, output: 'out', equals: 1 });

const ROUNDS: Mutation[] = [
  ['an end that asks nobody', of(until(done('x'), task('a'))), 'SPEC_UNKNOWN_REFERENCE tasks[0].loop.until.from'],
  [
    'an end that asks outside of the loop',
    of(task('a'), until(valued('a'), task('b'))),
    'SPEC_INVALID tasks[1].loop.until.from',
  ],
  [
    'an end that asks what comes later',
    of(until(valued('b'), task('a')), task('b')),
    'SPEC_INVALID tasks[0].loop.until.from',
  ],
  [
    'an end that asks for no value',
    of(until(valued('a'), task('a', { agent: 'quiet' }))),
    'SPEC_INVALID tasks[0].loop.until.output',
  ],
  [
    'an end that asks a loop in the loop',
    of(until(valued('b'), until(valued('b'), task('b')))),
    'SPEC_INVALID tasks[0].loop.until.from',
  ],
  [
    'an end that asks a mended gate',
    of(until(done('g'), gate('g', { max: 1, fix: [task('a')] }))),
    'SPEC_INVALID tasks[0].loop.until.from',
  ],
  ['an end by who ends everything', of(until(done('a'), task('a'))), 'SPEC_INVALID tasks[0].loop.until.state'],
  [
    'an end by a failure that ends everything',
    of(until({ not: failed('a') }, task('a'))),
    'SPEC_INVALID tasks[0].loop.until.not.state',
  ],
  [
    'a body that may not happen',
    of(task('x'), until(valued('a'), task('a', { when: valued('x') }))),
    'SPEC_INVALID tasks[1].loop.body',
  ],
  [
    'a body of a group that may not happen',
    of(task('x'), until(valued('a'), { when: valued('x'), ...row(task('a')) })),
    'SPEC_INVALID tasks[1].loop.body',
  ],
  ['loops that multiply', of(deepLoops(4)), 'SPEC_LIMIT tasks[0].loop.max'],
  [
    'a loop that multiplies a group',
    of(task('x'), { loop: { max: 20, body: [wide(501)] } }),
    'SPEC_LIMIT tasks[1].loop.max',
  ],
  ['a gate that multiplies its mending', of(gate('g', { max: 20, fix: [wide(500)] })), 'SPEC_LIMIT tasks[0].gate.max'],
  ['groups that are too many together', of(wide(5_000), rounds(wide(1_667, 'y'))), 'SPEC_LIMIT tasks'],
  ['more items than the run allows', flowOf([rounds(task('a'))], { spec: { caps: { items: 2 } } }), 'SPEC_LIMIT tasks'],
  ['groups that all wait for each other', of(wide(500), wide(401, 'y')), 'SPEC_LIMIT tasks[1].parallel[400]'],
  [
    'a need of too many rounds',
    of(until(valued('x'), manyRounds(17), task('x')), task('b', taking('a'))),
    `SPEC_LIMIT tasks[1].needs.file`,
  ],
];

function deepLoops(levels: number): object {
  return levels === 0 ? task('a') : { loop: { max: 20, body: [deepLoops(levels - 1)] } };
}

function wide(count: number, name = 'w'): object {
  return side(...Array.from({ length: count }, (_, n) => task(`${name}${n}`)));
}

function manyRounds(max: number): object {
  return { loop: { until: valued('a'), max, body: [task('a')] } };
}

const INCLUDES: Mutation[] = [
  ['an include that is a text', whole({ top: { include: 'lib/part.yaml' } }), 'SPEC_INVALID include'],
  ['an include that is a number', whole({ top: { include: ['lib/part.yaml', 1] } }), 'SPEC_INVALID include[1]'],
  ['an include that climbs', whole({ top: { include: ['../part.yaml'] } }), 'SPEC_INVALID include[0]'],
  ['an absolute include', whole({ top: { include: ['/lib/part.yaml'] } }), 'SPEC_INVALID include[0]'],
  ['an include from the network', whole({ top: { include: ['https://x/y'] } }), 'SPEC_INVALID include[0]'],
  [
    'an include that was not read',
    whole({ top: { include: ['lib/part.yaml', 'x.yaml'] } }),
    'FILE_UNREADABLE include[1]',
  ],
  [
    'an include of a run spec',
    whole({ top: { include: ['run.yaml'] } }),
    'SPEC_INVALID run.yaml: kind',
    'SPEC_UNKNOWN_KEY run.yaml: spec',
  ],
  ['an include with tasks', whole({ top: { include: ['tasks.yaml'] } }), 'SPEC_UNKNOWN_KEY tasks.yaml: tasks'],
  ['an include of itself', whole({ top: { include: ['own.yaml'] } }), 'SPEC_CYCLE own.yaml: include[0]'],
  ['an include with a bad agent', whole({ top: { include: ['agent.yaml'] } }), 'SPEC_INVALID agent.yaml: agents.x'],
  [
    'an include with a bad preset',
    whole({ top: { include: ['preset.yaml'] } }),
    'SPEC_LIMIT preset.yaml: presets.q.timeout',
  ],
  [
    'an include of an unknown preset',
    whole({ top: { include: ['unknown.yaml'] } }),
    'SPEC_UNKNOWN_REFERENCE unknown.yaml: agents.x.preset',
  ],
  [
    'an agent that two files make two of',
    whole({ top: { include: ['lib/part.yaml'], agents: { ...AGENTS, y: { command: ['y'] } } } }),
    'SPEC_INVALID agents.y',
  ],
];

const FILES = {
  'lib/part.yaml': partOf({ agents: { y: { run: 'y' } } }),
  'run.yaml': { apiVersion: 'waybill/v1', kind: 'Run', spec: {} },
  'tasks.yaml': partOf({ tasks: [task('x')] }),
  'own.yaml': partOf({ include: ['own.yaml'] }),
  'agent.yaml': partOf({ agents: { x: {} } }),
  'preset.yaml': partOf({ presets: { q: { timeout: '90h' } } }),
  'unknown.yaml': partOf({ agents: { x: { run: 'x', preset: 'nobody' } } }),
};

judged('rounds and includes', [...ROUNDS, ...INCLUDES], FILES);
