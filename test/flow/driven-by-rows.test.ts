/**
 * Whole runs in the deployed shape, driven by changes of rows alone: what one process does with hints, the handlers of
 * the Lambdas do with the table's stream, and nothing else.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { RowChange } from '#core/row-changes.ts';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { peek } from '#flow/transaction.ts';
import { callbackServer, isSignedBy } from '../support/callback-server.ts';
import { CALLBACK_KEY, type DeployedBed, type DeployedOptions, openDeployedBed } from '../support/deployed-flow.ts';
import { aborted, FAILED, Gate, SUCCEEDED } from '../support/finished-run.ts';
import { abortOf, cancelOf, controlOf, runOf } from '../support/run-spec.ts';

const SPEC = runOf([
  { id: 'top' },
  { id: 'left', needs: { data: { from: 'top', select: { output: 'data' } } }, locks: ['l'] },
  { id: 'right', dependsOn: ['top'], locks: ['l', 'm'] },
  { id: 'bottom', dependsOn: ['left', 'right'] },
  { id: 'flaky', retry: { maxAttempts: 2, backoff: '100ms' } },
  { id: 'lost' },
  { id: 'bad' },
  { id: 'behind-bad', dependsOn: ['bad'] },
]);

const EXPECTED = {
  top: 'done',
  left: 'done',
  right: 'done',
  bottom: 'done',
  flaky: 'done',
  lost: 'done',
  bad: 'failed',
  'behind-bad': 'skipped',
};

const worker: Execute = (job) => {
  if (job.item === 'bad' || (job.item === 'flaky' && job.attempt === 1)) return FAILED;
  if (job.item === 'lost' && job.attempt === 1) return null;
  return { ...SUCCEEDED, outputs: { data: new TextEncoder().encode(job.item) } };
};

async function withDeployed(options: DeployedOptions, use: (bed: DeployedBed) => Promise<void>): Promise<void> {
  const bed = await openDeployedBed(options);
  try {
    await use(bed);
  } finally {
    await bed.close();
  }
}

async function requireFinished(bed: DeployedBed, submissionId: string): Promise<void> {
  const { status, report } = await bed.verified(submissionId);
  assert.equal(report.verdict, 'verified', JSON.stringify(report));
  assert.deepEqual(Object.fromEntries(status.items.map(({ id, state }) => [id, state])), EXPECTED);
}

/** How each chaos was: as a reader of a failed test wants to see it. */
const CHAOS: readonly Omit<DeployedOptions, 'execute'>[] = [
  { seed: 11, twice: 0.5 },
  { seed: 12, twice: 0.3, lost: 0.3 },
  { seed: 13, twice: 0.2, lost: 0.5, concurrency: 2 },
];

/** One record in four is lost, the same ones for the same seed. */
function everyFourth(seed: number): (change: RowChange) => boolean {
  let count = seed;
  return () => {
    count += 1;
    return count % 4 === 0;
  };
}

