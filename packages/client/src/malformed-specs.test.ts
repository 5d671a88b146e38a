/** Specs that are wrong in one way each: the exact path and code of what is said about them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesOf, item, PACKED, refusalsFor, runOf, SCRIPT, summary } from '../test/run-sample.ts';
import { parseRun } from './compile.ts';

type Row = readonly [title: string, document: unknown, ...refused: string[]];

const one = (more: object): unknown => runOf([item('a', more)]);
const block = (first: unknown): unknown => one({ pipeline: [first] });
const spec = (more: object): unknown => runOf([item('a')], more);
const top = (more: object): unknown => runOf([item('a')], {}, more);
const named = (name: unknown): unknown => top({ metadata: { name } });
const env = (name: string, value: unknown): unknown => one({ env: { [name]: value } });
const git = (source: object): unknown => spec({ source: { git: source } });
const CAPTURE = { block: 'capture', what: 'outputs' };
const need = (value: unknown): unknown =>
  runOf([item('up', { pipeline: [SCRIPT, CAPTURE] }), item('a', { needs: { k: value } })]);
const output = (path: unknown): unknown => need({ from: 'up', select: { output: path } });
const without = (key: string): unknown =>
  Object.fromEntries(Object.entries(runOf([item('a')])).filter(([name]) => name !== key));

const I = 'spec.items[0]';

const DOCUMENTS: Row[] = [
  [
    'a schema of what is no JSON',
    one({ outputs: { 'a.csv': { kind: 'csv', schema: {} } } }),
    `SPEC_INVALID ${I}.outputs["a.csv"].schema`,
  ],
  ['null', null, 'SPEC_INVALID document'],
  ['a number', 7, 'SPEC_INVALID document'],
  ['a text', '"run"', 'SPEC_INVALID document'],
  ['a list', [], 'SPEC_INVALID document'],
  ['true', true, 'SPEC_INVALID document'],
  ['an empty object', {}, 'SPEC_INVALID apiVersion', 'SPEC_INVALID kind', 'SPEC_INVALID metadata', 'SPEC_INVALID spec'],
  ['no version', without('apiVersion'), 'SPEC_INVALID apiVersion'],
  ['another version', top({ apiVersion: 'waybill/v2' }), 'SPEC_INVALID apiVersion'],
  ['no kind', without('kind'), 'SPEC_INVALID kind'],
  ['another kind', top({ kind: 'Schedule' }), 'SPEC_INVALID kind'],
  ['a kind in lower case', top({ kind: 'run' }), 'SPEC_INVALID kind'],
  ['no metadata', without('metadata'), 'SPEC_INVALID metadata'],
  ['no spec', without('spec'), 'SPEC_INVALID spec'],
  ['a spec that is a list', top({ spec: [] }), 'SPEC_INVALID spec'],
  ['an unknown key at the top', top({ status: {} }), 'SPEC_UNKNOWN_KEY status'],
  ['a key that needs quoting', top({ 'a b': 1 }), 'SPEC_UNKNOWN_KEY ["a b"]'],
  ['two unknown keys', top({ x: 1, y: 2 }), 'SPEC_UNKNOWN_KEY x', 'SPEC_UNKNOWN_KEY y'],
  ['the key __proto__', '{"__proto__":{}}', 'SPEC_INVALID __proto__'],
  ['the key constructor', top({ constructor: 1 }), 'SPEC_UNKNOWN_KEY constructor'],
  ['half a surrogate pair', '{"a":"\\ud800"}', 'SPEC_INVALID a'],
  ['half a surrogate pair in a key', '{"\\ud800":1}', 'SPEC_INVALID ["�"]'],
  ['a number beyond all numbers', '{"a":1e999}', 'SPEC_INVALID a'],
];

const METADATA: Row[] = [
  ['no name', top({ metadata: {} }), 'SPEC_INVALID metadata.name'],
  ['an empty name', named(''), 'SPEC_INVALID metadata.name'],
  ['a capital in the name', named('Run'), 'SPEC_INVALID metadata.name'],
  ['a space in the name', named('a b'), 'SPEC_INVALID metadata.name'],
  ['a slash in the name', named('a/b'), 'SPEC_INVALID metadata.name'],
  ['a backslash in the name', named('a\\b'), 'SPEC_INVALID metadata.name'],
  ['a name that starts with a dot', named('.a'), 'SPEC_INVALID metadata.name'],
  ['a name that starts with a dash', named('-a'), 'SPEC_INVALID metadata.name'],
  ['two dots in the name', named('a..b'), 'SPEC_INVALID metadata.name'],
  ['a line break after the name', named('a\n'), 'SPEC_INVALID metadata.name'],
  ['a NUL in the name', named('a\0'), 'SPEC_INVALID metadata.name'],
  ['a letter beyond ASCII in the name', named('é'), 'SPEC_INVALID metadata.name'],
  ['a name that is a number', named(5), 'SPEC_INVALID metadata.name'],
  ['a name that is null', named(null), 'SPEC_INVALID metadata.name'],
  ['unknown metadata', top({ metadata: { name: 'a', owner: 'x' } }), 'SPEC_UNKNOWN_KEY metadata.owner'],
  [
    'a label key in capitals',
    top({ metadata: { name: 'a', labels: { Team: 'x' } } }),
    'SPEC_INVALID metadata.labels.Team',
  ],
  ['a label that is a number', top({ metadata: { name: 'a', labels: { n: 1 } } }), 'SPEC_INVALID metadata.labels.n'],
  [
    'a line break in a label',
    top({ metadata: { name: 'a', labels: { n: 'x\ny' } } }),
    'SPEC_INVALID metadata.labels.n',
  ],
  ['labels that are a list', top({ metadata: { name: 'a', labels: [] } }), 'SPEC_INVALID metadata.labels'],
];

const RUN: Row[] = [
  ['no items', top({ spec: {} }), 'SPEC_INVALID spec.items'],
  ['an empty list of items', runOf([]), 'SPEC_INVALID spec.items'],
  ['items as an object', runOf({ a: {} }), 'SPEC_INVALID spec.items'],
  ['a slip in a key', spec({ queu: 'x' }), 'SPEC_UNKNOWN_KEY spec.queu'],
  ['secrets', spec({ secrets: [] }), 'SPEC_UNKNOWN_KEY spec.secrets'],
  ['the control queue', spec({ queue: '@control' }), 'SPEC_INVALID spec.queue'],
  ['a queue that leaves the inbox', spec({ queue: '../x' }), 'SPEC_INVALID spec.queue'],
  ['a cap in another money', spec({ caps: { eur: 5 } }), 'SPEC_UNKNOWN_KEY spec.caps.eur'],
  ['a cap as a text', spec({ caps: { usd: '5' } }), 'SPEC_INVALID spec.caps.usd'],
  ['a cap below nothing', spec({ caps: { usd: -1 } }), 'SPEC_LIMIT spec.caps.usd'],
  ['a cap in parts of a millionth', spec({ caps: { usd: 0.000_000_1 } }), 'SPEC_INVALID spec.caps.usd'],
  ['a wall clock as a number', spec({ caps: { wallClock: 60 } }), 'SPEC_INVALID spec.caps.wallClock'],
  ['no items allowed', spec({ caps: { items: 0 } }), 'SPEC_LIMIT spec.caps.items'],
  ['half an item allowed', spec({ caps: { items: 1.5 } }), 'SPEC_INVALID spec.caps.items'],
  ['cores', spec({ defaults: { resources: { cpu: 1 } } }), 'SPEC_UNKNOWN_KEY spec.defaults.resources.cpu'],
  ['a default timeout without a unit', spec({ defaults: { timeout: '15' } }), 'SPEC_INVALID spec.defaults.timeout'],
  ['a default environment that is a list', spec({ defaults: { env: [] } }), 'SPEC_INVALID spec.defaults.env'],
];

const SOURCES: Row[] = [
  ['a source that is a text', spec({ source: 'x' }), 'SPEC_INVALID spec.source'],
  ['an empty source', spec({ source: {} }), 'SPEC_INVALID spec.source.git'],
  [
    'a slip in git',
    spec({ source: { gti: { url: '.' } } }),
    'SPEC_INVALID spec.source.git',
    'SPEC_UNKNOWN_KEY spec.source.gti',
  ],
  ['git without a url', git({}), 'SPEC_INVALID spec.source.git.url'],
  ['an empty url', git({ url: '' }), 'SOURCE_INVALID spec.source.git.url'],
  ['a url that is an option', git({ url: '--upload-pack=x' }), 'SOURCE_INVALID spec.source.git.url'],
  ['a remote helper', git({ url: 'ext::sh -c x' }), 'SOURCE_INVALID spec.source.git.url'],
  ['ssh', git({ url: 'ssh://host/x' }), 'SOURCE_INVALID spec.source.git.url'],
  ['ssh in short', git({ url: 'git@host:x' }), 'SOURCE_INVALID spec.source.git.url'],
  ['plain http', git({ url: 'http://host/x' }), 'SOURCE_INVALID spec.source.git.url'],
  ['a password in the url', git({ url: 'https://u:p@host/x' }), 'SPEC_CREDENTIAL spec.source.git.url'],
  ['a line break in the url', git({ url: 'https://host/x\n' }), 'SOURCE_INVALID spec.source.git.url'],
  ['a ref that is an option', git({ url: '.', ref: '-x' }), 'SOURCE_INVALID spec.source.git.ref'],
  ['a range as a ref', git({ url: '.', ref: 'a..b' }), 'SOURCE_INVALID spec.source.git.ref'],
  ['a path behind the ref', git({ url: '.', ref: 'main:x' }), 'SOURCE_INVALID spec.source.git.ref'],
  ['an unknown key of git', git({ url: '.', branch: 'x' }), 'SPEC_UNKNOWN_KEY spec.source.git.branch'],
  [
    'half a packed source',
    spec({ source: { bundle: PACKED.bundle } }),
    'SPEC_INVALID spec.source.commit',
    'SPEC_INVALID spec.source.sizeBytes',
  ],
  [
    'a bundle without its algorithm',
    spec({ source: { ...PACKED, bundle: 'a'.repeat(64) } }),
    'SPEC_INVALID spec.source.bundle',
  ],
  ['a short commit', spec({ source: { ...PACKED, commit: 'abc' } }), 'SPEC_INVALID spec.source.commit'],
  ['an empty bundle', spec({ source: { ...PACKED, sizeBytes: 0 } }), 'SPEC_LIMIT spec.source.sizeBytes'],
];

const ITEMS: Row[] = [
  ['an item that is null', runOf([null]), `SPEC_INVALID ${I}`],
  ['an item that is a text', runOf(['a']), `SPEC_INVALID ${I}`],
  ['no id', runOf([{ pipeline: [SCRIPT] }]), `SPEC_INVALID ${I}.id`],
  ['an id that leaves its folder', runOf([item('../a')]), `SPEC_INVALID ${I}.id`],
  ['no pipeline', runOf([{ id: 'a' }]), `SPEC_INVALID ${I}.pipeline`],
  ['an empty pipeline', one({ pipeline: [] }), `SPEC_INVALID ${I}.pipeline`],
  ['a pipeline that is one block', one({ pipeline: SCRIPT }), `SPEC_INVALID ${I}.pipeline`],
  ['dependsOn that is a text', one({ dependsOn: 'b' }), `SPEC_INVALID ${I}.dependsOn`],
  ['a dependency that is no name', one({ dependsOn: ['B'] }), `SPEC_INVALID ${I}.dependsOn[0]`],
  ['a slip in dependsOn', one({ dependson: [] }), `SPEC_UNKNOWN_KEY ${I}.dependson`],
  ['a timeout in words', one({ timeout: '5 minutes' }), `SPEC_INVALID ${I}.timeout`],
  ['a timeout with a fraction', one({ timeout: '1.5h' }), `SPEC_INVALID ${I}.timeout`],
  ['a negative timeout', one({ timeout: '-1s' }), `SPEC_INVALID ${I}.timeout`],
  ['a timeout with a leading zero', one({ timeout: '05m' }), `SPEC_INVALID ${I}.timeout`],
  ['a timeout of nothing', one({ timeout: '0s' }), `SPEC_LIMIT ${I}.timeout`],
  ['no attempt', one({ retry: { maxAttempts: 0 } }), `SPEC_LIMIT ${I}.retry.maxAttempts`],
  ['attempts as a text', one({ retry: { maxAttempts: '2' } }), `SPEC_INVALID ${I}.retry.maxAttempts`],
  ['a slip in retry', one({ retry: { attempts: 2 } }), `SPEC_UNKNOWN_KEY ${I}.retry.attempts`],
  [
    'a back-off over its ceiling',
    one({ retry: { backoff: '2s', maxBackoff: '1s' } }),
    `SPEC_INVALID ${I}.retry.maxBackoff`,
  ],
  ['a time that is none', one({ notBefore: 'tomorrow' }), `SPEC_INVALID ${I}.notBefore`],
  ['an environment in capitals', one({ environment: 'GPU' }), `SPEC_INVALID ${I}.environment`],
  ['a priority below zero', one({ priority: -1 }), `SPEC_LIMIT ${I}.priority`],
  ['a priority in words', one({ priority: 'high' }), `SPEC_INVALID ${I}.priority`],
  ['a deadline as a date', one({ deadline: '2026-01-01' }), `SPEC_INVALID ${I}.deadline`],
  ['locks that are a text', one({ locks: 'a' }), `SPEC_INVALID ${I}.locks`],
  ['a lock that is a number', one({ locks: [1] }), `SPEC_INVALID ${I}.locks[0]`],
  ['a lock with two dots', one({ locks: ['a..b'] }), `SPEC_INVALID ${I}.locks[0]`],
  ['a lock with an empty part', one({ locks: ['a//b'] }), `SPEC_INVALID ${I}.locks[0]`],
  ['a lock that ends with a colon', one({ locks: ['a:'] }), `SPEC_INVALID ${I}.locks[0]`],
  ['a lock without a mode', one({ locks: [{ name: 'a' }] }), `SPEC_INVALID ${I}.locks[0].mode`],
  ['a lock in another mode', one({ locks: [{ name: 'a', mode: 'read' }] }), `SPEC_INVALID ${I}.locks[0].mode`],
  ['a lock twice', one({ locks: ['a', { name: 'a', mode: 'shared' }] }), `SPEC_INVALID ${I}.locks[1]`],
];

const BLOCKS: Row[] = [
  ['a block that is a text', block('script'), `SPEC_INVALID ${I}.pipeline[0]`],
  ['a block without a kind', block({ run: 'x' }), `SPEC_INVALID ${I}.pipeline[0].block`],
  ['an unknown kind of block', block({ block: 'seal' }), `SPEC_INVALID ${I}.pipeline[0].block`],
  ['a script without a run', block({ block: 'script' }), `SPEC_INVALID ${I}.pipeline[0].run`],
  ['an empty script', block({ block: 'script', run: '' }), `SPEC_INVALID ${I}.pipeline[0].run`],
  ['an empty argv', block({ block: 'script', run: [] }), `SPEC_INVALID ${I}.pipeline[0].run`],
  ['an argv without a program', block({ block: 'script', run: ['', 'x'] }), `SPEC_INVALID ${I}.pipeline[0].run[0]`],
  ['a number in an argv', block({ block: 'script', run: ['x', 1] }), `SPEC_INVALID ${I}.pipeline[0].run[1]`],
  ['a NUL in a script', block({ block: 'script', run: 'a\0b' }), `SPEC_INVALID ${I}.pipeline[0].run`],
  ['a run that is an object', block({ block: 'script', run: {} }), `SPEC_INVALID ${I}.pipeline[0].run`],
  ['an unknown lens', block({ ...SCRIPT, lens: 'test' }), `SPEC_INVALID ${I}.pipeline[0].lens`],
  ['a timeout on a capture', block({ ...CAPTURE, timeout: '1s' }), `SPEC_UNKNOWN_KEY ${I}.pipeline[0].timeout`],
  ['a shell on a script', block({ ...SCRIPT, shell: 'bash' }), `SPEC_UNKNOWN_KEY ${I}.pipeline[0].shell`],
  ['an agent without an adapter', block({ block: 'agent', command: ['x'] }), `SPEC_INVALID ${I}.pipeline[0].adapter`],
  [
    'an unknown adapter',
    block({ block: 'agent', adapter: 'copilot', command: ['x'] }),
    `SPEC_INVALID ${I}.pipeline[0].adapter`,
  ],
  [
    'an agent whose command is a text',
    block({ block: 'agent', adapter: 'command', command: 'x' }),
    `SPEC_INVALID ${I}.pipeline[0].command`,
  ],
  ['a capture of everything', block({ block: 'capture', what: 'all' }), `SPEC_INVALID ${I}.pipeline[0].what`],
  ['a capture before a script', one({ pipeline: [CAPTURE, SCRIPT] }), `SPEC_INVALID ${I}.pipeline[0]`],
  [
    'a patch that is captured before a script of which nobody says that it only judges',
    runOf([item('a', { pipeline: [{ ...CAPTURE, what: 'patch' }, { ...SCRIPT, lens: 'verify' }, SCRIPT] })], {
      source: PACKED,
    }),
    `SPEC_INVALID ${I}.pipeline[0]`,
  ],
  [
    'outputs that are captured before a script that judges',
    one({ pipeline: [CAPTURE, { ...SCRIPT, lens: 'gate' }] }),
    `SPEC_INVALID ${I}.pipeline[0]`,
  ],
  ['two captures of one kind', one({ pipeline: [SCRIPT, CAPTURE, CAPTURE] }), `SPEC_INVALID ${I}.pipeline[2]`],
  [
    'a patch without a source',
    one({ pipeline: [SCRIPT, { block: 'capture', what: 'patch' }] }),
    `SPEC_INVALID ${I}.pipeline[1]`,
  ],
];

const ENVIRONMENT: Row[] = [
  ['a value that is a number', env('A', 1), `SPEC_INVALID ${I}.env.A`],
  ['a value that is null', env('A', null), `SPEC_INVALID ${I}.env.A`],
  ['a name that starts with a digit', env('1A', 'x'), `SPEC_INVALID ${I}.env["1A"]`],
  ['an equals sign in a name', env('A=B', 'x'), `SPEC_INVALID ${I}.env["A=B"]`],
  ['an empty name', env('', 'x'), `SPEC_INVALID ${I}.env[""]`],
  ['a name of the worker', env('WAYBILL_RUN', 'x'), `SPEC_INVALID ${I}.env.WAYBILL_RUN`],
  ['the path', env('PATH', 'x'), `SPEC_INVALID ${I}.env.PATH`],
  ['a NUL in a value', env('A', 'a\0'), `SPEC_INVALID ${I}.env.A`],
  ['an access key', env('A', 'AKIAIOSFODNN7EXAMPLE'), `SPEC_CREDENTIAL ${I}.env.A`],
  [
    'a token among the defaults',
    spec({ defaults: { env: { T: `ghp_${'a'.repeat(36)}` } } }),
    'SPEC_CREDENTIAL spec.defaults.env.T',
  ],
];

const NEED = 'spec.items[1].needs.k';

const NEEDS: Row[] = [
  ['a need that is a text', need('up'), `SPEC_INVALID ${NEED}`],
  ['a need of nothing', need({}), `SPEC_INVALID ${NEED}.select`],
  ['a need without a selection', need({ from: 'up' }), `SPEC_INVALID ${NEED}.select`],
  ['an unknown selection', need({ from: 'up', select: 'log' }), `SPEC_INVALID ${NEED}.select`],
  [
    'a selection with a slip',
    need({ from: 'up', select: { outputs: 'x' } }),
    `SPEC_INVALID ${NEED}.select.output`,
    `SPEC_UNKNOWN_KEY ${NEED}.select.outputs`,
  ],
  ['an absolute output', output('/etc/passwd'), `SPEC_INVALID ${NEED}.select.output`],
  ['an output outside', output('a/../../b'), `SPEC_INVALID ${NEED}.select.output`],
  ['an output with an empty part', output('a//b'), `SPEC_INVALID ${NEED}.select.output`],
  ['an output with a backslash', output('a\\b'), `SPEC_INVALID ${NEED}.select.output`],
  ['an output with a line break', output('a\nb'), `SPEC_INVALID ${NEED}.select.output`],
  ['an output with a letter that nobody sees', output('a\u200bb'), `SPEC_INVALID ${NEED}.select.output`],
  ['an output with a part too long for a file', output('o'.repeat(256)), `SPEC_INVALID ${NEED}.select.output`],
  ['an output without a name', output(''), `SPEC_INVALID ${NEED}.select.output`],
  [
    'a key that leaves its folder',
    one({ needs: { '../x': { from: 'b', select: 'patch' } } }),
    `SPEC_INVALID ${I}.needs["../x"]`,
  ],
  ['an unknown item', need({ from: 'upp', select: { output: 'x' } }), `SPEC_UNKNOWN_REFERENCE ${NEED}.from`],
  ['itself', need({ from: 'a', select: { output: 'x' } }), `SPEC_CYCLE ${NEED}.from`],
  ['a patch that nobody captures', need({ from: 'up', select: 'patch' }), `SPEC_INVALID ${NEED}.select`],
  [
    'outputs that nobody captures',
    runOf([item('up'), item('a', { needs: { k: { from: 'up', select: { output: 'x' } } } })]),
    `SPEC_INVALID ${NEED}.select`,
  ],
];

const GRAPH: Row[] = [
  ['an id twice', runOf([item('a'), item('b'), item('a')]), 'SPEC_DUPLICATE_ID spec.items[2].id'],
  ['an unknown dependency', one({ dependsOn: ['b'] }), `SPEC_UNKNOWN_REFERENCE ${I}.dependsOn[0]`],
  ['a dependency on itself', one({ dependsOn: ['a'] }), `SPEC_CYCLE ${I}.dependsOn[0]`],
  [
    'a circle of two',
    runOf([item('a', { dependsOn: ['b'] }), item('b', { dependsOn: ['a'] })]),
    'SPEC_CYCLE spec.items[0]',
  ],
  [
    'mistakes of every kind at once',
    runOf([item('a', { dependsOn: ['zz'], colour: 1 }), item('b', { dependsOn: ['b', 'a'] }), item('b')], {
      queu: 'x',
    }),
    'SPEC_UNKNOWN_KEY spec.items[0].colour',
    'SPEC_UNKNOWN_KEY spec.queu',
    'SPEC_DUPLICATE_ID spec.items[2].id',
    'SPEC_UNKNOWN_REFERENCE spec.items[0].dependsOn[0]',
    'SPEC_CYCLE spec.items[1].dependsOn[0]',
  ],
];

const TABLE = { DOCUMENTS, METADATA, RUN, SOURCES, ITEMS, BLOCKS, ENVIRONMENT, NEEDS, GRAPH };

for (const [group, rows] of Object.entries(TABLE)) {
  describe(`malformed specs: ${group.toLowerCase()}`, () => {
    for (const [title, document, ...refused] of rows) {
      test(`refuses ${title}`, () => {
        const refusals = refusalsFor(document);
        assert.deepEqual(summary(refusals), refused);
        for (const { problem, fix } of refusals) {
          assert.match(problem, /^\S.*[^.\s]$/s);
          assert.match(fix, /^\S.*\.$/s);
        }
      });
    }
  });
}

test('malformed specs: the table holds more than a hundred, and what it starts from is accepted', () => {
  assert.ok(Object.values(TABLE).flat().length > 100);
  for (const good of [one({}), spec({}), need({ from: 'up', select: { output: 'x' } }), git({ url: '.' })]) {
    assert.deepEqual(refusalsFor(good), []);
  }
});

test('malformed specs: for a slip the word is named, for the contrary of a word all of them', () => {
  const fixOf = (effect: string): unknown => refusalsFor(one({ effect }))[0]?.fix;
  assert.deepEqual([fixOf('pur'), fixOf('wirte')], ['Write `pure`.', 'Write `write`.']);
  assert.equal(fixOf('impure'), 'Write one of `pure`, `read`, `write`.');
});

test('malformed specs: one list holds what the schema, the items and the graph have against it', () => {
  const items = [
    item('a', { locks: ['x', 'x'], pipeline: [{ block: 'capture', what: 'patch' }, SCRIPT] }),
    item('b', { dependson: ['a'] }),
    item('c', { dependsOn: ['nope'], retry: { maxBackoff: '2s' } }),
  ];
  const refused = parseRun(
    bytesOf(runOf(items, { defaults: { retry: { backoff: '5s' } } }, { metadata: { name: 'X' } })),
  );
  assert.deepEqual(refused.ok ? [] : summary(refused.refusals).toSorted(), [
    'SPEC_INVALID metadata.name',
    'SPEC_INVALID spec.items[0].locks[1]',
    'SPEC_INVALID spec.items[0].pipeline[0]',
    'SPEC_INVALID spec.items[0].pipeline[0]',
    'SPEC_INVALID spec.items[2].retry.maxBackoff',
    'SPEC_UNKNOWN_KEY spec.items[1].dependson',
    'SPEC_UNKNOWN_REFERENCE spec.items[2].dependsOn[0]',
  ]);
});

test('malformed specs: of a number that is past every bound only the nearest is told', () => {
  const told = (document: unknown): string[] => refusalsFor(document).map(({ problem, fix }) => `${problem}. ${fix}`);
  assert.deepEqual(told(one({ priority: 1e300 })), ['the number is over 100. Use at most 100.']);
  assert.deepEqual(told(one({ priority: -1e300 })), ['the number is under 0. Use at least 0.']);
  assert.deepEqual(told(one({ resources: { processes: 1e99 } })), ['the number is over 100000. Use at most 100000.']);
});

test('malformed specs: what is broken in an item hides nothing else that is wrong with it', () => {
  const up = item('up', { pipeline: [SCRIPT, CAPTURE] });
  const lost = { dependsOn: ['nope'], needs: { k: { from: 'gone', select: 'patch' } } };
  const patch = { pipeline: [SCRIPT, { block: 'capture', what: 'patch' }] };
  const told = (more: object): string[] => {
    const read = parseRun(bytesOf(runOf([up, item('a', more)])));
    return read.ok ? [] : summary(read.refusals).toSorted();
  };
  const links = [
    'SPEC_UNKNOWN_REFERENCE spec.items[1].dependsOn[0]',
    'SPEC_UNKNOWN_REFERENCE spec.items[1].needs.k.from',
  ];
  assert.deepEqual(told({ ...lost, ...patch, timeout: 5, tiemout: '5s' }), [
    'SPEC_INVALID spec.items[1].pipeline[1]',
    'SPEC_INVALID spec.items[1].timeout',
    'SPEC_UNKNOWN_KEY spec.items[1].tiemout',
    ...links,
  ]);
  assert.deepEqual(told({ ...lost, pipeline: [{ block: 'scrpt' }] }), [
    'SPEC_INVALID spec.items[1].pipeline[0].block',
    ...links,
  ]);
  const gated = { pipeline: undefined, gate: {}, retry: 5, locks: ['x'] };
  assert.deepEqual(told(gated), ['SPEC_INVALID spec.items[1].locks', 'SPEC_INVALID spec.items[1].retry']);
});

test('malformed specs: what may have been meant by a broken part of an item is held against nobody', () => {
  const told = (broken: object, other: object): string[] => {
    const read = parseRun(bytesOf(runOf([item('up', broken), item('a', other)])));
    return read.ok ? [] : summary(read.refusals);
  };
  const need = { needs: { k: { from: 'up', select: { output: 'x' } }, p: { from: 'up', select: 'patch' } } };
  assert.deepEqual(told({ pipeline: [{ block: 'scrpt' }] }, need), ['SPEC_INVALID spec.items[0].pipeline[0].block']);
  assert.deepEqual(told({ forEach: 5 }, { needs: { k: { each: 'up', select: 'patch' } } }), [
    'SPEC_INVALID spec.items[0].forEach',
  ]);
});
