/**
 * A deployment that has a bad day: runs whose attempts fail, get lost, wait for a cancel or are cancelled too late, in an
 * engine that dies again and again between any two calls of its ports, and is started again on what it left on disk. Between
 * two lives keys come and go, and sometimes the store is lost, or is an old copy, and is made again from the ledger.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveRunId, type PolicyFile, sha256Hex } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { keys, type RunRow } from '#core/rows.ts';
import { addLogKey, adoptKeys, loggedKeys, rotateKey } from '#flow/keys.ts';
import { checkLedger } from '#flow/ledger-check.ts';
import { publishLog } from '#flow/publish.ts';
import { abortLost, recoverStore } from '#flow/recover.ts';
import { type FlowBed, openFlowBed, PRINCIPAL, putInbox } from './embedded-flow.ts';
import { aborted, FAILED, pause, SUCCEEDED } from './finished-run.ts';
import { type FlakyOutsiders, flakyOutsiders, type Outage, type TimestampCredentials } from './flaky-outsiders.ts';
import { interceptPorts } from './intercepted-ports.ts';
import { mortal, untilDeath } from './mortal-ports.ts';
import { type Random, randomOf } from './random.ts';
import { openRecordBed, type RecordBed } from './record-bed.ts';
import { abortOf, cancelOf, type ItemDraft, runOf } from './run-spec.ts';

const GIVE_UP_MS = 60_000;
const MAX_CRASHES = 3;
/** The store as a life found it. */
const OLD_STORE = 'old-store.sqlite';

export interface WorldRun {
  submissionId: string;
  run: string;
  bundle: Buffer;
}

export interface World {
  /** Those that were sealed. */
  runs: WorldRun[];
  aborted: number;
  /** Stores that were made again, and changes of keys. */
  recoveries: number;
  rotations: number;
  /** Of an auditor who knows the deployment's keys, witnesses and timestamp authority. */
  policy: PolicyFile;
  quorum: number;
  /** The state directory of the last life. */
  directory: string;
  crashes: number;
  remove(): void;
}

/** Lives `count` runs through, with crashes. Ends when every run is sealed or aborted; throws when one never is. */
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
  const all = Array.from({ length: count }, (_, n) => `s${n}`);
  const troubles: Troubles = { recoveries: 0, rotations: 0 };
  let submissions = all;
  for (const id of submissions) putInbox(place(0), 'default', id, JSON.stringify(specOf(random)));
  let life = 0;
  try {
    for (;;) {
      // Most calls come late in a life, and so do most deaths. The last life has none.
      const crashAt = life < MAX_CRASHES ? 1 + random.below(count * 60) : Number.POSITIVE_INFINITY;
      const scene = { seed, directory: place(life), copy: place(life + 1), submissions, outsiders, crashAt };
      if (!(await live(scene))) break;
      life += 1;
      await betweenLives(place(life), place(life - 1), random, troubles);
      submissions = await remaining(place(life), all);
      rmSync(place(life - 1), { recursive: true, force: true });
    }
  } finally {
    // Witnesses that go on listening would keep a failed test from ending.
    await outsiders.stop();
  }
  const directory = place(life);
  const sealed = all.filter((id) => existsSync(bundleOf(directory, id)));
  return {
    directory,
    crashes: life,
    ...troubles,
    policy: { ...outsiders.policy, keys: openLocalSigner(join(directory, 'keys')).trust },
    quorum: outsiders.quorum,
    aborted: all.length - sealed.length,
    runs: sealed.map((submissionId) => {
      const run = deriveRunId(PRINCIPAL, submissionId);
      return { submissionId, run, bundle: readFileSync(bundleOf(directory, submissionId)) };
    }),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

type Troubles = Pick<World, 'recoveries' | 'rotations'>;

function bundleOf(directory: string, submissionId: string): string {
  const run = deriveRunId(PRINCIPAL, submissionId);
  return join(directory, 'ledger', 'runs', run, `run-${run}.audit.jsonl`);
}

/** `former` is what the life that has just died began with, and did to it. */
async function betweenLives(directory: string, former: string, random: Random, troubles: Troubles): Promise<void> {
  const isLost = random.chance(0.4);
  const rotates = random.chance(0.5);
  if (!existsSync(join(directory, 'ledger', 'checkpoints'))) return;
  if (isLost) {
    removeStore(directory);
    const old = join(former, OLD_STORE);
    if (existsSync(old) && random.chance(0.5)) {
      cpSync(old, join(directory, 'store.sqlite'));
      await onRest(directory, ({ flow }) =>
        checkLedger(flow).catch((error) => assert.equal(error.code, 'LEDGER_INCONSISTENT')),
      );
      // Also when it was not refused: nothing was entered since, but its runs may have segments that it does not know. They
      // could only be aborted; see how to recover a store.
      removeStore(directory);
    }
  }
  await onRest(directory, async ({ flow }) => {
    if (isLost && (await flow.store.get([keys.logHead()]))[0] === null) {
      const recovered = await recoverStore(flow);
      await checkLedger(flow);
      await adoptKeys(flow);
      await abortLost(flow, recovered);
      await publishLog(flow);
      troubles.recoveries += 1;
    }
    if (!rotates) return;
    await checkLedger(flow);
    await adoptKeys(flow);
    await rotateKey(flow, 'attest', 'ecdsa-p256-sha256');
    const hasSecond = (await loggedKeys(flow)).some(({ use, alg }) => use === 'log' && alg === 'ecdsa-p256-sha256');
    if (hasSecond) await rotateKey(flow, 'log', 'ecdsa-p256-sha256');
    else await addLogKey(flow, 'ecdsa-p256-sha256');
    troubles.rotations += 1;
  });
}

function removeStore(directory: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, `store.sqlite${suffix}`), { force: true });
}

