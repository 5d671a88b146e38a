/** Typed outputs: what an item declares is held to when an attempt has succeeded, and the record says what was not so. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import type { Execute, Execution } from '#adapters/in-process/executor.ts';
import { MAX_TYPED_BYTES } from '#core/typed-values.ts';
import { FAILED, ranAlone, SUCCEEDED } from '../support/finished-run.ts';
import { type ItemDraft, runOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const SCHEMA = { type: 'object', required: ['approved'], properties: { approved: { type: 'boolean' } } };
const REVIEW: ItemDraft = { id: 'review', outputs: { 'verdict.json': { kind: 'json', schema: SCHEMA } } };
const leaving =
  (outputs: Record<string, string>): Execute =>
  (): Execution => ({
    ...SUCCEEDED,
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, text]) => [name, bytes(text)])),
  });
const ran = (execute: Execute, ...items: ItemDraft[]): ReturnType<typeof ranAlone> =>
  ranAlone({ execute }, runOf(items));

it('typed outputs: what fits makes the item done, and the plan is sealed with the digest of the schema', async () => {
  const { states, events } = await ran(leaving({ 'verdict.json': '{"approved":true}', 'more.txt': 'x' }), REVIEW);
  assert.deepEqual(states, { review: 'done' });
  const [planned] = eventsOf(events, 'run.planned')[0]?.data.items ?? [];
  assert.deepEqual(planned?.outputs, [{ name: 'verdict.json', kind: 'json', schema: digestOf(canonicalize(SCHEMA)) }]);
});

for (const [what, text, invalid] of [
  ['of another type', '{"approved":"yes"}', { problem: 'schema', rule: '/properties/approved/type' }],
  ['no JSON', '{"approved":', { problem: 'not_json' }],
] as const) {
  it(`typed outputs: an output that is ${what} fails the item, which says where it breaks its schema`, async () => {
    const { states, events, item } = await ran(leaving({ 'verdict.json': text }), REVIEW, {
      id: 'after',
      needs: { verdict: { from: 'review', select: { output: 'verdict.json' } } },
    });
    assert.deepEqual(states, { review: 'failed', after: 'skipped' });
    const [{ data } = assert.fail(), ...others] = eventsOf(events, 'attempt.settled');
    assert.deepEqual(others, []);
    assert.deepEqual([data.outcome, data.reason], ['contract_error', 'output_invalid']);
    assert.deepEqual(data.invalid, { output: 'verdict.json', ...invalid });
    assert.match(item('review')?.detail ?? '', /^verdict\.json: it /);
  });
}

it('typed outputs: one that is not there fails the item', async () => {
  const { events } = await ran(leaving({ 'other.json': '{}' }), REVIEW);
  const [event] = eventsOf(events, 'attempt.settled');
  assert.deepEqual(event?.data.invalid, { output: 'verdict.json', problem: 'missing' });
});

it('typed outputs: an attempt that is refused leaves a next one, and one that failed by itself is not judged twice', async () => {
  let times = 0;
  const execute: Execute = (...given) => {
    times += 1;
    if (times === 2) return { ...FAILED, outputs: { 'verdict.json': bytes('{}') } };
    return leaving({ 'verdict.json': times === 1 ? '{}' : '{"approved":false}' })(...given);
  };
  const { states, events } = await ran(execute, { ...REVIEW, retry: { maxAttempts: 3, backoff: '100ms' } });
  assert.deepEqual(states, { review: 'done' });
  const reasons = eventsOf(events, 'attempt.settled').map(({ data }) => data.reason);
  assert.deepEqual(reasons, ['output_invalid', 'exit_nonzero', 'ok']);
});

it('typed outputs: every file of a folder is held to the type, and a kind alone to nothing', async () => {
  const outputs: ItemDraft['outputs'] = { 'parts/': { kind: 'jsonl', schema: SCHEMA }, 'a.csv': { kind: 'csv' } };
  const execute = leaving({ 'a.csv': '"', 'parts/1': '{"approved":true}\n', 'parts/2': '{"approved":true}\n{}\n' });
  const { events } = await ran(execute, { id: 'split', outputs });
  const [event] = eventsOf(events, 'attempt.settled');
  assert.deepEqual(event?.data.invalid, { output: 'parts/', problem: 'schema', rule: '/required', line: 2 });
});

it('typed outputs: more than is parsed is refused, and as much as that is not', async () => {
  const long = (size: number): string => `{"approved":true}${' '.repeat(size - 17)}`;
  const most = await ran(leaving({ 'verdict.json': long(MAX_TYPED_BYTES) }), REVIEW);
  assert.deepEqual(most.states, { review: 'done' });
  const { events } = await ran(leaving({ 'verdict.json': long(MAX_TYPED_BYTES + 1) }), REVIEW);
  assert.deepEqual(eventsOf(events, 'attempt.settled')[0]?.data.invalid, {
    output: 'verdict.json',
    problem: 'too_large',
  });
});

it('typed outputs: a result is not used again where it was held to another type', async () => {
  const pure: ItemDraft = { ...REVIEW, effect: 'pure' };
  const second: ItemDraft = { ...pure, id: 'again', dependsOn: ['review'] };
  const typed: ItemDraft = { ...second, id: 'stricter', outputs: { 'verdict.json': { kind: 'json', schema: {} } } };
  const { events } = await ran(leaving({ 'verdict.json': '{"approved":true}' }), pure, second, typed);
  assert.deepEqual(
    eventsOf(events, 'item.reused').map(({ data }) => data.item),
    ['again'],
  );
});
