/** Intents: who may leave them, how hostile ones end, what is said to them, and that nothing else comes of it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { intentPolicyDigest, MAX_INTENT_BYTES, MAX_INTENTS } from '#core/intent.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const CHANGE = bytes('a change');
const intentOf = (more: object = {}): Uint8Array =>
  bytes(
    canonicalize({
      v: 1,
      kind: 'publish.file',
      bound: [{ name: 'outputs/change', sha256: digestOf(CHANGE) }],
      params: { to: 'the website' },
      ...more,
    }),
  );
const leaving = (intents: Record<string, Uint8Array>): Execute => {
  const named = Object.entries(intents).map(([name, intent]) => [`.waybill/intents/${name}`, intent]);
  return () => ({ ...SUCCEEDED, outputs: { change: CHANGE, ...Object.fromEntries(named) } });
};
const WRITES: ItemDraft = { id: 'w', effect: 'write' };

type Ended = Awaited<ReturnType<typeof finished>>;

async function ended(execute: Execute, item: ItemDraft, allow?: string[]): Promise<Ended> {
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
    allow === undefined ? deps : { ...deps, intentPolicy: { allow } };
  let result: Ended | undefined;
  await withBed({ execute, adapt }, async (bed) => {
    bed.submit('s', runOf([item]));
    result = await finished(bed, 's');
  });
  return result ?? assert.fail();
}

it('intents: what nobody has allowed is denied, and the verdict is sealed with the digest of the policy that said so', async () => {
  const { events, item, states } = await ended(leaving({ 'a.json': intentOf() }), WRITES);
  assert.deepEqual(states, { w: 'done' });
  const [event, ...others] = eventsOf(events, 'intents.judged');
  assert.deepEqual(others, []);
  const name = 'outputs/.waybill/intents/a.json';
  const said = {
    kind: 'publish.file',
    verdict: 'deny',
    reason: 'kind_not_allowed',
    name,
    sha256: digestOf(intentOf()),
  };
  const { id, ...data } = event?.data ?? assert.fail();
  const policy = intentPolicyDigest({ allow: [] });
  assert.deepEqual(data, { item: 'w', attempt: 1, phase: 'intent', layer: 'deployment', policy, intents: [said] });
  assert.equal(id, item('w')?.attempts[0]?.id);
  assert.deepEqual(item('w')?.intents, [said]);
});

it('intents: a kind that the deployment allows passes, another beside it does not', async () => {
  const intents = { 'a.json': intentOf(), 'b.json': intentOf({ kind: 'publish.files' }) };
  const { events } = await ended(leaving(intents), WRITES, ['publish.file']);
  const { policy, intents: said } = eventsOf(events, 'intents.judged')[0]?.data ?? assert.fail();
  assert.deepEqual(
    said.map(({ kind, verdict }) => [kind, verdict]),
    [
      ['publish.file', 'allow'],
      ['publish.files', 'deny'],
    ],
  );
  assert.notEqual(policy, intentPolicyDigest({ allow: [] }));
});

it('intents: settings that change in between say something else of the same kind, and the run verifies', async () => {
  const intentPolicy: { allow: string[] } = { allow: [] };
  const execute: Execute = (...given) => {
    intentPolicy.allow = given[0].item === 'w' ? [] : ['publish.file'];
    return leaving({ 'a.json': intentOf() })(...given);
  };
  await withBed({ execute, adapt: (deps) => ({ ...deps, intentPolicy }) }, async (bed) => {
    bed.submit('s', runOf([WRITES, { ...WRITES, id: 'x', dependsOn: ['w'] }]));
    const { events } = await finished(bed, 's');
    const said = eventsOf(events, 'intents.judged').flatMap(({ data }) => data.intents.map(({ verdict }) => verdict));
    assert.deepEqual(said, ['deny', 'allow']);
    assert.equal((await bed.sealed('s')).report.verdict, 'verified');
  });
});

for (const effect of ['pure', 'read', undefined] as const)
  it(`intents: an item that is ${effect ?? 'nothing in particular'} and leaves one is blocked by name, and is not tried again`, async () => {
    const item = { id: 'w', retry: { maxAttempts: 3, backoff: '100ms' }, ...(effect === undefined ? {} : { effect }) };
    const { events, states } = await ended(leaving({ 'a.json': intentOf() }), item, ['publish.file']);
    assert.deepEqual(states, { w: 'failed' });
    const [settled, ...others] = eventsOf(events, 'attempt.settled');
    assert.deepEqual([settled?.data.outcome, settled?.data.reason], ['policy_blocked', 'intent_undeclared']);
    assert.deepEqual([others, eventsOf(events, 'intents.judged')], [[], []]);
  });

it('intents: who must not leave one is blocked even while it asks, keeps no question, and its run verifies', async () => {
  const asking: Execute = () => ({
    outcome: 'deferred',
    reason: 'needs_input',
    exit: 20,
    question: 'Which?',
    outputs: { change: CHANGE, '.waybill/intents/a.json': intentOf() },
  });
  await withBed({ execute: asking }, async (bed) => {
    bed.submit('s', runOf([{ id: 'w' }]));
    const { report } = await bed.sealed('s');
    assert.equal(report.verdict, 'verified');
    const { states, events } = await finished(bed, 's');
    assert.deepEqual(states, { w: 'failed' });
    const [settled] = eventsOf(events, 'attempt.settled');
    const { outcome, reason, next, question } = settled?.data ?? assert.fail();
    assert.deepEqual([outcome, reason, next, question], ['policy_blocked', 'intent_undeclared', 'failed', undefined]);
  });
});

const HOSTILE: Record<string, Record<string, Uint8Array>> = {
  'no JSON': { 'a.json': bytes('rm -rf') },
  'not canonical': { 'a.json': bytes(new TextDecoder().decode(intentOf()).replace('{', '{ ')) },
  'a key too many': { 'a.json': intentOf({ verdict: 'allow' }) },
  'a key twice': { 'a.json': bytes('{"bound":[],"kind":"a","kind":"publish.file","params":{},"v":1}') },
  'another version': { 'a.json': intentOf({ v: 2 }) },
  'a kind that is a path': { 'a.json': intentOf({ kind: '../publish' }) },
  'bound to what was not left': {
    'a.json': intentOf({ bound: [{ name: 'outputs/change', sha256: digestOf('else') }] }),
  },
  'bound to a name that was not left': {
    'a.json': intentOf({ bound: [{ name: 'outputs/other', sha256: digestOf(CHANGE) }] }),
  },
  'bound to an intent': {
    'a.json': intentOf(),
    'b.json': intentOf({ bound: [{ name: 'outputs/.waybill/intents/a.json', sha256: digestOf(intentOf()) }] }),
  },
  'no file of its own': { 'deep/a.json': intentOf() },
  'another name': { 'a.txt': intentOf() },
  'too large': { 'a.json': new Uint8Array(MAX_INTENT_BYTES + 1) },
  'too many': Object.fromEntries(Array.from({ length: MAX_INTENTS + 1 }, (_, n) => [`${n}.json`, intentOf()])),
};

for (const [title, intents] of Object.entries(HOSTILE))
  it(`intents: ${title}: the attempt is a contract error, and nothing of it is kept or judged`, async () => {
    const { events, states, item } = await ended(leaving(intents), WRITES, ['publish.file', 'a']);
    assert.deepEqual(states, { w: 'failed' });
    assert.match(item('w')?.detail ?? '', /^outputs\/\.waybill\/intents\/.*: .* docs\/formats\/intents\.md/);
    const [{ data }] = eventsOf(events, 'attempt.settled') as [ReturnType<typeof eventsOf<'attempt.settled'>>[number]];
    assert.deepEqual([data.outcome, data.reason, data.outputs], ['contract_error', 'intent_invalid', []]);
    assert.deepEqual(eventsOf(events, 'intents.judged'), []);
  });

it('intents: which file is wrong, where in it, how, and what to do is told to people', async () => {
  const { item } = await ended(leaving({ 'b.json': intentOf(), 'a.json': intentOf({ v: 2 }) }), WRITES);
  assert.equal(
    item('w')?.detail,
    'outputs/.waybill/intents/a.json: intent.v: is none of 1 (INTENT_INVALID). Write it as docs/formats/intents.md says.',
  );
});

it('intents: as many and as large as may be pass, and those of an attempt that failed are judged by nobody', async () => {
  const most = Object.fromEntries(Array.from({ length: MAX_INTENTS }, (_, n) => [`${n}.json`, intentOf()]));
  const { events } = await ended(leaving(most), WRITES);
  assert.equal(eventsOf(events, 'intents.judged')[0]?.data.intents.length, MAX_INTENTS);
  const failing: Execute = () => ({ ...FAILED, outputs: { change: CHANGE, '.waybill/intents/a.json': intentOf() } });
  const failed = await ended(failing, WRITES);
  assert.deepEqual(eventsOf(failed.events, 'intents.judged'), []);
  assert.deepEqual([failed.states.w, failed.item('w')?.intents], ['failed', undefined]);
});
