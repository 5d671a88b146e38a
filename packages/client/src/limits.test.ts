import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalize } from '@waybill/verify';
import { branching, choosing, reviewing } from '../test/many-sources.ts';
import {
  bytesOf,
  item,
  PACKED,
  parsed,
  parseWrittenRun,
  refusalsFor,
  runOf,
  SCRIPT,
  summary,
} from '../test/run-sample.ts';
import { compile, compileItems, extensionProblems, parseControl, parseRun, planExtension } from './compile.ts';
import { formatDuration } from './duration.ts';
import { LIMITS } from './limits.ts';
import { planEntries } from './plan-entries.ts';

interface LimitCase {
  at: () => unknown;
  over: () => unknown;
  refused: string;
}

const numbered = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
const entries = <T>(count: number, make: (n: number) => [string, T]): Record<string, T> =>
  Object.fromEntries(numbered(count, make));
const namedFor = (count: number): object => entries(count, (n) => [`S${n}`, 'a-secret']);
const one = (more: object): unknown => runOf([item('a', more)]);
const nest = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

/** `n` items that each depend on all of `m` others. */
const dense = (n: number, m: number, extra: string[] = []): unknown => {
  const base = numbered(m, (k) => item(`b${k}`));
  const dependsOn = numbered(m, (k) => `b${k}`);
  return runOf([...base, ...numbered(n, (k) => item(`d${k}`, { dependsOn })), item('last', { dependsOn: extra })]);
};

const keyOf = (n: number): string => `k${String(n).padStart(3, '0')}`;

/** Outputs of `up` that are needed as `k000` and on, and fill what may be sealed of needs to the byte. */
const PATHS_TO_THE_LIMIT = ((): string[] => {
  const around = '{"from":["up"],"key":"k000","select":{"output":""}},'.length;
  const paths = numbered(120, () => `${'é'.repeat(75)}o`);
  // There is one bracket more than there are commas.
  const left = LIMITS.needsBytes - 1 - paths.length * (around + 151);
  return [...paths.slice(1), `${'é'.repeat(75)}/${'o'.repeat(left)}`];
})();

const CAPTURE = { block: 'capture', what: 'outputs' };
const ENDED = { from: 'up', state: 'done' };

/** An item that asks one before it. */
const asking = (when: unknown): unknown => runOf([item('up', { pipeline: [SCRIPT, CAPTURE] }), item('a', { when })]);

const negated = (times: number): object => (times === 0 ? ENDED : { not: negated(times - 1) });

