/** Flows that are wrong in one way each: the exact code and path of everything that is said about them. First: values. */
import { agent, type Mutation, preset, whole, without } from '../test/flow-mutations.ts';
import { judged } from '../test/malformed-flows.suite.ts';

const top = (more: object): unknown => whole({ top: more });
const a = (more: object): unknown => whole({ a: more });
const need = (value: unknown): unknown => whole({ z: { needs: { file: value } } });
const env = (name: string, value: unknown): unknown => a({ env: { [name]: value } });
const EMPTY = { apiVersion: 'waybill/v1', kind: 'Flow' };
const D = 'tasks[4].needs.file';

const DOCUMENT: Mutation[] = [
  ['null', null, 'SPEC_INVALID document'],
  ['a text', 'flow', 'SPEC_INVALID document'],
  ['a list', [], 'SPEC_INVALID document'],
  ['a number', 1, 'SPEC_INVALID document'],
  ['only a kind', EMPTY, 'SPEC_INVALID metadata', 'SPEC_INVALID tasks'],
  ['no version', without(whole(), 'apiVersion'), 'SPEC_INVALID apiVersion'],
  ['another version', top({ apiVersion: 'waybill/v2' }), 'SPEC_INVALID apiVersion'],
  ['a kind in lower case', top({ kind: 'flow' }), 'SPEC_INVALID kind'],
  ['the kind of a part', top({ kind: 'FlowPart' }), 'SPEC_INVALID kind'],
  ['no metadata', without(whole(), 'metadata'), 'SPEC_INVALID metadata'],
  ['no name', top({ metadata: {} }), 'SPEC_INVALID metadata.name'],
  ['a name with a capital', top({ metadata: { name: 'Flow' } }), 'SPEC_INVALID metadata.name'],
  ['unknown metadata', top({ metadata: { name: 'x', owner: 'y' } }), 'SPEC_UNKNOWN_KEY metadata.owner'],
  ['a label that is a number', top({ metadata: { name: 'x', labels: { l: 1 } } }), 'SPEC_INVALID metadata.labels.l'],
  ['an unknown key at the top', top({ steps: [] }), 'SPEC_UNKNOWN_KEY steps'],
  ['a slip in a key at the top', top({ presests: {} }), 'SPEC_UNKNOWN_KEY presests'],
  ['the items of a run spec', top({ items: [] }), 'SPEC_UNKNOWN_KEY items'],
  ['no tasks', without(whole(), 'tasks'), 'SPEC_INVALID tasks'],
  ['an empty list of tasks', top({ tasks: [] }), 'SPEC_INVALID tasks'],
  ['tasks as an object', top({ tasks: {} }), 'SPEC_INVALID tasks'],
  ['a task that is a text', top({ tasks: ['a'] }), 'SPEC_INVALID tasks[0]'],
  ['a task that is null', top({ tasks: [null] }), 'SPEC_INVALID tasks[0]'],
  ['a task that is a list', top({ tasks: [[]] }), 'SPEC_INVALID tasks[0]'],
  ['a spec that is a list', top({ spec: [] }), 'SPEC_INVALID spec'],
  ['items in the spec', top({ spec: { items: [] } }), 'SPEC_UNKNOWN_KEY spec.items'],
  ['a queue that is no name', top({ spec: { queue: 'Q' } }), 'SPEC_INVALID spec.queue'],
  ['a cap that is a text', top({ spec: { caps: { items: '5' } } }), 'SPEC_INVALID spec.caps.items'],
  ['no items allowed', top({ spec: { caps: { items: 0 } } }), 'SPEC_LIMIT spec.caps.items'],
  ['a wall clock without a unit', top({ spec: { caps: { wallClock: '5' } } }), 'SPEC_INVALID spec.caps.wallClock'],
  ['a default that nothing knows', top({ spec: { defaults: { cpu: 1 } } }), 'SPEC_UNKNOWN_KEY spec.defaults.cpu'],
  ['an empty source', top({ spec: { source: {} } }), 'SPEC_INVALID spec.source.git'],
  ['a source by ssh', top({ spec: { source: { git: { url: 'git@h:x' } } } }), 'SOURCE_INVALID spec.source.git.url'],
  ['a start that is no time', top({ spec: { notBefore: 'soon' } }), 'SPEC_INVALID spec.notBefore'],
];

