/** Conditions and groups of flows that are wrong in one way each: the exact code and path of everything that is said about them. */
import { type Mutation, whole } from '../test/flow-mutations.ts';
import { judged } from '../test/malformed-flows.suite.ts';

const when = (value: unknown): unknown => whole({ z: { when: value } });
const loop = (more: object): unknown => whole({ loop: more });
const gate = (more: object): unknown => whole({ gate: more });
const W = 'tasks[4].when';
const TESTED = { from: 'b', output: 'out', at: '/x' };

const CONDITIONS: Mutation[] = [
  ['a condition that is code', when('b.ok'), `SPEC_INVALID ${W}`],
  ['an empty condition', when({}), `SPEC_INVALID ${W}`],
  ['a condition without an operator', when(TESTED), `SPEC_INVALID ${W}`],
  ['a condition of two operators', when({ ...TESTED, equals: 1, in: [1] }), `SPEC_INVALID ${W}`],
  ['an unknown operator', when({ ...TESTED, like: 'x' }), `SPEC_UNKNOWN_KEY ${W}.like`, `SPEC_INVALID ${W}`],
  ['a state of no task', when({ from: 'b', state: 'ok' }), `SPEC_INVALID ${W}.state`],
  ['a pointer without a slash', when({ ...TESTED, at: 'x', equals: 1 }), `SPEC_INVALID ${W}.at`],
  ['an order of texts', when({ ...TESTED, atLeast: 'x' }), `SPEC_INVALID ${W}.atLeast`],
  ['all of nothing', when({ all: [] }), `SPEC_INVALID ${W}.all`],
  [
    'a bad test among good ones',
    when({ all: [{ from: 'b', state: 'done' }, { from: 'b' }] }),
    `SPEC_INVALID ${W}.all[1]`,
  ],
  ['a bad test below not', when({ not: { from: 'b' } }), `SPEC_INVALID ${W}.not`],
  [
    'any beside all',
    when({ any: [{ from: 'b', state: 'done' }], all: [{ from: 'b', state: 'done' }] }),
    `SPEC_INVALID ${W}`,
  ],
  ['a condition of too many tests', when(many(33)), `SPEC_LIMIT ${W}`],
  ['a condition nested too deep', when(deep(8)), `SPEC_LIMIT ${W}`],
  ['a condition of a group', whole({ group: { when: { from: 'a' } } }), 'SPEC_INVALID tasks[1].when'],
  ['an end of a loop that is code', loop({ until: 'e.ok' }), 'SPEC_INVALID tasks[2].loop.until'],
  ['an empty end of a loop', loop({ until: {} }), 'SPEC_INVALID tasks[2].loop.until'],
];

function many(count: number): object {
  const half = Array.from({ length: Math.ceil(count / 2) }, () => ({ from: 'b', state: 'done' }));
  return { all: [{ any: half }, { any: half }] };
}

function deep(levels: number): object {
  return levels === 0 ? { from: 'b', state: 'done' } : { not: deep(levels - 1) };
}

const GROUPS: Mutation[] = [
  ['a loop that is a list', whole({ top: { tasks: [{ loop: [] }] } }), 'SPEC_INVALID tasks[0].loop'],
  ['a loop without a bound', loop({ max: undefined }), 'SPEC_INVALID tasks[2].loop.max'],
  ['a loop of no rounds', loop({ max: 0 }), 'SPEC_LIMIT tasks[2].loop.max'],
  ['a loop of 21 rounds', loop({ max: 21 }), 'SPEC_LIMIT tasks[2].loop.max'],
  ['a loop of half a round', loop({ max: 1.5 }), 'SPEC_INVALID tasks[2].loop.max'],
  ['a loop of rounds as a text', loop({ max: '3' }), 'SPEC_INVALID tasks[2].loop.max'],
  ['an unknown key of a loop', loop({ while: true }), 'SPEC_UNKNOWN_KEY tasks[2].loop.while'],
  ['a gate that is a text', whole({ top: { tasks: [{ id: 'g', gate: 'true' }] } }), 'SPEC_INVALID tasks[0].gate'],
  ['a gate of nothing', whole({ top: { tasks: [{ id: 'g', gate: {} }] } }), 'SPEC_INVALID tasks[0].gate.run'],
  ['a gate that is red for ever', gate({ max: 21 }), 'SPEC_LIMIT tasks[3].gate.max'],
  ['a gate that is never mended', gate({ max: 0 }), 'SPEC_LIMIT tasks[3].gate.max'],
  ['a gate without a bound', gate({ max: undefined }), 'SPEC_INVALID tasks[3].gate.max'],
  ['a gate without a mending', gate({ fix: undefined }), 'SPEC_INVALID tasks[3].gate.max'],
  ['a gate with an empty mending', gate({ fix: [] }), 'SPEC_INVALID tasks[3].gate.fix'],
  ['a gate with an agent', gate({ agent: 'work' }), 'SPEC_UNKNOWN_KEY tasks[3].gate.agent'],
  ['a gate that captures logs', gate({ capture: ['log'] }), 'SPEC_INVALID tasks[3].gate.capture[0]'],
];

judged('conditions and groups', [...CONDITIONS, ...GROUPS]);