/** An item that takes from the first of so many. */
const CASES: Partial<Record<keyof typeof LIMITS, LimitCase>> = {
  items: {
    at: () => runOf(numbered(LIMITS.items, (n) => item(`i${n}`))),
    over: () => runOf(numbered(LIMITS.items + 1, (n) => item(`i${n}`))),
    refused: 'SPEC_LIMIT spec.items',
  },
  edges: {
    at: () => dense(400, 500),
    over: () => dense(400, 500, ['b0']),
    refused: 'SPEC_LIMIT spec.items',
  },
  needsPerItem: {
    at: () => withNeeds(LIMITS.needsPerItem),
    over: () => withNeeds(LIMITS.needsPerItem + 1),
    refused: 'SPEC_LIMIT spec.items[1].needs',
  },
  branchesPerItem: {
    at: () => runOf(branching(LIMITS.branchesPerItem)),
    over: () => runOf(branching(LIMITS.branchesPerItem + 1)),
    refused: 'SPEC_LIMIT spec.items[1].forEach.max',
  },
  reviewersPerGate: {
    at: () => runOf([{ id: 'a', gate: { reviewers: numbered(LIMITS.reviewersPerGate, (n) => `r${n}`) } }]),
    over: () => runOf([{ id: 'a', gate: { reviewers: numbered(LIMITS.reviewersPerGate + 1, (n) => `r${n}`) } }]),
    refused: 'SPEC_LIMIT spec.items[0].gate.reviewers',
  },
  reviewsPerGate: {
    at: () => reviewing(LIMITS.reviewsPerGate),
    over: () => reviewing(LIMITS.reviewsPerGate + 1),
    refused: `SPEC_LIMIT spec.items[${LIMITS.reviewsPerGate + 1}].gate.reviews`,
  },
  sourcesPerNeed: {
    at: () => choosing(LIMITS.sourcesPerNeed),
    over: () => choosing(LIMITS.sourcesPerNeed + 1),
    refused: `SPEC_LIMIT spec.items[${LIMITS.sourcesPerNeed + 1}].needs.k.oneOf`,
  },
  testsPerCondition: {
    at: () => asking({ any: [...numbered(LIMITS.testsPerCondition - 2, () => ENDED), { all: [ENDED, ENDED] }] }),
    over: () => asking({ any: [...numbered(LIMITS.testsPerCondition - 1, () => ENDED), { all: [ENDED, ENDED] }] }),
    refused: 'SPEC_LIMIT spec.items[1].when',
  },
  conditionTextChars: {
    at: () => asking({ from: 'up', output: 'o', equals: 'x'.repeat(LIMITS.conditionTextChars) }),
    over: () => asking({ from: 'up', output: 'o', equals: 'x'.repeat(LIMITS.conditionTextChars + 1) }),
    refused: 'SPEC_LIMIT spec.items[1].when.equals',
  },
  pointerChars: {
    at: () => asking({ from: 'up', output: 'o', at: `/${'x'.repeat(LIMITS.pointerChars - 1)}`, exists: true }),
    over: () => asking({ from: 'up', output: 'o', at: `/${'x'.repeat(LIMITS.pointerChars)}`, exists: true }),
    refused: 'SPEC_LIMIT spec.items[1].when.at',
  },
  conditionNesting: {
    at: () => asking(negated(LIMITS.conditionNesting)),
    over: () => asking(negated(LIMITS.conditionNesting + 1)),
    refused: 'SPEC_LIMIT spec.items[1].when',
  },
  needsBytes: {
    at: () => needing(PATHS_TO_THE_LIMIT),
    over: () => needing([...PATHS_TO_THE_LIMIT.slice(0, -1), `${PATHS_TO_THE_LIMIT.at(-1)}o`]),
    refused: 'SPEC_LIMIT spec.items[1].needs',
  },
  locksPerItem: {
    at: () => one({ locks: numbered(LIMITS.locksPerItem, (n) => `l${n}`) }),
    over: () => one({ locks: numbered(LIMITS.locksPerItem + 1, (n) => `l${n}`) }),
    refused: 'SPEC_LIMIT spec.items[0].locks',
  },
  blocksPerPipeline: {
    at: () => one({ pipeline: numbered(LIMITS.blocksPerPipeline, () => SCRIPT) }),
    over: () => one({ pipeline: numbered(LIMITS.blocksPerPipeline + 1, () => SCRIPT) }),
    refused: 'SPEC_LIMIT spec.items[0].pipeline',
  },
  secretsPerBlock: {
    at: () => one({ pipeline: [{ ...SCRIPT, secrets: namedFor(LIMITS.secretsPerBlock) }] }),
    over: () => one({ pipeline: [{ ...SCRIPT, secrets: namedFor(LIMITS.secretsPerBlock + 1) }] }),
    refused: 'SPEC_LIMIT spec.items[0].pipeline[0].secrets',
  },
  nameChars: {
    at: () => runOf([item('n'.repeat(LIMITS.nameChars))]),
    over: () => runOf([item('n'.repeat(LIMITS.nameChars + 1))]),
    refused: 'SPEC_INVALID spec.items[0].id',
  },
  lockNameChars: {
    at: () => one({ locks: ['l'.repeat(LIMITS.lockNameChars)] }),
    over: () => one({ locks: ['l'.repeat(LIMITS.lockNameChars + 1)] }),
    refused: 'SPEC_INVALID spec.items[0].locks[0]',
  },
  labels: {
    at: () => labelled(entries(LIMITS.labels, (n) => [`l${n}`, 'x'])),
    over: () => labelled(entries(LIMITS.labels + 1, (n) => [`l${n}`, 'x'])),
    refused: 'SPEC_LIMIT metadata.labels',
  },
  labelValueChars: {
    at: () => labelled({ a: 'x'.repeat(LIMITS.labelValueChars) }),
    over: () => labelled({ a: 'x'.repeat(LIMITS.labelValueChars + 1) }),
    refused: 'SPEC_LIMIT metadata.labels.a',
  },
  outputPathChars: {
    at: () => needing(['o/'.repeat(LIMITS.outputPathChars / 2 - 1).concat('oo')]),
    over: () => needing(['o/'.repeat(LIMITS.outputPathChars / 2).concat('o')]),
    refused: 'SPEC_LIMIT spec.items[1].needs.k000.select.output',
  },
  sourceUrlChars: {
    at: () => runOf([item('a')], { source: { git: { url: '/'.padEnd(LIMITS.sourceUrlChars, 'u') } } }),
    over: () => runOf([item('a')], { source: { git: { url: '/'.padEnd(LIMITS.sourceUrlChars + 1, 'u') } } }),
    refused: 'SPEC_LIMIT spec.source.git.url',
  },
  sourceRefChars: {
    at: () => runOf([item('a')], { source: { git: { url: '.', ref: 'r'.repeat(LIMITS.sourceRefChars) } } }),
    over: () => runOf([item('a')], { source: { git: { url: '.', ref: 'r'.repeat(LIMITS.sourceRefChars + 1) } } }),
    refused: 'SPEC_LIMIT spec.source.git.ref',
  },
  sourceBytes: {
    at: () => runOf([item('a')], { source: { ...PACKED, sizeBytes: LIMITS.sourceBytes } }),
    over: () => runOf([item('a')], { source: { ...PACKED, sizeBytes: LIMITS.sourceBytes + 1 } }),
    refused: 'SPEC_LIMIT spec.source.sizeBytes',
  },
  runBytes: {
    at: () => one({ pipeline: [{ block: 'script', run: 'é'.repeat(LIMITS.runBytes / 2) }] }),
    over: () => one({ pipeline: [{ block: 'script', run: `${'é'.repeat(LIMITS.runBytes / 2)}x` }] }),
    refused: 'SPEC_LIMIT spec.items[0].pipeline[0].run',
  },
  argvEntries: {
    at: () => one({ pipeline: [{ block: 'script', run: numbered(LIMITS.argvEntries, () => 'w') }] }),
    over: () => one({ pipeline: [{ block: 'script', run: numbered(LIMITS.argvEntries + 1, () => 'w') }] }),
    refused: 'SPEC_LIMIT spec.items[0].pipeline[0].run',
  },
  argvEntryBytes: {
    at: () => one({ pipeline: [{ block: 'script', run: ['w'.repeat(LIMITS.argvEntryBytes)] }] }),
    over: () => one({ pipeline: [{ block: 'script', run: ['w'.repeat(LIMITS.argvEntryBytes + 1)] }] }),
    refused: 'SPEC_LIMIT spec.items[0].pipeline[0].run[0]',
  },
  envEntries: {
    at: () => one({ env: entries(LIMITS.envEntries, (n) => [`E${n}`, 'x']) }),
    over: () => one({ env: entries(LIMITS.envEntries + 1, (n) => [`E${n}`, 'x']) }),
    refused: 'SPEC_LIMIT spec.items[0].env',
  },
  envNameChars: {
    at: () => one({ env: { ['E'.repeat(LIMITS.envNameChars)]: 'x' } }),
    over: () => one({ env: { ['E'.repeat(LIMITS.envNameChars + 1)]: 'x' } }),
    refused: `SPEC_INVALID spec.items[0].env.${'E'.repeat(LIMITS.envNameChars + 1)}`,
  },
  envValueBytes: {
    at: () => one({ env: { E: 'x'.repeat(LIMITS.envValueBytes) } }),
    over: () => one({ env: { E: 'x'.repeat(LIMITS.envValueBytes + 1) } }),
    refused: 'SPEC_LIMIT spec.items[0].env.E',
  },
  envBytes: {
    at: () => one({ env: entries(4, (n) => [`E${n}`, 'x'.repeat(LIMITS.envBytes / 4 - 2)]) }),
    over: () => one({ env: { ...entries(4, (n) => [`E${n}`, 'x'.repeat(LIMITS.envBytes / 4 - 2)]), F: '' } }),
    refused: 'SPEC_LIMIT spec.items[0].env',
  },
  maxAttempts: {
    at: () => one({ retry: { maxAttempts: LIMITS.maxAttempts } }),
    over: () => one({ retry: { maxAttempts: LIMITS.maxAttempts + 1 } }),
    refused: 'SPEC_LIMIT spec.items[0].retry.maxAttempts',
  },
  usd: {
    at: () => one({ maxUsd: LIMITS.usd }),
    over: () => one({ maxUsd: LIMITS.usd + 1 }),
    refused: 'SPEC_LIMIT spec.items[0].maxUsd',
  },
  priority: {
    at: () => one({ priority: LIMITS.priority }),
    over: () => one({ priority: LIMITS.priority + 1 }),
    refused: 'SPEC_LIMIT spec.items[0].priority',
  },
  minTimeoutMs: {
    at: () => one({ timeout: `${LIMITS.minTimeoutMs}ms` }),
    over: () => one({ timeout: `${LIMITS.minTimeoutMs - 1}ms` }),
    refused: 'SPEC_LIMIT spec.items[0].timeout',
  },
  maxTimeoutMs: {
    at: () => one({ timeout: formatDuration(LIMITS.maxTimeoutMs) }),
    over: () => one({ timeout: `${LIMITS.maxTimeoutMs + 1}ms` }),
    refused: 'SPEC_LIMIT spec.items[0].timeout',
  },
  minBackoffMs: {
    at: () => one({ retry: { backoff: `${LIMITS.minBackoffMs}ms` } }),
    over: () => one({ retry: { backoff: `${LIMITS.minBackoffMs - 1}ms` } }),
    refused: 'SPEC_LIMIT spec.items[0].retry.backoff',
  },
  maxBackoffMs: {
    at: () => one({ retry: { maxBackoff: formatDuration(LIMITS.maxBackoffMs) } }),
    over: () => one({ retry: { maxBackoff: `${LIMITS.maxBackoffMs + 1}ms` } }),
    refused: 'SPEC_LIMIT spec.items[0].retry.maxBackoff',
  },
  minDeadlineMs: {
    at: () => one({ deadline: `${LIMITS.minDeadlineMs}ms` }),
    over: () => one({ deadline: `${LIMITS.minDeadlineMs - 1}ms` }),
    refused: 'SPEC_LIMIT spec.items[0].deadline',
  },
  maxDeadlineMs: {
    at: () => runOf([item('a')], { caps: { wallClock: formatDuration(LIMITS.maxDeadlineMs) } }),
    over: () => runOf([item('a')], { caps: { wallClock: `${LIMITS.maxDeadlineMs + 1}ms` } }),
    refused: 'SPEC_LIMIT spec.caps.wallClock',
  },
};

