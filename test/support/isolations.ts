/** The places in which blocks run, each with the worker as it is there: opened before the tests of a file, closed behind them. */
import { after, before, it } from 'node:test';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { ContainerBed } from './container-bed.ts';
import type { AttemptSpec } from './signed-lease.ts';
import { type AttemptEnd, openWorkerBed, type WorkerBed, type WorkerBedOptions } from './worker-bed.ts';

export const ISOLATIONS = ['none', 'bubblewrap', 'container'] as const satisfies Isolation[];

export interface Isolations {
  /** Not before the tests have begun. */
  readonly bed: WorkerBed;
  readonly containers: ContainerBed;
  /** One attempt, where its spec says: `none` when that says nothing. */
  run(spec: AttemptSpec): Promise<AttemptEnd>;
  /** A test that is skipped where that isolation takes bubblewrap, and there is none. */
  test(isolation: Isolation, title: string, body: () => Promise<void>): void;
}

/** @param options of the bed, or what makes them before the tests begin. Called once, at the top of a file or of its `describe`. */
export function openIsolations(options: WorkerBedOptions | (() => Promise<WorkerBedOptions>) = {}): Isolations {
  let bed: WorkerBed;
  let containers: ContainerBed;
  let absent: string | null = null;
  before(async () => {
    bed = await openWorkerBed(typeof options === 'function' ? await options() : options);
    containers = await ContainerBed.open(bed);
    const { isolation, detail } = await bed.launcher.probe();
    if (isolation !== 'bubblewrap') absent = detail;
  });
  after(async () => {
    containers.close();
    await bed.close();
  });
  return {
    get bed() {
      return bed;
    },
    get containers() {
      return containers;
    },
    run: (spec) => (spec.isolation === 'container' ? containers.run(spec) : bed.run(spec)),
    test: (isolation, title, body) => {
      it(title, async (t) => {
        if (isolation !== 'none' && absent !== null) return t.skip(`bubblewrap: ${absent}`);
        await body();
      });
    },
  };
}
