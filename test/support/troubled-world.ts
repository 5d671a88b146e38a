/**
 * A deployment that has a bad day: runs whose attempts fail, get lost, wait for a cancel or are cancelled too late, in an
 * engine that dies again and again between any two calls of its ports, and is started again on what it left on disk.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import { deriveRunId, type PolicyFile, sha256Hex } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { type FlowBed, openFlowBed, PRINCIPAL, putInbox } from './embedded-flow.ts';
import { aborted, FAILED, pause, SUCCEEDED } from './finished-run.ts';
import { type FlakyOutsiders, flakyOutsiders, type Outage, type TimestampCredentials } from './flaky-outsiders.ts';
import { interceptPorts } from './intercepted-ports.ts';
import { type Random, randomOf } from './random.ts';
import { cancelOf, type ItemDraft, runOf } from './run-spec.ts';

const GIVE_UP_MS = 60_000;
const MAX_CRASHES = 3;

const DEAD = new TerminalError({ code: 'STORE_FAILED', path: 'test', problem: 'the process has died', fix: 'Go on.' });

export interface WorldRun {
  submissionId: string;
  run: string;
  bundle: Buffer;
}

export interface World {
  runs: WorldRun[];
  /** Of an auditor who knows the deployment's keys, witnesses and timestamp authority. */
  policy: PolicyFile;
  quorum: number;
  /** The state directory of the last life. */
  directory: string;
  crashes: number;
  remove(): void;
}

/** Lives `count` runs through, with crashes. Ends when every run is sealed; throws when one never is. */
export async function liveThrough(
  seed: number,
  count: number,
  credentials: TimestampCredentials,
  outage: Outage,
): Promise<World> {
  const random = randomOf(seed);
  const root = mkdtempSync(join(tmpdir(), 'waybill-world-'));
  const place = (life: number): string => join(root, `life-${life}`);
  mkdirSync(place(0));
  const { trust } = openLocalSigner(join(place(0), 'keys'));
  const outsiders = await flakyOutsiders(trust, credentials, randomOf(seed + 1), outage);
  const submissions = Array.from({ length: count }, (_, n) => `s${n}`);
  for (const id of submissions) putInbox(place(0), 'default', id, JSON.stringify(specOf(random)));
  let life = 0;
  while (life < MAX_CRASHES) {
    // Most calls come late in a life, and so do most deaths.
    const crashAt = 1 + random.below(count * 60);
    if (!(await live({ seed, directory: place(life), copy: place(life + 1), submissions, outsiders, crashAt }))) break;
    rmSync(place(life), { recursive: true, force: true });
    life += 1;
  }
  const directory = place(life);
  if (life === MAX_CRASHES) {
    await live({ seed, directory, copy: '', submissions, outsiders, crashAt: Number.POSITIVE_INFINITY });
  }
  await outsiders.stop();
  return {
    directory,
    crashes: life,
    policy: outsiders.policy,
    quorum: outsiders.quorum,
    runs: submissions.map((submissionId) => {
      const run = deriveRunId(PRINCIPAL, submissionId);
      const bundle = readFileSync(join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`));
      return { submissionId, run, bundle };
    }),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function specOf(random: Random): object {
  const count = 1 + random.below(5);
  const items: ItemDraft[] = [];
  for (let n = 0; n < count; n += 1) {
    const before = items.map(({ id }) => id).filter(() => random.chance(0.4));
    const [source] = before;
    items.push({
      id: `i${n}`,
      ...(before.length > 0 ? { dependsOn: before } : {}),
      ...(source !== undefined && random.chance(0.3)
        ? { needs: { data: { from: source, select: { output: 'data' } } } }
        : {}),
      ...(random.chance(0.3) ? { locks: [`l${random.below(3)}`] } : {}),
      retry: { maxAttempts: 1 + random.below(3), backoff: '100ms' },
    });
  }
  return runOf(items);
}

/** What an attempt does depends on its name alone, so that it is the same in every life. */
function worker(seed: number, directory: string): Execute {
  return async (job, { signal }) => {
    const draw = randomOf(Number.parseInt(sha256Hex(`${seed} ${job.attemptId}`).slice(0, 8), 16)).fraction();
    const ask = (item?: string): void =>
      putInbox(directory, '@control', `c-${job.attemptId}`, JSON.stringify(cancelOf(job.run, item)));
    if (draw < 0.08) return null;
    if (draw < 0.22) return FAILED;
    if (draw < 0.27) {
      ask(draw < 0.25 ? job.item : undefined);
      await Promise.race([aborted(signal), pause(2_000)]);
      return null;
    }
    // Asked for on the way out: it comes too late for this item, and perhaps for the run.
    if (draw < 0.33) ask(draw < 0.3 ? job.item : undefined);
    return { ...SUCCEEDED, outputs: { data: new TextEncoder().encode(job.attemptId) } };
  };
}

interface Life {
  seed: number;
  directory: string;
  /** Where the files go that are left when it dies. */
  copy: string;
  submissions: readonly string[];
  outsiders: FlakyOutsiders;
  /** Number of the call of a port at which it dies. */
  crashAt: number;
}

/** One life of the engine. True when it died. */
async function live({ seed, directory, copy, submissions, outsiders, crashAt }: Life): Promise<boolean> {
  const life = { calls: 0, crashed: false };
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
    interceptPorts({ ...deps, ...outsiders.deps, chance: { ...deps.chance, fraction: () => 0 } }, (_call, proceed) => {
      life.calls += 1;
      if (life.calls === crashAt) {
        cpSync(directory, copy, { recursive: true });
        life.crashed = true;
      }
      return life.crashed ? Promise.reject(DEAD) : proceed();
    });
  try {
    const bed = await openFlowBed({ directory, execute: worker(seed, directory), adapt, concurrency: 16 });
    const giveUpMs = performance.now() + GIVE_UP_MS;
    const open = new Set(submissions);
    while (open.size > 0 && !life.crashed) {
      for (const id of open) if (bed.status(id)?.bundle) open.delete(id);
      if (performance.now() > giveUpMs) {
        throw new RangeError(`never sealed: ${[...open].join(', ')}; ${JSON.stringify(bed.errors.slice(0, 3))}`);
      }
      await pause(5);
    }
    await bed.halt();
  } catch (error) {
    if (error !== DEAD) throw error;
  }
  return life.crashed;
}