async function onRest<T>(directory: string, use: (bed: RecordBed) => Promise<T>): Promise<T> {
  const bed = await openRecordBed(directory);
  return use(bed).finally(() => bed.close());
}

/** Submissions that wait in the inbox, or whose run goes on. Of others the clients have a receipt at most. */
function remaining(directory: string, submissions: readonly string[]): Promise<string[]> {
  return onRest(directory, async ({ flow }) => {
    const rows = await flow.store.get(submissions.map((id) => keys.run(deriveRunId(PRINCIPAL, id))));
    return submissions.filter((id, n) => {
      const row = rows[n]?.body as unknown as RunRow | undefined;
      if (row === undefined) {
        const waiting = join(directory, 'inbox', 'default', PRINCIPAL, `${id}.json`);
        // Taken in again it would meet segments of the run that was lost with the store; see how to recover a store.
        if (existsSync(join(directory, 'ledger', 'runs', deriveRunId(PRINCIPAL, id)))) rmSync(waiting, { force: true });
        return existsSync(waiting);
      }
      return row.abortedIndex === undefined;
    });
  });
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
    else if (draw < 0.35)
      putInbox(directory, '@control', `a-${job.attemptId}`, JSON.stringify(abortOf(job.run, 'regret')));
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
  const store = join(directory, 'store.sqlite');
  if (existsSync(store)) cpSync(store, join(directory, OLD_STORE));
  const { life, around } = mortal({ directory, copy, crashAt });
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
    interceptPorts({ ...deps, ...outsiders.deps, chance: { ...deps.chance, fraction: () => 0 } }, around);
  await untilDeath(async () => {
    const bed = await openFlowBed({ directory, execute: worker(seed, directory), adapt, concurrency: 16 });
    const giveUpMs = performance.now() + GIVE_UP_MS;
    const open = new Set(submissions);
    try {
      while (open.size > 0 && !life.crashed) {
        for (const id of open) if (existsSync(bundleOf(directory, id)) || bed.status(id)?.aborted) open.delete(id);
        if (performance.now() > giveUpMs) {
          assert.fail(`never sealed: ${[...open].join(', ')}; ${JSON.stringify(bed.errors.slice(0, 3))}`);
        }
        await pause(5);
      }
    } finally {
      await bed.halt();
    }
  });
  return life.crashed;
}
