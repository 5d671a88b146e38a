/** What is signed about the end of attempts, by a whole engine. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { digestOf, PROVENANCE_PREDICATE, type Statement, TEST_RESULT_PREDICATE } from '@waybill/verify';
import { FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { runOf } from '../support/run-spec.ts';

const TEXT = Buffer.from('a table');

/** The statements in a run's audit file, in their order. */
function statementsIn(directory: string, run: string): Statement<string, object>[] {
  const text = readFileSync(join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { payload?: string })
    .flatMap(({ payload }) => (payload === undefined ? [] : [payloadOf(payload)]));
}

function payloadOf(payload: string): Statement<string, object> {
  return JSON.parse(Buffer.from(payload, 'base64').toString());
}

describe('flow: attestations', { concurrency: true }, () => {
  it('outputs get a provenance and checks a test result, in a bundle that verifies', async () => {
    const made = { ...SUCCEEDED, outputs: { 'table.csv': TEXT } };
    await withBed({ execute: (job) => (job.item === 'make' ? made : FAILED) }, async (bed) => {
      const needs = { csv: { from: 'make', select: { output: 'table.csv' } } };
      const run = bed.submit('s', runOf([{ id: 'make' }, { id: 'judge', needs, lens: 'verify' }]));
      await finished(bed, 's');
      const [, provenance, , result, ...others] = statementsIn(bed.directory, run);
      const sha256 = digestOf(TEXT).slice('sha256:'.length);
      assert.equal(provenance?.predicateType, PROVENANCE_PREDICATE);
      assert.deepEqual(provenance.subject, [{ name: 'outputs/table.csv', digest: { sha256 } }]);
      assert.equal(result?.predicateType, TEST_RESULT_PREDICATE);
      assert.deepEqual(result.subject, [{ name: 'inputs/csv', digest: { sha256 } }]);
      assert.equal((result.predicate as { result: string }).result, 'FAILED');
      assert.deepEqual(others, []);
    });
  });

  it('an end that is decided again is signed with the time of its event; what stayed the same keeps its signature', async () => {
    const signed: string[] = [];
    let conflicts = 1;
    const conflict = (): Promise<never> =>
      Promise.reject(new RetryableError({ code: 'ROW_CONFLICT', path: 'row', problem: 'as asked', fix: 'Again.' }));
    const isSettlement = (args: unknown[]): boolean => JSON.stringify(args).includes('attempt.settled');
    const options = {
      execute: () => ({ ...SUCCEEDED, outputs: { 'table.csv': TEXT } }),
      adapt: (deps: Parameters<typeof interceptPorts>[0]) =>
        interceptPorts(deps, async ({ port, method, args }, proceed) => {
          if (port === 'signer') signed.push(Buffer.from(args[0] as Uint8Array).toString());
          if (port === 'store' && method === 'transact' && isSettlement(args) && conflicts-- > 0) {
            // A later decision has another time.
            await new Promise((resolve) => setTimeout(resolve, 5));
            return conflict();
          }
          return proceed();
        }),
    };
    await withBed(options, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x', lens: 'gate' }]));
      await finished(bed, 's');
      const count = (type: string): number => signed.filter((text) => text.includes(type)).length;
      assert.equal(count(PROVENANCE_PREDICATE), 2);
      assert.equal(count(TEST_RESULT_PREDICATE), 1);
      assert.equal(statementsIn(bed.directory, run).length, 3);
    });
  });
});
