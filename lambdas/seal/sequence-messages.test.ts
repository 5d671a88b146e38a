import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { deriveRunId } from '@waybill/verify';
import type { RunTreeRow } from '#core/record-rows.ts';
import { keys, type RunRow } from '#core/rows.ts';
import { takeIn } from '#flow/inbox.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { failedIds, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { runOf } from '../../test/support/run-spec.ts';
import { endedRuns, isSealed, sealDuties } from '../../test/support/seal-bed.ts';
import { beginOnce, sequenceMessages } from './sequence-messages.ts';

const ended = (run: string): object => ({ do: 'ended', run });

describe('seal: the sequencer', () => {
  it('runs that end together are sealed with one checkpoint; their messages again change nothing', async () => {
    await withHandlers(async (bed) => {
      const duties = sealDuties(bed);
      const runs = await endedRuns(bed, ['a', 'b', 'c']);
      const event = queueEvent(...runs.map((run) => ({ do: 'opened', run })), ...runs.map(ended), ...runs.map(ended));
      assert.deepEqual(failedIds(await sequenceMessages(duties, event, bed.told)), []);
      for (const run of runs) assert.ok(isSealed(bed, run), run);
      assert.equal(bed.calls.filter((call) => call === 'ledger.anchor').length, 1);
      const signed = bed.calls.filter((call) => call === 'signer.attest').length;
      await sequenceMessages(duties, event, bed.told);
      assert.equal(bed.calls.filter((call) => call === 'signer.attest').length, signed);
      assert.equal(bed.calls.filter((call) => call === 'ledger.anchor').length, 1);
      assert.deepEqual(bed.told.troubles, []);
    });
  });

  it('a run that cannot be sealed and a message that nobody wrote hold up no other run, and are told', async () => {
    await withHandlers(async (bed) => {
      const runs = await endedRuns(bed, ['a', 'b', 'c']);
      const [, broken = ''] = runs;
      bed.before = ({ port, method, args }) => {
        if (port === 'ledger' && method === 'put' && String(args[0]).startsWith(`runs/${broken}/`))
          throw new RangeError('no');
      };
      const event = queueEvent(
        'no JSON',
        { do: 'delete', run: broken },
        { do: 'ended', run: '../x' },
        ...runs.map(ended),
      );
      assert.deepEqual(failedIds(await sequenceMessages(sealDuties(bed), event, bed.told)), []);
      assert.deepEqual(
        runs.map((run) => isSealed(bed, run)),
        [true, false, true],
      );
      assert.equal(bed.told.badRecords.length, 3);
      assert.ok(bed.told.troubles.some((trouble) => trouble.startsWith(`run ${broken}`)));
      bed.before = () => {};
      await sequenceMessages(sealDuties(bed), queueEvent(ended(broken)), bed.told);
      assert.ok(isSealed(bed, broken), 'the reconciler asks again');
    });
  });

  it('nothing is signed while the ledger disagrees with the store, and the whole batch comes again', async () => {
    await withHandlers(async (bed) => {
      const [run = ''] = await endedRuns(bed, ['a']);
      const newest = await bed.flow.ledger.newestCheckpoint();
      const ledger = new Proxy(bed.flow.ledger, {
        get: (target, name) =>
          name === 'newestCheckpoint' ? async () => newest?.subarray(0, 40) : Reflect.get(target, name, target),
      });
      const duties = { ...sealDuties(bed), begin: beginOnce({ ...bed.flow, ledger }) };
      const sealing = (): Promise<unknown> => sequenceMessages(duties, queueEvent(ended(run)), bed.told);
      await assert.rejects(sealing(), { code: 'LEDGER_INCONSISTENT' });
      await assert.rejects(sealing(), { code: 'LEDGER_INCONSISTENT' }, 'it is checked until it is right');
      assert.ok(!bed.calls.includes('signer.attest') && !bed.calls.includes('signer.signNote'));
      assert.ok(!isSealed(bed, run));
    });
  });

  it('a store that is away for a moment holds up nothing: the message is done with and the reconciler asks again', async () => {
    await withHandlers(async (bed) => {
      const [run = ''] = await endedRuns(bed, ['a']);
      const duties = sealDuties(bed);
      const refusal = {
        code: 'STORE_BUSY',
        path: 'table',
        problem: 'AWS asks to slow down',
        fix: 'Try again.',
      } as const;
      for (const away of ['ledger.newestCheckpoint', 'store.get']) {
        bed.before = ({ port, method }) => {
          if (`${port}.${method}` === away) throw new RetryableError(refusal);
        };
        assert.deepEqual(failedIds(await sequenceMessages(duties, queueEvent(ended(run)), bed.told)), [], away);
        assert.match(bed.told.troubles.at(-1) ?? '', /^the sequencer/, away);
      }
      bed.before = () => {};
      await sequenceMessages(duties, queueEvent(ended(run)), bed.told);
      assert.ok(isSealed(bed, run));
    });
  });

  it('a tick begins the log of a new deployment: its keys, its settings, a checkpoint', async () => {
    await withHandlers(
      async (bed) => {
        const duties = sealDuties(bed);
        await sequenceMessages(duties, queueEvent({ do: 'tick' }), bed.told);
        const [held, policy] = await bed.flow.store.get([keys.logKeys(), keys.logPolicy()]);
        assert.ok(held && policy);
        assert.ok((await bed.flow.ledger.newestCheckpoint()) !== null);
        bed.calls.length = 0;
        await sequenceMessages(duties, queueEvent({ do: 'tick' }), bed.told);
        assert.ok(!bed.calls.includes('signer.signNote'), 'a quiet minute signs nothing');
        assert.ok(!bed.calls.includes('ledger.newestCheckpoint'), 'the ledger is checked once a process');
      },
      { begun: false },
    );
  });

  it('each minute the record of a run that goes on is entered, its opening with it', async () => {
    await withHandlers(async (bed) => {
      putInbox(bed.directory, 'default', 's', JSON.stringify(runOf([{ id: 'x' }])));
      await takeIn(bed.flow, () => {});
      const run = deriveRunId(PRINCIPAL, 's');
      await sequenceMessages(sealDuties(bed), queueEvent({ do: 'tick' }), bed.told);
      assert.equal((await bed.row<RunRow>(keys.run(run))).runSeq, 0);
      assert.ok((await bed.row<RunTreeRow>(keys.tree(run))).entered);
    });
  });
});
