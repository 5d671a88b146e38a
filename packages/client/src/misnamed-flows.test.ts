/** Flows whose tasks do nothing or are called nothing that is there: the exact code and path of everything that is said about them. */
import { type Mutation, whole } from '../test/flow-mutations.ts';
import { flowOf, task } from '../test/flow-sample.ts';
import { judged } from '../test/malformed-flows.suite.ts';

const of = (...tasks: object[]): unknown => flowOf(tasks);
const side = (...tasks: object[]): object => ({ parallel: tasks });
const row = (...tasks: object[]): object => ({ sequential: tasks });
const rounds = (...body: object[]): object => ({ loop: { max: 3, body } });
const gate = (id: string, more: object = {}): object => ({ id, gate: { run: 'true', ...more } });

const KINDS: Mutation[] = [
  ['a task of nothing', of({ id: 'a' }), 'SPEC_INVALID tasks[0]'],
  ['an empty task', of({}), 'SPEC_INVALID tasks[0]'],
  ['an agent that is a gate', of({ ...task('a'), ...gate('a') }), 'SPEC_INVALID tasks[0]'],
  ['a sequence side by side', of({ ...row(task('a')), ...side(task('b')) }), 'SPEC_INVALID tasks[0]'],
  ['a loop with an agent', of({ ...rounds(task('a')), agent: 'work' }), 'SPEC_INVALID tasks[0]'],
  ['a task of nothing in a group', of(side(task('a'), { timeout: '1m' })), 'SPEC_INVALID tasks[0].parallel[1]'],
  [
    'a task of two kinds in a loop',
    of(rounds({ ...task('a'), ...row(task('b')) })),
    'SPEC_INVALID tasks[0].loop.body[0]',
  ],
  ['a task of nothing that mends', whole({ gate: { fix: [{ id: 'h' }] } }), 'SPEC_INVALID tasks[3].gate.fix[0]'],
  ['a script for an agent', of({ id: 'a', run: 'true' }), 'SPEC_UNKNOWN_KEY tasks[0].run', 'SPEC_INVALID tasks[0]'],
  ['a slip in a kind', of({ paralel: [task('a')] }), 'SPEC_UNKNOWN_KEY tasks[0].paralel', 'SPEC_INVALID tasks[0]'],
  ['dependsOn', of(task('a'), task('b', { dependsOn: ['a'] })), 'SPEC_UNKNOWN_KEY tasks[1].dependsOn'],
  ['an agent without an id', of({ agent: 'work' }), 'SPEC_INVALID tasks[0].id'],
  ['a gate without an id', of({ gate: { run: 'true' } }), 'SPEC_INVALID tasks[0].id'],
  ['a mending without an id', whole({ gate: { fix: [{ agent: 'work' }] } }), 'SPEC_INVALID tasks[3].gate.fix[0].id'],
  ['a sequence with an id', of({ id: 's', ...row(task('a')) }), 'SPEC_INVALID tasks[0].id'],
  ['a parallel group with an id', of(row({ id: 's', ...side(task('a')) })), 'SPEC_INVALID tasks[0].sequential[0].id'],
  ['a loop with an id', of({ id: 's', ...rounds(task('a')) }), 'SPEC_INVALID tasks[0].id'],
  ['input of a gate', of({ ...gate('a'), input: 'x' }), 'SPEC_INVALID tasks[0].input'],
  ['input of a group', of({ ...side(task('a')), input: 'x' }), 'SPEC_INVALID tasks[0].input'],
  ['input that is a number', of(task('a', { input: 5 })), 'SPEC_INVALID tasks[0].input'],
  ['an empty list as input', of(task('a', { input: [] })), 'SPEC_INVALID tasks[0].input'],
  ['input with a NUL', of(task('a', { input: ['x', '\0'] })), 'SPEC_INVALID tasks[0].input[1]'],
  ['an empty sequence', of(row()), 'SPEC_INVALID tasks[0].sequential'],
  ['an empty parallel group', of(task('a'), side()), 'SPEC_INVALID tasks[1].parallel'],
  ['an empty body', of(rounds()), 'SPEC_INVALID tasks[0].loop.body'],
  ['a group as an object', of({ parallel: { a: task('a') } }), 'SPEC_INVALID tasks[0].parallel'],
  ['an agent that is a number', of({ id: 'a', agent: 1 }), 'SPEC_INVALID tasks[0].agent'],
];

const NAMES: Mutation[] = [
  ['an id in capitals', of(task('A')), 'SPEC_INVALID tasks[0].id'],
  ['an id with a round', of(task('a~2')), 'SPEC_INVALID tasks[0].id'],
  ['an id that climbs', of(task('a..b')), 'SPEC_INVALID tasks[0].id'],
  ['an id that is a number', of({ ...task('a'), id: 1 }), 'SPEC_INVALID tasks[0].id'],
  ['an id that no round fits behind', of(rounds(task('a'.repeat(62)))), 'SPEC_INVALID tasks[0].loop.body[0].id'],
  ['an id twice in a row', of(task('a'), task('b'), task('a')), 'SPEC_DUPLICATE_ID tasks[2].id'],
  [
    'an id twice side by side',
    of(side(task('a'), row(task('a')))),
    'SPEC_DUPLICATE_ID tasks[0].parallel[1].sequential[0].id',
  ],
  ['an id twice, once in a loop', of(task('a'), rounds(task('a'))), 'SPEC_DUPLICATE_ID tasks[1].loop.body[0].id'],
  ['the id of a gate twice', of(task('a'), gate('a')), 'SPEC_DUPLICATE_ID tasks[1].id'],
  [
    'the id of a gate in its mending',
    of(gate('a', { max: 1, fix: [task('a')] })),
    'SPEC_DUPLICATE_ID tasks[0].gate.fix[0].id',
  ],
  [
    'an id three times',
    of(task('a'), task('a'), task('a')),
    'SPEC_DUPLICATE_ID tasks[1].id',
    'SPEC_DUPLICATE_ID tasks[2].id',
  ],
  ['an unknown agent', of(task('a', { agent: 'wrk' })), 'SPEC_UNKNOWN_REFERENCE tasks[0].agent'],
  [
    'an agent that is of every object',
    of(task('a', { agent: 'constructor' })),
    'SPEC_UNKNOWN_REFERENCE tasks[0].agent',
  ],
  [
    'an unknown agent in a loop',
    of(rounds(task('a', { agent: 'x' }))),
    'SPEC_UNKNOWN_REFERENCE tasks[0].loop.body[0].agent',
  ],
  ['an unknown agent that mends', whole({ h: { agent: 'x' } }), 'SPEC_UNKNOWN_REFERENCE tasks[3].gate.fix[0].agent'],
  ['an unknown preset', of(task('a', { preset: 'x' })), 'SPEC_UNKNOWN_REFERENCE tasks[0].preset'],
  ['an unknown preset in a list', whole({ a: { preset: ['p', 'x'] } }), 'SPEC_UNKNOWN_REFERENCE tasks[0].preset[1]'],
  ['an unknown preset of a group', whole({ group: { preset: 'x' } }), 'SPEC_UNKNOWN_REFERENCE tasks[1].preset'],
  ['an unknown preset of a gate', whole({ g: { preset: 'x' } }), 'SPEC_UNKNOWN_REFERENCE tasks[3].preset'],
  ['a preset that is a number', of(task('a', { preset: 1 })), 'SPEC_INVALID tasks[0].preset'],
  ['no preset in a list', of(task('a', { preset: [] })), 'SPEC_INVALID tasks[0].preset'],
];

judged('kinds and names', [...KINDS, ...NAMES]);
