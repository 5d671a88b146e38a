/**
 * The composition root of embedded mode without workers: what attempts do is a function in this process, and everything
 * else is as `compose.ts` makes it. For benchmarks and for tests of whole runs.
 */
import { join } from 'node:path';
import { createInProcessExecutor, type Execute } from '#adapters/in-process/executor.ts';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import { createLocalInbox, type LocalInbox } from '#adapters/local/inbox.ts';
import { createLocalRootLedger } from '#adapters/local/root-ledger.ts';
import { type LocalRunStore, openLocalRunStore } from '#adapters/local/run-store.ts';
import { createLocalScheduler } from '#adapters/local/scheduler.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { LOCAL_PRICES, pricingOf } from '#core/price-table.ts';
import { type FlowDeps, NO_OUTSIDERS } from '#flow/deps.ts';

export interface InProcess {
  deps: Omit<FlowDeps, 'hints' | 'lane'>;
  store: LocalRunStore;
  inbox: LocalInbox;
}

export async function composeInProcess(
  directory: string,
  execute: Execute,
  worker: Partial<FlowDeps['worker']> = {},
): Promise<InProcess> {
  const store = openLocalRunStore(join(directory, 'store.sqlite'));
  const signer = openLocalSigner(join(directory, 'keys'), join(directory, 'ledger'));
  const inbox = createLocalInbox(directory);
  await inbox.watch();
  const clock = createLocalClock();
  const deps: InProcess['deps'] = {
    ...NO_OUTSIDERS,
    origin: signer.origin,
    store,
    inbox,
    artifacts: createLocalArtifacts(join(directory, 'artifacts')),
    ledger: createLocalRootLedger(join(directory, 'ledger')),
    signer,
    ...createInProcessExecutor(execute),
    scheduler: createLocalScheduler(clock),
    clock,
    chance: createLocalChance(),
    pricing: pricingOf(LOCAL_PRICES),
    worker: {
      isolation: 'in-process',
      executable: 'in-process',
      allowUnsandboxedAgents: false,
      leaseMs: 30_000,
      startMs: 0,
      heartbeatMs: 1_000,
      survivesRestart: false,
      ...worker,
    },
  };
  return { deps, store, inbox };
}
