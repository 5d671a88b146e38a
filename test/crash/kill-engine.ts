/** Starts an engine process, kills it at a random moment, and again; then lets one finish what is left. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deriveRunId, type VerifyReport, verifyBundle } from '@waybill/verify';
import { PRINCIPAL } from '../support/embedded-flow.ts';

const FINISH_MS = 60_000;

/** Small, seeded and good enough to choose moments (mulberry32). */
export function seededFraction(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Killing {
  directory: string;
  /** Arguments after `node`. */
  engine: string[];
  kills: number;
  /** The latest moment of a kill, from the start of the process. */
  withinMs: number;
  fraction: () => number;
  /** Called before each start: submits a further run when the ones before have ended. */
  feed(): void;
  submissions(): string[];
}

/** Resolves when every submission is sealed, after `kills` kills. Throws when a run is stuck. */
export async function killAndFinish(killing: Killing): Promise<void> {
  for (let kill = 0; kill < killing.kills; kill += 1) {
    killing.feed();
    const child = start(killing);
    const moment = killing.withinMs * killing.fraction();
    await Promise.race([sleep(moment), once(child, 'exit')]);
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  const child = start(killing);
  const giveUpMs = performance.now() + FINISH_MS;
  while (!killing.submissions().every((id) => existsSync(bundleOf(killing.directory, id)))) {
    if (performance.now() > giveUpMs || child.exitCode !== null) {
      child.kill('SIGKILL');
      const said = readFileSync(join(killing.directory, 'engine.log'), 'utf8').slice(-2_000);
      throw new RangeError(
        `stuck after ${killing.kills} kills in ${killing.directory}, exit ${child.exitCode}: ${said}`,
      );
    }
    await sleep(20);
  }
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** What the engine says goes to a file, whose end is shown when a run is stuck. */
function start({ engine, directory }: Killing): ReturnType<typeof spawn> {
  const log = openSync(join(directory, 'engine.log'), 'a');
  const child = spawn(process.execPath, engine, { stdio: ['ignore', 'ignore', log] });
  closeSync(log);
  return child;
}

function bundleOf(directory: string, submissionId: string): string {
  const run = deriveRunId(PRINCIPAL, submissionId);
  return join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`);
}

/** The verdict over the sealed bundle, with the keys of the deployment. */
export async function verifyRun(directory: string, submissionId: string): Promise<VerifyReport> {
  const trust = JSON.parse(readFileSync(join(directory, 'keys', 'public.json'), 'utf8'));
  return verifyBundle([readFileSync(bundleOf(directory, submissionId))], { trust });
}