function withNeeds(count: number): unknown {
  const upstream = item('up', { pipeline: [SCRIPT, { block: 'capture', what: 'outputs' }] });
  return runOf([
    upstream,
    item('a', { needs: entries(count, (n) => [`k${n}`, { from: 'up', select: { output: 'o' } }]) }),
  ]);
}

function needing(paths: readonly string[]): unknown {
  const upstream = item('up', { pipeline: [SCRIPT, { block: 'capture', what: 'outputs' }] });
  const needs = paths.map((output, n) => [keyOf(n), { from: 'up', select: { output } }]);
  return runOf([upstream, item('a', { needs: Object.fromEntries(needs) })]);
}

function labelled(labels: object): unknown {
  return runOf([item('a')], {}, { metadata: { name: 'x', labels } });
}

describe('limits of values', () => {
  for (const [name, { at, over, refused }] of Object.entries(CASES)) {
    test(`limits: ${name} is accepted at the limit and refused one over it`, () => {
      assert.deepEqual(summary(refusalsFor(at())), []);
      assert.deepEqual(summary(refusalsFor(over())), [refused]);
    });
  }
});

const refusedAs = (bytes: Uint8Array, syntax: 'json' | 'yaml' = 'json'): string[] => {
  const read = (syntax === 'json' ? parseRun : parseWrittenRun)(bytes);
  return read.ok ? [] : summary(read.refusals);
};