const DEFINITIONS: Mutation[] = [
  ['agents as a list', top({ agents: [] }), 'SPEC_INVALID agents', ...unknownAgents()],
  ['an agent that is a text', top({ agents: { work: 'true' } }), 'SPEC_INVALID agents.work', ...unknownAgents()],
  ['an agent of no program', agent({}), 'SPEC_INVALID agents.x'],
  ['an agent of two programs', agent({ run: 'x', command: ['x'] }), 'SPEC_INVALID agents.x'],
  ['an agent in capitals', top({ agents: { X: { run: 'x' } } }), 'SPEC_INVALID agents.X', ...unknownAgents()],
  ['an unknown key of an agent', agent({ run: 'x', shell: 'm' }), 'SPEC_UNKNOWN_KEY agents.x.shell'],
  ['an input of an agent', agent({ run: 'x', input: 'y' }), 'SPEC_UNKNOWN_KEY agents.x.input'],
  ['an empty script', agent({ run: '' }), 'SPEC_INVALID agents.x.run'],
  ['a script that is a number', agent({ run: 1 }), 'SPEC_INVALID agents.x.run'],
  ['a script of no words', agent({ run: [] }), 'SPEC_INVALID agents.x.run'],
  ['a command that is a text', agent({ command: 'x' }), 'SPEC_INVALID agents.x.command'],
  ['a program without a name', agent({ command: ['', 'x'] }), 'SPEC_INVALID agents.x.command[0]'],
  ['a NUL in a command', agent({ command: ['x', '\0'] }), 'SPEC_INVALID agents.x.command[1]'],
  ['a lens of nothing', agent({ run: 'x', lens: 'look' }), 'SPEC_INVALID agents.x.lens'],
  ['a lens of a command', agent({ command: ['x'], lens: 'gate' }), 'SPEC_INVALID agents.x.lens'],
  ['an empty capture', agent({ run: 'x', capture: [] }), 'SPEC_INVALID agents.x.capture'],
  ['a capture as a text', agent({ run: 'x', capture: 'patch' }), 'SPEC_INVALID agents.x.capture'],
  ['a capture of logs', agent({ run: 'x', capture: ['logs'] }), 'SPEC_INVALID agents.x.capture[0]'],
  ['an agent of an unknown preset', agent({ run: 'x', preset: 'q' }), 'SPEC_UNKNOWN_REFERENCE agents.x.preset'],
  ['an agent of a bad preset', agent({ run: 'x', preset: ['p', 'q'] }), 'SPEC_UNKNOWN_REFERENCE agents.x.preset[1]'],
  ['an agent with a timeout of nothing', agent({ run: 'x', timeout: '0s' }), 'SPEC_LIMIT agents.x.timeout'],
  ['an agent with an onError of its own', agent({ run: 'x', onError: 'retry' }), 'SPEC_INVALID agents.x.onError'],
  ['presets as a list', top({ presets: [] }), 'SPEC_INVALID presets'],
  ['a preset that is null', preset(null), 'SPEC_INVALID presets.p'],
  ['a preset with work', preset({ run: 'x' }), 'SPEC_UNKNOWN_KEY presets.p.run'],
  ['a preset with a condition', preset({ when: {} }), 'SPEC_UNKNOWN_KEY presets.p.when'],
  ['a preset of presets', preset({ preset: 'p' }), 'SPEC_UNKNOWN_KEY presets.p.preset'],
  ['a preset with a bad timeout', preset({ timeout: 5 }), 'SPEC_INVALID presets.p.timeout'],
  ['a preset with a bad priority', preset({ priority: 101 }), 'SPEC_LIMIT presets.p.priority'],
  ['a preset with a bad lock', preset({ locks: ['a b'] }), 'SPEC_INVALID presets.p.locks[0]'],
  ['a preset with many attempts', preset({ retry: { maxAttempts: 11 } }), 'SPEC_LIMIT presets.p.retry.maxAttempts'],
  ['a preset in capitals', top({ presets: { P: {} } }), 'SPEC_INVALID presets.P'],
];

/** What is said when `work`, which most tasks name, is not there. */
function unknownAgents(): string[] {
  const places = [
    'tasks[0]',
    'tasks[1].parallel[0]',
    'tasks[1].parallel[1]',
    'tasks[2].loop.body[0]',
    'tasks[2].loop.body[1]',
    'tasks[3].gate.fix[0]',
    'tasks[4]',
  ];
  return places.map((path) => `SPEC_UNKNOWN_REFERENCE ${path}.agent`);
}

