/**
 * The whole engine in this process, on a fresh directory, with an executor that does nothing: what is measured is the
 * engine with every event durable, a signed manifest for each attempt and the run sealed.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveRunId } from '@waybill/verify';
import type { Execution } from '#adapters/in-process/executor.ts';
import type { CadenceRule } from '#embedded/cadence.ts';
import { composeInProcess, type InProcess } from '#embedded/compose-in-process.ts';
import { createEngine } from '#embedded/engine.ts';
import type { BenchItem } from './shapes.ts';

const CONCURRENCY = 100;
/** On a machine that does other things too. */
const GIVE_UP_MS = 300_000;
const PRINCIPAL = `uid-${process.getuid?.() ?? 0}`;

/** What a measurement of one part of the run looks at. */
interface Watching {
  cadence?: CadenceRule;
  /** An attempt is about to end. */
  onExecuted?(atMs: number): void;
  onSealed?(bundle: Buffer): void;
}

export interface Bed {
  /** Milliseconds from the object in the inbox to the sealed bundle in the ledger. Throws when the engine logged an error. */
  time(submissionId: string, items: BenchItem[]): Promise<number>;
  bundle(submissionId: string): Buffer;
  close(): Promise<void>;
}

/** Starts an engine in a directory. */
export async function openBed(
  directory: string,
  { deps, store, inbox }: InProcess,
  { concurrency = CONCURRENCY, cadence }: { concurrency?: number; cadence?: CadenceRule | undefined } = {},
): Promise<Bed> {
  const folder = join(directory, 'inbox', 'default', PRINCIPAL);
  mkdirSync(folder, { recursive: true });
  const errors: unknown[] = [];
  const engine = createEngine(deps, {
    queues: { default: { concurrency } },
    selfCheck: false,
    status: false,
    ...(cadence ? { cadence } : {}),
    log: (level, message, facts) => {
      if (level === 'error') errors.push({ message, ...facts });
    },
    onFatal: (error) => errors.push(error),
  });
  await engine.start();
  const sealedPath = (submissionId: string): string => {
    const run = deriveRunId(PRINCIPAL, submissionId);
    return join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`);
  };
  return {
    async time(submissionId, items) {
      const pipeline = [{ block: 'script', run: 'true' }];
      const spec = { items: items.map((item) => ({ ...item, pipeline })) };
      const run = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'bench' }, spec };
      const startedMs = performance.now();
      writeFileSync(join(folder, '.bench.tmp'), JSON.stringify(run));
      renameSync(join(folder, '.bench.tmp'), join(folder, `${submissionId}.json`));
      const [sealed, refused] = [sealedPath(submissionId), join(directory, 'quarantine')];
      await until(() => existsSync(sealed), refused, errors);
      return performance.now() - startedMs;
    },
    bundle: (submissionId) => readFileSync(sealedPath(submissionId)),
    async close() {
      await engine.stop();
      inbox.unwatch();
      await store.close();
    },
  };
}

async function until(isDone: () => boolean, refused: string, errors: unknown[]): Promise<void> {
  const startedMs = performance.now();
  while (!isDone()) {
    const isRefused = existsSync(refused);
    if (isRefused || errors.length > 0 || performance.now() - startedMs > GIVE_UP_MS) {
      throw new RangeError(`the bench run failed: ${JSON.stringify(errors[0] ?? 'refused, or not sealed in time')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** One run in an engine of its own. */
export async function timeRun(scratch: string, items: BenchItem[], watching: Watching = {}): Promise<number> {
  const directory = mkdtempSync(join(scratch, 'engine-'));
  let startedMs = 0;
  const execute = (): Execution => {
    watching.onExecuted?.(performance.now() - startedMs);
    return { outcome: 'succeeded', reason: 'ok', exit: 0 };
  };
  const composed = await composeInProcess(directory, execute, { leaseMs: 60_000 });
  const bed = await openBed(directory, composed, { cadence: watching.cadence });
  startedMs = performance.now();
  const elapsedMs = await bed.time('bench', items);
  await bed.close();
  watching.onSealed?.(bed.bundle('bench'));
  rmSync(directory, { recursive: true });
  return elapsedMs;
}
