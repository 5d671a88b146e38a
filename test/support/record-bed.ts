/** The use cases on a directory without an engine, for tests that call them one by one, twice at once, or up to a crash. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeInProcess, type InProcess } from '#embedded/compose-in-process.ts';
import type { FlowDeps, Hints } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import { SUCCEEDED } from './finished-run.ts';
import { interceptPorts, type PortCall } from './intercepted-ports.ts';
import { mortal, untilDeath } from './mortal-ports.ts';

/** What a test puts in place of the ports that a directory has. */
export type Adapt = (deps: InProcess['deps']) => InProcess['deps'];

export interface RecordBed {
  directory: string;
  /** What was reported as away. */
  outages: string[];
  flow: FlowDeps;
  /** The same ports behind another lane: what another process would be. */
  another(around?: (call: PortCall, proceed: () => unknown) => unknown): FlowDeps;
  close(): Promise<void>;
}

export async function openRecordBed(directory: string, adapt: Adapt = (deps) => deps): Promise<RecordBed> {
  mkdirSync(directory, { recursive: true });
  const { deps: base, store, inbox }: InProcess = await composeInProcess(directory, () => SUCCEEDED);
  const deps = adapt(base);
  const outages: string[] = [];
  const hints = new Proxy({} as Hints, {
    get: (_target, name) => (name === 'outage' ? (about: string) => outages.push(about) : () => {}),
  });
  const another: RecordBed['another'] = (around = (_call, proceed) => proceed()) => ({
    ...interceptPorts(deps, around),
    hints,
    lane: createLane(),
  });
  return {
    directory,
    outages,
    flow: another(),
    another,
    async close() {
      inbox.unwatch();
      await store.close();
    },
  };
}

export async function withScratch(use: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'waybill-record-'));
  try {
    await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/**
 * Does `act` on a copy of `origin` again and again, dying before the first port call, before the second, and so on;
 * each time `judge` gets what the next process makes of the files that are left. Resolves with the number of crashes.
 */
export async function crashEverywhere(
  origin: string,
  act: (flow: FlowDeps) => Promise<unknown>,
  judge: (bed: RecordBed, crashedAt: number) => Promise<void>,
  adapt?: Adapt,
): Promise<number> {
  for (let crashAt = 1; ; crashAt += 1) {
    const [life, rest] = [`${origin}-life`, `${origin}-rest`];
    cpSync(origin, life, { recursive: true });
    const crashed = await dieAt(life, rest, act, crashAt, adapt);
    if (crashed) {
      const bed = await openRecordBed(rest, adapt);
      await judge(bed, crashAt).finally(() => bed.close());
    }
    for (const directory of [life, rest]) rmSync(directory, { recursive: true, force: true });
    if (!crashed) return crashAt - 1;
  }
}

async function dieAt(
  directory: string,
  copy: string,
  act: (flow: FlowDeps) => Promise<unknown>,
  crashAt: number,
  adapt?: Adapt,
): Promise<boolean> {
  const bed = await openRecordBed(directory, adapt);
  const { life, around } = mortal({ directory, copy, crashAt });
  await untilDeath(() => act(bed.another(around))).finally(() => bed.close());
  return life.crashed;
}

/** All segments of a run: their names in order, and their bytes as one text. */
export function segmentsOf(directory: string, run: string): { names: string[]; text: string } {
  const folder = join(directory, 'ledger', 'runs', run, 'events');
  const names = readdirSync(folder).sort();
  return { names, text: names.map((name) => readFileSync(join(folder, name), 'utf8')).join('') };
}
