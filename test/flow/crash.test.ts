/**
 * A process that dies at any call of any port: what it left on disk is opened by a new one, which brings the run to the
 * same end. `WAYBILL_CRASH_POINTS=all` tries every call instead of some.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type FlowBed, openFlowBed, PRINCIPAL, putInbox } from '../support/embedded-flow.ts';
import { aborted, FAILED, finished, SUCCEEDED } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { type Life, mortal, untilDeath } from '../support/mortal-ports.ts';
import { cancelOf, runOf } from '../support/run-spec.ts';

const POINTS = 20;
const RUN = deriveRunId(PRINCIPAL, 's');

const SPEC = runOf(
  [
    { id: 'top' },
    { id: 'left', needs: { data: { from: 'top', select: { output: 'data' } } }, locks: ['l'] },
    { id: 'right', dependsOn: ['top'], locks: ['l', 'm'] },
    { id: 'bottom', dependsOn: ['left', 'right'] },
    { id: 'flaky', retry: { maxAttempts: 2, backoff: '100ms' } },
    { id: 'bad' },
    { id: 'behind-bad', dependsOn: ['bad'] },
    { id: 'cancelled' },
    { id: 'pure', effect: 'pure', env: { OF: 'pure' } },
    { id: 'twin', effect: 'pure', env: { OF: 'pure' }, dependsOn: ['pure'] },
    { id: 'map', forEach: { from: 'top', outputs: 'data' } },
    { id: 'sum', needs: { parts: { each: 'map', select: { output: 'data' } } } },
  ],
  { caps: { usd: 30 }, defaults: { maxUsd: 1 } },
);

const EXPECTED = {
  top: 'done',
  left: 'done',
  right: 'done',
  bottom: 'done',
  flaky: 'done',
  bad: 'failed',
  'behind-bad': 'skipped',
  cancelled: 'cancelled',
  pure: 'done',
  twin: 'done',
  map: 'done',
  'map~1': 'done',
  sum: 'done',
};

/** The same in every life: it fails what fails, and asks for the cancel of the item that waits for it. */
function worker(directory: string, executed: string[]): Execute {
  return async (job, { signal }) => {
    executed.push(job.attemptId);
    if (job.item === 'bad' || (job.item === 'flaky' && job.attempt === 1)) return FAILED;
    if (job.item === 'cancelled') {
      putInbox(directory, '@control', 'stop', JSON.stringify(cancelOf(RUN, 'cancelled')));
      await aborted(signal);
      return null;
    }
    return { ...SUCCEEDED, outputs: { data: new TextEncoder().encode(job.item) } };
  };
}

const hasty = (deps: FlowBed['deps']): FlowBed['deps'] => ({ ...deps, chance: { ...deps.chance, fraction: () => 0 } });

/**
 * Runs the spec in `directory` until it is sealed, or until call number `crashAt`: then the files are copied to `copy` and
 * every call fails, so that nothing more of this life can matter.
 */
async function firstLife(directory: string, copy: string, executed: string[], crashAt: number): Promise<Life> {
  putInbox(directory, 'default', 's', JSON.stringify(SPEC));
  const { life, around } = mortal({ directory, copy, crashAt });
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] => interceptPorts(hasty(deps), around);
  await untilDeath(async () => {
    const bed = await openFlowBed({ directory, execute: worker(directory, executed), adapt });
    await bed.until(() => life.crashed || bed.status('s')?.bundle);
    await bed.halt();
  });
  return life;
}

async function crashAndGoOn(crashAt: number): Promise<boolean> {
  const root = mkdtempSync(join(tmpdir(), 'waybill-crash-'));
  const [directory, copy] = [join(root, 'first'), join(root, 'second')];
  mkdirSync(directory);
  try {
    const executed: string[] = [];
    const { crashed } = await firstLife(directory, copy, executed, crashAt);
    if (!crashed) return false;
    const bed = await openFlowBed({ directory: copy, execute: worker(copy, executed), adapt: hasty });
    try {
      const { states, status, item } = await finished(bed, 's');
      assert.deepEqual(states, EXPECTED);
      assert.equal(item('twin')?.reused?.from.item, 'pure');
      assert.equal(status.state, 'failed');
      assert.equal(new Set(executed).size, executed.length, 'an attempt was executed twice');
      const [receipt, ...others] = bed.receipts('s');
      assert.deepEqual([others.length, receipt?.run], [0, RUN]);
    } finally {
      await bed.close();
    }
    return true;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

describe('flow: crash', () => {
  it('wherever the process dies, the next one ends the run, and no attempt is executed twice', async () => {
    const root = mkdtempSync(join(tmpdir(), 'waybill-crash-'));
    const { calls } = await firstLife(join(root, 'first'), '', [], Number.POSITIVE_INFINITY);
    rmSync(root, { recursive: true, force: true });
    assert.ok(calls > 100, `the run takes ${calls} calls`);
    const count = process.env.WAYBILL_CRASH_POINTS === 'all' ? calls : POINTS;
    const points = Array.from(
      { length: count },
      (_, n) => 1 + Math.floor(((n + spread(n, count === calls)) * calls) / count),
    );
    let crashes = 0;
    const next = points.values();
    const lane = async (): Promise<void> => {
      for (const point of next) {
        const crashed = await crashAndGoOn(point).catch((error: unknown) => {
          throw new Error(`crashed at call ${point} of ${calls}`, { cause: error });
        });
        if (crashed) crashes += 1;
      }
    };
    await Promise.all(Array.from({ length: 6 }, lane));
    assert.ok(crashes >= count * 0.8, `${crashes} crashes of ${count}`);
  });
});

/** Where in its stretch of calls a point lies: scattered, but the same in every run of the test. */
function spread(n: number, everyCall: boolean): number {
  return everyCall ? 0 : ((n * 2_654_435_761) % 997) / 997;
}
