/** Flows whose tasks are wrong together: the exact code and path of everything that is said about them. */
import { EQUALS, type Mutation, whole } from '../test/flow-mutations.ts';
import { flowOf, taking, task } from '../test/flow-sample.ts';
import { judged } from '../test/malformed-flows.suite.ts';

const of = (...tasks: object[]): unknown => flowOf(tasks);
const side = (...tasks: object[]): object => ({ parallel: tasks });
const row = (...tasks: object[]): object => ({ sequential: tasks });
const rounds = (...body: object[]): object => ({ loop: { max: 3, body } });
const gate = (id: string, more: object = {}): object => ({ id, gate: { run: 'true', ...more } });
const done = (from: string): object => ({ from, state: 'done' });
const failed = (from: string): object => ({ from, state: 'failed' });
const valued = (from: string): object => ({ from, output: 'out', equals: 1 });
const choosing = (...oneOf: string[]): object => ({ needs: { file: { oneOf, select: { output: 'out' } } } });
const patch = (from: string): object => ({ needs: { file: { from, select: 'patch' } } });
const previous = (from: string): object => taking(from, { round: 'previous' });
const N = 'needs.file.from';

const REFERENCES: Mutation[] = [
  ['a need of nobody', of(task('a'), task('b', taking('c'))), `SPEC_UNKNOWN_REFERENCE tasks[1].${N}`],
  [
    'a need of nobody in a group',
    of(side({ ...taking('c'), ...row(task('a')) })),
    `SPEC_UNKNOWN_REFERENCE tasks[0].parallel[0].${N}`,
  ],
  ['a need of nobody that mends', whole({ h: taking('x') }), `SPEC_UNKNOWN_REFERENCE tasks[3].gate.fix[0].${N}`],
  [
    'a choice with nobody',
    of(task('a'), task('b', choosing('a', 'c'))),
    'SPEC_UNKNOWN_REFERENCE tasks[1].needs.file.oneOf[1]',
  ],
  [
    'a choice of the same twice',
    of(task('a'), task('b', choosing('a', 'a'))),
    'SPEC_INVALID tasks[1].needs.file.oneOf[1]',
  ],
  ['a need of itself', of(task('a', taking('a'))), `SPEC_CYCLE tasks[0].${N}`],
  ['a need of what comes later', of(task('a', taking('b')), task('b')), `SPEC_CYCLE tasks[0].${N}`],
  [
    'a choice of what comes later',
    of(task('a'), task('b', choosing('a', 'c')), task('c')),
    'SPEC_CYCLE tasks[1].needs.file.oneOf[1]',
  ],
  [
    'a need of what comes later in a group',
    of(side(row(task('a', taking('b')), task('b')))),
    `SPEC_CYCLE tasks[0].parallel[0].sequential[0].${N}`,
  ],
  ['a need of a later loop', of(task('a', taking('b')), rounds(task('b'))), `SPEC_CYCLE tasks[0].${N}`],
  [
    'a need of a later task in a round',
    of(rounds(task('a', taking('b')), task('b'))),
    `SPEC_CYCLE tasks[0].loop.body[0].${N}`,
  ],
  [
    'a need of what follows the loop',
    of(rounds(task('a', taking('b'))), task('b')),
    `SPEC_CYCLE tasks[0].loop.body[0].${N}`,
  ],
  ['a group that needs a part of it', of({ ...taking('a'), ...row(task('a')) }), `SPEC_CYCLE tasks[0].${N}`],
  ['a gate that needs its mending', whole({ g: taking('h') }), `SPEC_CYCLE tasks[3].${N}`],
  [
    'two side by side that need each other',
    of(side(task('a', taking('b')), task('b', taking('a')))),
    `SPEC_CYCLE tasks[0].parallel[0].${N}`,
  ],
  [
    'side by side, a need against a condition',
    of(side(task('a', taking('b')), task('b', { when: done('a') }))),
    `SPEC_CYCLE tasks[0].parallel[0].${N}`,
  ],
  [
    'side by side, conditions in a circle',
    of(side(task('a', { when: done('b') }), task('b', { when: done('a') }))),
    'SPEC_CYCLE tasks[0].parallel[0].when.from',
  ],
  [
    'a round before outside of loops',
    of(task('a'), task('b', previous('a'))),
    'SPEC_INVALID tasks[1].needs.file.round',
  ],
  [
    'a round before of a task outside',
    of(task('a'), rounds(task('b', previous('a')))),
    'SPEC_INVALID tasks[1].loop.body[0].needs.file.round',
  ],
  [
    'a round before of another loop',
    of(rounds(task('a')), rounds(task('b', previous('a')))),
    'SPEC_INVALID tasks[1].loop.body[0].needs.file.round',
  ],
  [
    'outputs of who leaves none',
    of(task('a', { agent: 'quiet' }), task('b', taking('a'))),
    'SPEC_INVALID tasks[1].needs.file.select',
  ],
  [
    'outputs of a gate that leaves none',
    of(gate('a'), task('b', taking('a'))),
    'SPEC_INVALID tasks[1].needs.file.select',
  ],
  ['a patch of who leaves outputs', of(task('a'), task('b', patch('a'))), 'SPEC_INVALID tasks[1].needs.file.select'],
  [
    'a choice with one that leaves none',
    of(task('a'), task('b', { agent: 'quiet' }), task('c', choosing('a', 'b'))),
    'SPEC_INVALID tasks[2].needs.file.select',
  ],
  [
    'a patch of nothing',
    flowOf([task('a', { agent: 'p' })], { agents: { p: { run: 'x', capture: ['patch'] } } }),
    'SPEC_INVALID tasks[0].agent',
  ],
  ['a patch of a gate of nothing', of(gate('a', { capture: ['patch'] })), 'SPEC_INVALID tasks[0].gate.capture'],
  ['a condition on nobody', of(task('a'), task('b', { when: done('x') })), 'SPEC_UNKNOWN_REFERENCE tasks[1].when.from'],
  [
    'a condition on nobody deep inside',
    whole({ z: { when: { all: [EQUALS, { not: { any: [done('x')] } }] } } }),
    'SPEC_UNKNOWN_REFERENCE tasks[4].when.all[1].not.any[0].from',
  ],
  ['a condition on itself', of(task('a', { when: done('a') })), 'SPEC_CYCLE tasks[0].when.from'],
  ['a condition on what comes later', of(task('a', { when: done('b') }), task('b')), 'SPEC_CYCLE tasks[0].when.from'],
  ['a group that asks a part of it', of({ when: done('a'), ...row(task('a')) }), 'SPEC_CYCLE tasks[0].when.from'],
  [
    'a value of who leaves none',
    of(task('a', { agent: 'quiet' }), task('b', { when: valued('a') })),
    'SPEC_INVALID tasks[1].when.output',
  ],
  ['a round of a loop that ends by itself', whole({ z: { when: valued('e') } }), 'SPEC_INVALID tasks[4].when.from'],
  ['a round of a gate that is mended', whole({ z: { when: failed('g') } }), 'SPEC_INVALID tasks[4].when.from'],
  ['a mending as a condition behind it', whole({ z: { when: valued('h') } }), 'SPEC_INVALID tasks[4].when.from'],
];

judged('references', REFERENCES);
