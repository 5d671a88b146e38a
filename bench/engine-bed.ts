/**
 * The whole engine in this process, on a fresh directory, with an executor that does nothing: what is measured is the
 * engine with every event durable, a signed manifest for each attempt and the run sealed.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveRunId } from '@waybill/verify';
import type { Execution } from '#adapters/in-process/executor.ts';
import type { CadenceRule } from '#embedded/cadence.ts';
import { composeInProcess } from '#embedded/compose-in-process.ts';
import { createEngine } from '#embedded/engine.ts';

const CONCURRENCY = 100;
const GIVE_UP_MS = 60_000;

export interface BenchItem {
  id: string;
  dependsOn?: string[];
}

/** What a measurement of one part of the run looks at. */
export interface Watching {
  cadence?: CadenceRule;
  /** An attempt is about to end. */
  onExecuted?(atMs: number): void;
  onSealed?(bundle: Buffer): void;
}

/** Milliseconds from the object in the inbox to the sealed bundle in the ledger. Throws when the engine logged an error. */
export async function timeRun(scratch: string, items: BenchItem[], watching: Watching = {}): Promise<number> {
  const directory = mkdtempSync(join(scratch, 'engine-'));
  let startedMs = 0;
  const execute = (): Execution => {
    watching.onExecuted?.(performance.now() - startedMs);
    return { outcome: 'succeeded', reason: 'ok', exit: 0 };
  };
  const { deps, store, inbox } = await composeInProcess(directory, execute, { leaseMs: 60_000 });
  const principal = `uid-${process.getuid?.() ?? 0}`;
  const folder = join(directory, 'inbox', 'default', principal);
  mkdirSync(folder, { recursive: true });
  const errors: unknown[] = [];
  const engine = createEngine(deps, {
    queues: { default: { concurrency: CONCURRENCY } },
    selfCheck: false,
    status: false,
    ...(watching.cadence ? { cadence: watching.cadence } : {}),
    log: (level, message, facts) => {
      if (level === 'error') errors.push({ message, ...facts });
    },
    onFatal: (error) => errors.push(error),
  });
  await engine.start();
  const run = deriveRunId(principal, 'bench');
  const spec = {
    apiVersion: 'waybill/v1',
    kind: 'Run',
    metadata: { name: 'bench' },
    spec: { items: items.map((item) => ({ ...item, pipeline: [{ block: 'script', run: 'true' }] })) },
  };
  const sealed = join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`);
  startedMs = performance.now();
  writeFileSync(join(folder, '.bench.tmp'), JSON.stringify(spec));
  renameSync(join(folder, '.bench.tmp'), join(folder, 'bench.json'));
  const refused = join(directory, 'quarantine');
  while (
    !existsSync(sealed) &&
    !existsSync(refused) &&
    errors.length === 0 &&
    performance.now() - startedMs < GIVE_UP_MS
  ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const elapsedMs = performance.now() - startedMs;
  await engine.stop();
  inbox.unwatch();
  await store.close();
  const isSealed = existsSync(sealed);
  if (isSealed) watching.onSealed?.(readFileSync(sealed));
  rmSync(directory, { recursive: true });
  if (errors.length > 0 || !isSealed)
    throw new RangeError(`the bench run failed: ${JSON.stringify(errors[0] ?? 'refused, or not sealed in time')}`);
  return elapsedMs;
}

/** `n` items: all but the last have no dependencies, and the last one waits for all of them. */
export function fanOutFanIn(n: number): BenchItem[] {
  const fan = Array.from({ length: n - 1 }, (_, k) => ({ id: `i${k}` }));
  return [...fan, { id: 'join', dependsOn: fan.map(({ id }) => id) }];
}

/** Each item waits for the one before it. */
export function chain(n: number): BenchItem[] {
  return Array.from({ length: n }, (_, k) => (k === 0 ? { id: 'i0' } : { id: `i${k}`, dependsOn: [`i${k - 1}`] }));
}
