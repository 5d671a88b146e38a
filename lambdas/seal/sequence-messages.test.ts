import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { deriveRunId } from '@waybill/verify';
import { type ItemRow, keys, type RunRow, type RunTreeRow } from '#core/rows.ts';
import { advance } from '#flow/advance.ts';
import { dispatch } from '#flow/dispatch.ts';
import { takeIn } from '#flow/inbox.ts';
import { settle } from '#flow/settle.ts';
import { keysInForce } from '#lambdas/shared/keys-in-force.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { failedIds, type HandlerBed, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { runOf } from '../../test/support/run-spec.ts';
import { beginOnce, type SealDuties, sequenceMessages } from './sequence-messages.ts';
import { SharedCheckpoint } from './shared-checkpoint.ts';

function dutiesOf({ flow }: HandlerBed): SealDuties {
  return {
    flow,
    keysInForce: keysInForce(flow),
    settings: { format: 'waybill-settings/v1' },
    heartbeatMs: 3_600_000,
    begin: beginOnce(flow),
  };
}

/** Runs of one item that has succeeded; nothing of them is in the log yet. */
async function endedRuns(bed: HandlerBed, names: string[]): Promise<string[]> {
  for (const name of names) putInbox(bed.directory, 'default', name, JSON.stringify(runOf([{ id: 'x' }])));
  await takeIn(bed.flow, (_object, error) => {
    throw error;
  });
  await advance(bed.flow, 'default');
  const runs = names.map((name) => deriveRunId(PRINCIPAL, name));
  for (const run of runs) {
    const id = (await bed.row<ItemRow>(keys.item(run, 'x'))).attempts[0]?.id ?? '';
    await dispatch(bed.flow, id);
    await new Promise((resolve) => setImmediate(resolve));
    await settle(bed.flow, id);
  }
  bed.calls.length = 0;
  return runs;
}

const isSealed = ({ directory }: HandlerBed, run: string): boolean =>
  existsSync(join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`));
const ended = (run: string): object => ({ do: 'ended', run });

describe('seal: the sequencer', () => {
  it('runs that end together are sealed with one checkpoint; their messages again change nothing', async () => {
    await withHandlers(async (bed) => {
      const duties = dutiesOf(bed);
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
      assert.deepEqual(failedIds(await sequenceMessages(dutiesOf(bed), event, bed.told)), []);
      assert.deepEqual(
        runs.map((run) => isSealed(bed, run)),
        [true, false, true],
      );
      assert.equal(bed.told.badRecords.length, 3);
      assert.ok(bed.told.troubles.some((trouble) => trouble.startsWith(`run ${broken}`)));
      bed.before = () => {};
      await sequenceMessages(dutiesOf(bed), queueEvent(ended(broken)), bed.told);
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
      const duties = { ...dutiesOf(bed), begin: beginOnce({ ...bed.flow, ledger }) };
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
      const duties = dutiesOf(bed);
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
        const duties = dutiesOf(bed);
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

  it('the record of a run that goes on is entered when the reconciler asks, its opening with it', async () => {
    await withHandlers(async (bed) => {
      putInbox(bed.directory, 'default', 's', JSON.stringify(runOf([{ id: 'x' }])));
      await takeIn(bed.flow, () => {});
      const run = deriveRunId(PRINCIPAL, 's');
      await sequenceMessages(dutiesOf(bed), queueEvent({ do: 'checkpoint', run }), bed.told);
      assert.equal((await bed.row<RunRow>(keys.run(run))).runSeq, 0);
      assert.ok((await bed.row<RunTreeRow>(keys.tree(run))).entered);
    });
  });
});

describe('a shared checkpoint', () => {
  it('is made once, when all have asked or left', async () => {
    let made = 0;
    const shared = new SharedCheckpoint(3, async () => {
      made += 1;
      return 7;
    });
    const first = shared.ask();
    shared.leave();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(made, 0, 'the third may still append');
    assert.deepEqual(await Promise.all([first, shared.ask()]), [7, 7]);
    assert.equal(made, 1);
  });

  it('is not made when nobody wants it, and fails for all who do', async () => {
    let made = 0;
    const unwanted = new SharedCheckpoint(1, async () => ++made);
    unwanted.leave();
    assert.equal(made, 0);
    const failing = new SharedCheckpoint(2, () => Promise.reject(new RangeError('away')));
    const asked = [failing.ask(), failing.ask()];
    for (const each of asked) await assert.rejects(each, /away/);
  });
});
