/** A worker may say anything. Whatever it stages as a result, the run ends and its evidence verifies. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import fc from 'fast-check';
import type { Result } from '#core/mailbox-protocol.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

/** Puts other bytes in the place of what the worker of item `bad` staged. */
function withResult(change: (result: Result) => unknown): (deps: FlowBed['deps']) => FlowBed['deps'] {
  return (deps) => ({
    ...deps,
    mailbox: {
      ...deps.mailbox,
      async staged(attemptId) {
        const staged = await deps.mailbox.staged(attemptId);
        const result = staged.result && (JSON.parse(Buffer.from(staged.result).toString()) as Result);
        if (!result || !hostile.has(attemptId)) return staged;
        const changed = change(result);
        return { ...staged, result: changed instanceof Uint8Array ? changed : Buffer.from(canonicalize(changed)) };
      },
    },
  });
}

/** Attempts of the item `bad`, noted as they run. */
const hostile = new Set<string>();

async function runWith(change: (result: Result) => unknown): Promise<{ state: string; reason: string | undefined }> {
  const execute = (job: { item: string; attemptId: string }) => {
    if (job.item === 'bad') hostile.add(job.attemptId);
    return SUCCEEDED;
  };
  let seen: { state: string; reason: string | undefined } = { state: '', reason: undefined };
  await withBed({ execute, adapt: withResult(change) }, async (bed) => {
    bed.submit('s', runOf([{ id: 'bad' }, { id: 'good' }, { id: 'after', dependsOn: ['bad'] }]));
    const run = await finished(bed, 's');
    assert.equal(run.item('good')?.state, 'done');
    seen = { state: run.item('bad')?.state ?? '', reason: run.item('bad')?.reason };
  });
  return seen;
}

const STAMP = '2026-01-01T00:00:00.000Z';
const BLOCK = { index: 0, block: 'script' as const, exit: 0, startedAt: STAMP, endedAt: STAMP };

const LIES: Record<string, (result: Result) => unknown> = {
  'outputs that were never staged': (result) => ({ ...result, outputs: { sha256: digestOf('x'), sizeBytes: 1 } }),
  'a log that was never staged': (result) => ({
    ...result,
    log: { sha256: digestOf('x'), sizeBytes: 1, truncated: false },
  }),
  'outputs in the result that are no frame': (result) => ({
    ...result,
    outputs: { sha256: digestOf('x'), sizeBytes: 1 },
    inline: { outputs: Buffer.from('x').toString('base64') },
  }),
  'outputs in the result that it does not name': (result) => ({
    ...result,
    outputs: null,
    inline: { outputs: 'eA==' },
  }),
  'a log in the result that is no base64': (result) => ({
    ...result,
    log: { sha256: digestOf('x'), sizeBytes: 1, truncated: false },
    inline: { log: 'x!' },
  }),
  'success with another reason': (result) => ({ ...result, reason: 'lucky' }),
  'success with a failing exit code': (result) => ({ ...result, exit: 5 }),
  'failure with the reason ok': (result) => ({ ...result, outcome: 'failed' }),
  'a day that does not exist': (result) => ({
    ...result,
    blocks: [{ ...BLOCK, startedAt: '2026-02-30T00:00:00.000Z' }],
  }),
  'an hour that does not exist': (result) => ({
    ...result,
    blocks: [{ ...BLOCK, endedAt: '2026-02-20T24:00:00.000Z' }],
  }),
  'nine hundred blocks': (result) => ({
    ...result,
    blocks: Array.from({ length: 900 }, (_, index) => ({ ...BLOCK, index })),
  }),
  'another attempt': (result) => ({ ...result, attemptId: 'f'.repeat(32) }),
  'another epoch': (result) => ({ ...result, epoch: 7 }),
  'a key too many': (result) => ({ ...result, approved: true }),
  'no JSON': () => Buffer.from('{'),
  nothing: () => new Uint8Array(0),
};

for (const [lie, change] of Object.entries(LIES)) {
  it(`hostile result: ${lie} is a contract error of its item alone, in a run that verifies`, async () => {
    const { state, reason } = await runWith(change);
    assert.deepEqual([state, reason], ['failed', 'result_invalid']);
  });
}

it('hostile result: a log in the result that is another than it names is not kept', async () => {
  const log = { sha256: digestOf('x'), sizeBytes: 1, truncated: false };
  const withLog = (text: string) =>
    runWith((result) => ({ ...result, log, inline: { log: Buffer.from(text).toString('base64') } }));
  assert.deepEqual(await withLog('y'), { state: 'failed', reason: 'object_digest_mismatch' });
  assert.deepEqual(await withLog('x'), { state: 'done', reason: undefined });
});

it('hostile result: without a lie the same run is done, so that the lies above are what fails', async () => {
  assert.deepEqual(await runWith((result) => result), { state: 'done', reason: undefined });
});

it('hostile result: any JSON in the place of any part still gives a run that ends and verifies', async () => {
  const part = fc.constantFrom(
    'outcome',
    'reason',
    'exit',
    'blocks',
    'outputs',
    'log',
    'inline',
    'excluded',
    'worker',
    'v',
  );
  await fc.assert(
    fc.asyncProperty(part, fc.jsonValue({ maxDepth: 2 }), async (key, value) => {
      const { state } = await runWith((result) => Buffer.from(JSON.stringify({ ...result, [key]: value })));
      assert.ok(['done', 'failed', 'cancelled'].includes(state), state);
    }),
    { numRuns: 15 },
  );
});