const refusedOfSchedule = (timing: object): string[] => {
  const { metadata, spec } = runOf([item('a')]);
  const stated = { timeZone: 'UTC', cron: '0 0 * * *', ...timing, run: spec };
  const read = parseControl(bytesOf({ apiVersion: 'waybill/v1', kind: 'Schedule', metadata, spec: stated }));
  return read.ok ? [] : summary(read.refusals);
};

/** Limits that need more than one value: each is asserted by the test of its name. */
const ELSEWHERE: Record<string, () => void> = {
  typedOutputs: () => assert.equal(LIMITS.typedOutputs, 16),
  specBytes: () => {
    const text = JSON.stringify(runOf([item('a')]));
    assert.deepEqual(refusedAs(bytesOf(text.padEnd(LIMITS.specBytes))), []);
    assert.deepEqual(refusedAs(bytesOf(text.padEnd(LIMITS.specBytes + 1))), ['SPEC_TOO_LARGE document']);
  },
  nesting: () => {
    assert.deepEqual(refusedAs(bytesOf(nest(LIMITS.nesting))), ['SPEC_INVALID document']);
    assert.deepEqual(refusedAs(bytesOf(nest(LIMITS.nesting + 1))), ['SPEC_LIMIT document']);
    assert.deepEqual(refusedAs(bytesOf(`${'- '.repeat(LIMITS.nesting - 1)}a`), 'yaml'), ['SPEC_INVALID document']);
    assert.deepEqual(refusedAs(bytesOf(`${'- '.repeat(LIMITS.nesting + 1)}a`), 'yaml'), ['SPEC_LIMIT document']);
  },
  values: () => {
    const list = (count: number): Uint8Array => bytesOf(`[${'1,'.repeat(count - 2)}1]`);
    assert.deepEqual(refusedAs(list(LIMITS.values)), ['SPEC_INVALID document']);
    assert.deepEqual(refusedAs(list(LIMITS.values + 1)), ['SPEC_TOO_LARGE document']);
  },
  aliases: () => {
    const uses = (count: number): Uint8Array => bytesOf(`- &a x\n${'- *a\n'.repeat(count)}`);
    assert.deepEqual(refusedAs(uses(LIMITS.aliases), 'yaml'), ['SPEC_INVALID document']);
    assert.deepEqual(refusedAs(uses(LIMITS.aliases + 1), 'yaml'), ['SPEC_LIMIT line 1002, column 5']);
  },
  refusals: () => {
    const broken = (count: number): unknown => runOf(numbered(count, (n) => item(`i${n}`, { priority: 'x' })));
    assert.equal(refusalsFor(broken(LIMITS.refusals)).at(-1)?.path, `spec.items[${LIMITS.refusals - 1}].priority`);
    const over = refusalsFor(broken(LIMITS.refusals + 1));
    assert.equal(over.length, LIMITS.refusals);
    assert.equal(over.at(-1)?.problem, 'there are 2 more problems');
  },
  timeZoneChars: () => {
    const refused = (chars: number): string[] => refusedOfSchedule({ timeZone: 'A'.repeat(chars) });
    assert.deepEqual(refused(LIMITS.timeZoneChars), ['SPEC_INVALID spec.timeZone']);
    assert.deepEqual(refused(LIMITS.timeZoneChars + 1), ['SPEC_LIMIT spec.timeZone']);
  },
  cronChars: () => {
    const long = '00 * * * *'.replace('00', `00${',0'.repeat((LIMITS.cronChars - 10) / 2)}`);
    assert.deepEqual(refusedOfSchedule({ cron: long }), []);
    assert.deepEqual(refusedOfSchedule({ cron: `${long} ` }), ['SPEC_LIMIT spec.cron']);
  },
  itemsPerExtension: () => {
    const refused = (count: number): string[] => {
      const items = numbered(count, (n) => item(`i${n}`));
      const control = {
        apiVersion: 'waybill/v1',
        kind: 'Control',
        spec: { verb: 'extend', run: 'a'.repeat(32), items },
      };
      const read = parseControl(bytesOf(control));
      return read.ok ? [] : summary(read.refusals);
    };
    assert.deepEqual(refused(LIMITS.itemsPerExtension), []);
    assert.deepEqual(refused(LIMITS.itemsPerExtension + 1), ['SPEC_LIMIT spec.items']);
  },
  extensionBytes: () => {
    const items = parsed(runOf(numbered(3, (n) => item(`i${n}`)))).spec.items;
    const around = { hasSource: false, present: new Map(), mostItems: 100, reserved: 0, edges: 0 };
    const { items: planned, itemDigests } = planExtension({ items });
    const sealed = planEntries({ items: planned, itemDigests }).reduce(
      (sum, entry) => sum + canonicalize(entry).length,
      0,
    );
    assert.deepEqual(extensionProblems({ items }, around, { ...LIMITS, extensionBytes: sealed }), []);
    const over = extensionProblems({ items }, around, { ...LIMITS, extensionBytes: sealed - 1 });
    assert.deepEqual(summary(over), ['SPEC_LIMIT spec.items']);
  },
  missedSlots: () => {
    assert.deepEqual(refusedOfSchedule({ missed: { all: LIMITS.missedSlots } }), []);
    assert.deepEqual(refusedOfSchedule({ missed: { all: LIMITS.missedSlots + 1 } }), ['SPEC_LIMIT spec.missed.all']);
  },
  chainDepth: () => {
    const chain = parsed(runOf(numbered(50, (n) => item(`i${n}`, n === 0 ? {} : { dependsOn: [`i${n - 1}`] }))));
    assert.equal(compileItems(chain, { ...LIMITS, chainDepth: 50 }).ok, true);
    const over = compileItems(chain, { ...LIMITS, chainDepth: 49 });
    assert.deepEqual(over.ok ? [] : summary(over.refusals), ['SPEC_LIMIT spec.items']);
  },
  depsPerPlanEntry: () => {
    const fanIn = (count: number): number => {
      const items = numbered(count, (n) => item(`i${n}`));
      const compiled = compile(parsed(runOf([...items, item('last', { dependsOn: numbered(count, (n) => `i${n}`) })])));
      return compiled.ok ? planEntries(compiled.plan).length - count : -1;
    };
    assert.equal(fanIn(LIMITS.depsPerPlanEntry), 1);
    assert.equal(fanIn(LIMITS.depsPerPlanEntry + 1), 2);
  },
};

describe('limits of documents', () => {
  for (const [name, check] of Object.entries(ELSEWHERE)) {
    test(`limits: ${name} holds at the limit and one over it`, check);
  }
});

test('limits: every limit has a test', () => {
  assert.deepEqual([...Object.keys(CASES), ...Object.keys(ELSEWHERE)].sort(), Object.keys(LIMITS).sort());
});

test('limits: the defaults count towards the environment of an item', () => {
  const half = (letter: string): object => entries(LIMITS.envEntries / 2 + 1, (n) => [`${letter}${n}`, 'x']);
  const over = refusalsFor(runOf([item('a', { env: half('A') })], { defaults: { env: half('B') } }));
  assert.deepEqual(summary(over), ['SPEC_LIMIT spec.items[0].env']);
});
