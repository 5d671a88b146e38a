/** The composition root of what is done to a state directory while no engine works on it: nothing listens, nothing starts. */
import { join } from 'node:path';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import { createLocalInbox } from '#adapters/local/inbox.ts';
import { createLocalLauncher } from '#adapters/local/launcher.ts';
import { createLocalMailbox } from '#adapters/local/mailbox.ts';
import { createLocalRootLedger } from '#adapters/local/root-ledger.ts';
import { openLocalRunStore } from '#adapters/local/run-store.ts';
import { createLocalScheduler } from '#adapters/local/scheduler.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { LOCAL_PRICES, pricingOf } from '#core/price-table.ts';
import { WorkList } from '#embedded/work-list.ts';
import { type FlowDeps, NO_OUTSIDERS } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';

export interface Offline {
  deps: FlowDeps;
  /** Throws TerminalError STORE_FAILED when any row of the store is damaged. */
  requireSound(): void;
  close(): Promise<void>;
}

export const STORE = 'store.sqlite';

/** Throws TerminalError ENGINE_RUNNING when an engine has the directory. */
export function composeOffline(directory: string, storeFile: string = join(directory, STORE)): Offline {
  const at = (...names: string[]): string => join(directory, ...names);
  const store = openLocalRunStore(storeFile);
  const signer = openLocalSigner(at('keys'), at('ledger'));
  const clock = createLocalClock();
  const chance = createLocalChance();
  const artifacts = createLocalArtifacts(at('artifacts'));
  const ignore = (): void => {};
  const { hints } = new WorkList({
    onWork: ignore,
    onOpened: ignore,
    onChanged: ignore,
    onCompleted: ignore,
    onEvents: ignore,
    onEntered: ignore,
    onTrouble: ignore,
    onOutage: ignore,
    onTimer: ignore,
  });
  const deps: FlowDeps = {
    ...NO_OUTSIDERS,
    origin: signer.origin,
    store,
    signer,
    clock,
    chance,
    scheduler: createLocalScheduler(clock),
    artifacts,
    inbox: createLocalInbox(directory),
    ledger: createLocalRootLedger(at('ledger')),
    mailbox: createLocalMailbox({ stagingDir: at('staging'), artifacts, chance, clock }),
    launcher: createLocalLauncher({ workerFile: at('worker.mjs'), keys: [], origin: signer.origin }),
    pricing: pricingOf(LOCAL_PRICES),
    worker: {
      isolation: 'none',
      executable: 'in-process',
      allowUnsandboxedAgents: false,
      leaseMs: 30_000,
      startMs: 0,
      heartbeatMs: 1_000,
      survivesRestart: false,
    },
    hints,
    lane: createLane(),
  };
  return { deps, requireSound: () => store.requireSound(), close: () => store.close() };
}