const SETTINGS: Mutation[] = [
  ['a timeout that is a number', a({ timeout: 60 }), 'SPEC_INVALID tasks[0].timeout'],
  ['a timeout of two days', a({ timeout: '48h' }), 'SPEC_LIMIT tasks[0].timeout'],
  ['a deadline without a unit', a({ deadline: '1' }), 'SPEC_INVALID tasks[0].deadline'],
  ['a start before 1970', a({ notBefore: '1960-01-01T00:00:00Z' }), 'SPEC_LIMIT tasks[0].notBefore'],
  ['a priority of a half', a({ priority: 0.5 }), 'SPEC_INVALID tasks[0].priority'],
  ['a negative priority', a({ priority: -1 }), 'SPEC_LIMIT tasks[0].priority'],
  ['a retry that is a number', a({ retry: 3 }), 'SPEC_INVALID tasks[0].retry'],
  ['an unknown key of a retry', a({ retry: { times: 3 } }), 'SPEC_UNKNOWN_KEY tasks[0].retry.times'],
  ['a back-off of a day', a({ retry: { backoff: '24h' } }), 'SPEC_LIMIT tasks[0].retry.backoff'],
  [
    'a ceiling below the back-off',
    a({ retry: { backoff: '2m', maxBackoff: '1m' } }),
    'SPEC_INVALID tasks[0].retry.maxBackoff',
  ],
  ['locks as a text', a({ locks: 'l' }), 'SPEC_INVALID tasks[0].locks'],
  ['a lock named twice', a({ locks: ['l', { name: 'l', mode: 'shared' }] }), 'SPEC_INVALID tasks[0].locks[1]'],
  ['a lock of no mode', a({ locks: [{ name: 'l' }] }), 'SPEC_INVALID tasks[0].locks[0].mode'],
  ['an environment that is a list', a({ env: [] }), 'SPEC_INVALID tasks[0].env'],
  ['a variable that is a number', env('A', 1), 'SPEC_INVALID tasks[0].env.A'],
  ['a variable with a dash', env('A-B', 'x'), 'SPEC_INVALID tasks[0].env.A-B'],
  ['a variable of the platform', env('WAYBILL_X', 'x'), 'SPEC_INVALID tasks[0].env.WAYBILL_X'],
  ['a search path', env('PATH', 'x'), 'SPEC_INVALID tasks[0].env.PATH'],
  ['a token', env('T', `ghp_${'a'.repeat(36)}`), 'SPEC_CREDENTIAL tasks[0].env.T'],
  ['an onError that is none', a({ onError: 'ignore' }), 'SPEC_INVALID tasks[0].onError'],
  ['a timeout of a group', whole({ group: { timeout: 'x' } }), 'SPEC_INVALID tasks[1].timeout'],
  [
    'a variable of a task side by side',
    whole({ c: { env: { HOME: 'x' } } }),
    'SPEC_INVALID tasks[1].parallel[1].env.HOME',
  ],
  ['a timeout in a loop', whole({ d: { timeout: 'x' } }), 'SPEC_INVALID tasks[2].loop.body[0].timeout'],
  ['a timeout of a gate', whole({ g: { timeout: 'x' } }), 'SPEC_INVALID tasks[3].timeout'],
  ['a timeout of what mends', whole({ h: { timeout: 'x' } }), 'SPEC_INVALID tasks[3].gate.fix[0].timeout'],
  ['locks twice in all rounds', whole({ e: { locks: ['l', 'l'] } }), 'SPEC_INVALID tasks[2].loop.body[1].locks[1]'],
];

const NEEDS: Mutation[] = [
  ['needs as a list', whole({ z: { needs: [] } }), 'SPEC_INVALID tasks[4].needs'],
  ['a need by a name with a space', whole({ z: { needs: { 'a b': {} } } }), 'SPEC_INVALID tasks[4].needs["a b"]'],
  ['a need that is a text', need('a'), `SPEC_INVALID ${D}`],
  ['an empty need', need({}), `SPEC_INVALID ${D}.select`],
  ['a need of nothing', need({ select: 'patch' }), `SPEC_INVALID ${D}`],
  [
    'a need of one and of several',
    need({ from: 'a', oneOf: ['a', 'b'], select: { output: 'o' } }),
    `SPEC_INVALID ${D}`,
  ],
  ['a need of one of one', need({ oneOf: ['a'], select: { output: 'o' } }), `SPEC_INVALID ${D}.oneOf`],
  ['a need that selects nothing', need({ from: 'a' }), `SPEC_INVALID ${D}.select`],
  ['a need of an empty path', need({ from: 'a', select: { output: '' } }), `SPEC_INVALID ${D}.select.output`],
  ['a need of a path that climbs', need({ from: 'a', select: { output: '../x' } }), `SPEC_INVALID ${D}.select.output`],
  ['a need of a log', need({ from: 'a', select: 'log' }), `SPEC_INVALID ${D}.select`],
  ['a need of a number', need({ from: 1, select: { output: 'o' } }), `SPEC_INVALID ${D}.from`],
  [
    'a need of a round by its id',
    need({ from: 'd~2', select: { output: 'o' } }),
    `SPEC_INVALID ${D}.from`,
    `SPEC_UNKNOWN_REFERENCE ${D}.from`,
  ],
  ['a need of the next round', need({ from: 'a', select: { output: 'o' }, round: 'next' }), `SPEC_INVALID ${D}.round`],
  [
    'an unknown key of a need',
    need({ from: 'a', select: { output: 'o' }, optional: true }),
    `SPEC_UNKNOWN_KEY ${D}.optional`,
  ],
  [
    'an unknown key of a selection',
    need({ from: 'a', select: { output: 'o', as: 'x' } }),
    `SPEC_UNKNOWN_KEY ${D}.select.as`,
  ],
];

judged('values', [...DOCUMENT, ...DEFINITIONS, ...SETTINGS, ...NEEDS]);