describe('flow: driven by changes of rows', { concurrency: true }, () => {
  it('a run finishes, is sealed and verifies without one look of the reconciler after the first', async () => {
    await withDeployed({ execute: worker, reconciles: false }, async (bed) => {
      bed.submit('s', SPEC);
      await bed.untilSealed('s');
      await requireFinished(bed, 's');
      assert.equal(bed.ticks(), 1);
      assert.deepEqual(bed.troubles, []);
    });
  });

  for (const chaos of CHAOS) {
    it(`three runs finish with records and messages doubled and lost: ${JSON.stringify(chaos)}`, async () => {
      await withDeployed({ execute: worker, ...chaos }, async (bed) => {
        for (const id of ['a', 'b', 'c']) bed.submit(id, SPEC);
        await bed.untilSealed('a', 'b', 'c');
        for (const id of ['a', 'b', 'c']) await requireFinished(bed, id);
      });
    });
  }

  it('a run finishes although every fourth record of the stream is lost: the reconciler finds what the rows say', async () => {
    for (const seed of [0, 1, 2, 3]) {
      await withDeployed({ execute: worker, isLost: everyFourth(seed), seed }, async (bed) => {
        bed.submit('s', SPEC);
        await bed.untilSealed('s');
        await requireFinished(bed, 's');
      });
    }
  });

  const KINDS: Record<string, (change: RowChange) => boolean> = {
    'ready rows and freed slots': ({ pk }) => pk.startsWith('queue/'),
    'claimed attempts': ({ pk }) => pk.startsWith('attempt/'),
    'wake rows': ({ sk }) => sk.startsWith('wake/'),
    'the rows of runs': ({ sk }) => sk === 'run',
    timers: ({ pk }) => pk === 'timers',
  };
  for (const [name, isLost] of Object.entries(KINDS)) {
    it(`without ${name} a run stands still, and goes on once the reconciler looks`, async () => {
      await withDeployed({ execute: worker, isLost, reconciles: false }, async (bed) => {
        bed.submit('s', SPEC);
        await assert.rejects(bed.untilSealed('s'), /nothing more happens/);
      });
      await withDeployed({ execute: worker, isLost }, async (bed) => {
        bed.submit('s', SPEC);
        await bed.untilSealed('s');
        await requireFinished(bed, 's');
      });
    });
  }

  it('a run that is cancelled while it works ends, with its waiting and its running items', async () => {
    const execute: Execute = async (_job, { signal }) => {
      await aborted(signal);
      return null;
    };
    await withDeployed({ execute, reconciles: false, concurrency: 1 }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }, { id: 'y' }, { id: 'z', dependsOn: ['x'] }]));
      await bed.until(() => bed.status('s')?.items.some(({ state }) => state === 'running') === true);
      bed.submit('stop', cancelOf(run), '@control');
      await bed.untilSealed('s');
      const { status, report } = await bed.verified('s');
      assert.equal(report.verdict, 'verified');
      assert.deepEqual([...new Set(status.items.map(({ state }) => state))], ['cancelled']);
    });
  });

  for (const chaos of [{}, { seed: 21, twice: 0.4, lost: 0.3 }]) {
    it(`a run is paused, steered and resumed: ${JSON.stringify(chaos)}`, async () => {
      const released = new Gate();
      const execute: Execute = (job) => (job.item === 'x' ? released.opened : Promise.resolve()).then(() => SUCCEEDED);
      await withDeployed({ execute, concurrency: 1, ...chaos }, async (bed) => {
        const x = { id: 'x', locks: ['l'], priority: 99 };
        const run = bed.submit('s', runOf([x, { id: 'y', locks: ['l'] }, { id: 'z' }, { id: 'w', dependsOn: ['x'] }]));
        const stateOf = (id: string) => bed.status('s')?.items.find((item) => item.id === id)?.state;
        const waits = async (id: string): Promise<ItemRow | undefined> =>
          (await bed.deps.store.get([keys.item(run, id)]))[0]?.body as unknown as ItemRow | undefined;
        await bed.until(() => stateOf('x') === 'running');
        bed.submit('pause', controlOf('pause', run), '@control');
        await bed.until(async () => (await waits('y'))?.shelved === true && (await waits('z'))?.shelved === true);
        bed.submit('skip', controlOf('skip', run, 'z'), '@control');
        released.open();
        await bed.until(async () => stateOf('z') === 'skipped' && (await waits('w'))?.shelved === true);
        await bed.until(() => stateOf('x') === 'done');
        bed.submit('resume', controlOf('resume', run), '@control');
        await bed.untilSealed('s');
        const { status, report } = await bed.verified('s');
        assert.equal(report.verdict, 'verified', JSON.stringify(report));
        assert.deepEqual(
          status.items.map(({ state }) => state),
          ['done', 'done', 'skipped', 'done'],
        );
      });
    });
  }

  for (const chaos of [{}, { seed: 31, twice: 0.4, lost: 0.3 }, { seed: 32, twice: 0.5 }]) {
    it(`a failed item is retried with what was skipped because of it: ${JSON.stringify(chaos)}`, async () => {
      const released = new Gate();
      const execute: Execute = async (job) => {
        if (job.item === 'open') await released.opened;
        return job.item === 'bad' && job.attempt === 1 ? FAILED : SUCCEEDED;
      };
      await withDeployed({ execute, ...chaos }, async (bed) => {
        const items = [{ id: 'open' }, { id: 'bad' }, { id: 'below', dependsOn: ['bad'] }];
        const run = bed.submit('s', runOf([...items, { id: 'deep', dependsOn: ['below'] }]));
        const stateOf = (id: string) => bed.status('s')?.items.find((item) => item.id === id)?.state;
        await bed.until(() => stateOf('deep') === 'skipped');
        bed.submit('retry', controlOf('retry', run, 'bad'), '@control');
        await bed.until(() => stateOf('deep') === 'done');
        released.open();
        await bed.untilSealed('s');
        const { status, report } = await bed.verified('s');
        assert.equal(report.verdict, 'verified', JSON.stringify(report));
        assert.equal(status.state, 'done');
      });
    });
  }

  it('a worker that does not listen to its cancel is ended when its time is over', async () => {
    const execute: Execute = () => new Promise(() => {});
    await withDeployed({ execute, reconciles: false }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => bed.status('s')?.items[0]?.state === 'running');
      bed.submit('stop', cancelOf(run, 'x'), '@control');
      await bed.untilSealed('s');
      assert.equal((await bed.verified('s')).status.items[0]?.state, 'cancelled');
    });
  });

  it('a run that is to be aborted leaves the deployment by the sequencer, although its items do not end', async () => {
    const execute: Execute = () => new Promise(() => {});
    await withDeployed({ execute }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'x' }]));
      await bed.until(() => bed.status('s')?.items[0]?.state === 'running');
      bed.submit('stop', abortOf(run, 'not_needed'), '@control');
      await bed.until(async () => {
        const [row, active] = await bed.deps.store.get([keys.run(run), keys.activeRun(run)]);
        return active === null && (row?.body as unknown as RunRow | undefined)?.abortedIndex !== undefined;
      });
    });
  });

  it('whoever a run names is told of its end once, whatever is doubled or lost', async () => {
    for (const chaos of CHAOS) {
      const server = await callbackServer((path) => (path === '/refuses' ? 500 : 204));
      const urls = new Map(['takes', 'refuses'].map((name) => [name, new URL(`${server.url}/${name}`)]));
      try {
        await withDeployed({ execute: () => SUCCEEDED, ...chaos, urls }, async (bed) => {
          const runs = [...urls.keys()].map((name) => bed.submit(name, runOf([{ id: 'x' }], { callback: name })));
          bed.submit('nobody', runOf([{ id: 'x' }]));
          await bed.untilSealed('nobody');
          const rows = (): Promise<(RunRow | null)[]> =>
            Promise.all(runs.map((run) => peek<RunRow>(bed.deps, keys.run(run))));
          await bed.until(async () => (await rows()).every((row) => row?.callback !== undefined));
          assert.deepEqual(
            (await rows()).map((row) => row?.callback?.state),
            ['delivered', 'undelivered'],
          );
          await bed.until(
            () => bed.status('refuses')?.warnings.some((line) => line.startsWith('UNDELIVERED')) === true,
          );
          assert.deepEqual(server.heard.map(({ path }) => path).sort(), ['/refuses', '/takes']);
          assert.ok(server.heard.every((one) => isSignedBy(CALLBACK_KEY, one)));
        });
      } finally {
        await server.close();
      }
    }
  });
});
