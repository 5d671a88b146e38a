/** A whole engine in this process, on a temporary directory, with an executor given by the test. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Receipt, RunStatus } from '@waybill/client/documents';
import { deriveRunId, type VerifyReport, verifyBundle } from '@waybill/verify';
import type { Execute } from '#adapters/in-process/executor.ts';
import type { Caps } from '#core/money-rows.ts';
import type { QueueDefinitions } from '#core/queue-definition.ts';
import { type ItemRow, type Key, keys, type RunRow } from '#core/rows.ts';
import type { CadenceRule } from '#embedded/cadence.ts';
import { composeInProcess } from '#embedded/compose-in-process.ts';
import { createEngine, type Engine } from '#embedded/engine.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Callbacks } from '#ports/callbacks.ts';
import type { RunStore } from '#ports/run-store.ts';
import { HintCheck } from './hint-check.ts';
import { observeRows } from './row-stream.ts';

export const PRINCIPAL = `uid-${process.getuid?.() ?? 0}`;

export interface FlowBed {
  directory: string;
  engine: Engine;
  deps: Omit<FlowDeps, 'hints' | 'lane'>;
  /** Errors that the engine logged. */
  errors: object[];
  submit(submissionId: string, document: unknown, queue?: string): string;
  receipts(submissionId: string): Receipt[];
  status(submissionId: string): RunStatus | null;
  /** The stored body under a key, as the engine sees it now. */
  row<Body extends object>(key: Key): Promise<Body | null>;
  itemRow(run: string, item: string): Promise<ItemRow | null>;
  runRow(run: string): Promise<RunRow | null>;
  until: typeof until;
  /** Waits until the run is sealed and verifies its bundle. Fails at once when the submission was refused. */
  sealed(submissionId: string): Promise<{ status: RunStatus; report: VerifyReport }>;
  /** Writes an object for the control queue. */
  control(submissionId: string, document: unknown): void;
  /** Stops the engine and its store; the directory stays. */
  halt(): Promise<void>;
  close(): Promise<void>;
}

export interface FlowBedOptions {
  execute: Execute;
  concurrency?: number;
  queues?: QueueDefinitions;
  caps?: Caps;
  /** An earlier bed's directory. */
  directory?: string;
  adapt?(deps: FlowBed['deps']): FlowBed['deps'];
  leaseMs?: number;
  status?: boolean;
  cadence?: CadenceRule;
  heartbeatMs?: number;
  callbacks?: Callbacks;
  isolation?: FlowDeps['worker']['isolation'];
  /** Compares hints with changes of rows; what it finds fails the test when the bed is closed. */
  check?: HintCheck;
}

/** Where the rows of beds are instead of SQLite: one store for each directory. */
export interface RowsElsewhere {
  open(directory: string): Promise<RunStore>;
  /** As if the directory had never had one. */
  lose(directory: string): void;
  /** What a test waits for at most; such a store may be far away. */
  patienceMs: number;
  /** How often a test looks: there it takes what the engine needs. */
  lookMs: number;
}

let elsewhere: RowsElsewhere | undefined;

/**
 * How many there are of a thing of which a test needs many: `near`, or `far` where a row takes milliseconds. A set is kept in
 * rows of a hundred, so a few more than that are as many as any number.
 */
export function asMany(near: number, far: number): number {
  return elsewhere === undefined ? near : far;
}

/** For every bed that this process opens from now on. */
export function keepRows(where: RowsElsewhere): void {
  elsewhere = where;
}

/** The rows of a bed that is halted are gone, and all else is there. */
export function loseRows(directory: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory, `store.sqlite${suffix}`), { force: true });
  elsewhere?.lose(directory);
}

export async function openFlowBed(options: FlowBedOptions): Promise<FlowBed> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'waybill-flow-'));
  const { isolation = 'in-process', leaseMs = 30_000 } = options;
  const composed = await composeInProcess(directory, options.execute, { isolation, leaseMs });
  const { inbox } = composed;
  const store = (await elsewhere?.open(directory)) ?? composed.store;
  const { callbacks } = options;
  const base = { ...composed.deps, store, ...(callbacks ? { callbacks: callbacks.endpoints } : {}) };
  const adapted = options.adapt ? options.adapt(base) : base;
  const check = options.check ?? new HintCheck();
  const deps = { ...adapted, store: observeRows(adapted.store, store, (change) => check.changed(change)) };
  const errors: object[] = [];
  const engine = createEngine(deps, {
    queues: options.queues ?? { default: { concurrency: options.concurrency ?? 8 } },
    ...(options.caps ? { caps: options.caps } : {}),
    ...(callbacks ? { callbacks } : {}),
    selfCheck: false,
    status: options.status ?? true,
    hear: (hints) => check.hear(hints),
    ...(options.cadence ? { cadence: options.cadence } : {}),
    ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
    log: (level, message, facts) => {
      if (level === 'error') errors.push({ message, ...facts });
    },
    onFatal: (error) => errors.push({ message: 'fatal', error }),
  });
  await engine.start();
  check.begin();
  let halted = false;
  const halt = async (): Promise<void> => {
    if (halted) return;
    halted = true;
    inbox.unwatch();
    await engine.stop();
    await composed.store.close();
  };
  const { receipts, status } = outboxOf(directory);
  const row: FlowBed['row'] = async (key) => {
    const [found] = await store.get([key]);
    return (found?.body as never) ?? null;
  };
  return {
    directory,
    engine,
    deps,
    errors,
    submit(submissionId, document, queue = 'default') {
      putInbox(directory, queue, submissionId, JSON.stringify(document));
      return deriveRunId(PRINCIPAL, submissionId);
    },
    control(submissionId, document) {
      putInbox(directory, '@control', submissionId, JSON.stringify(document));
    },
    receipts,
    status,
    row,
    itemRow: (run, item) => row<ItemRow>(keys.item(run, item)),
    runRow: (run) => row<RunRow>(keys.run(run)),
    until,
    async sealed(submissionId) {
      const done = await until(() => {
        requireUnrefused(receipts(submissionId), errors);
        const now = status(submissionId);
        return now?.bundle ? now : null;
      });
      const bytes = readFileSync(join(directory, 'ledger', ...(done.bundle?.key ?? '').split('/')));
      return { status: done, report: await verifyBundle([bytes], { trust: deps.signer.trust }) };
    },
    halt,
    async close() {
      await halt();
      rmSync(directory, { recursive: true, force: true });
      assert.deepEqual(check.unfounded, [], 'every hint follows from a change of a row');
      assert.deepEqual(check.unhinted, [], 'every lock that is to be tried is hinted');
    },
  };
}

/** What a client reads. */
function outboxOf(directory: string): Pick<FlowBed, 'receipts' | 'status'> {
  const folder = (submissionId: string): string => join(directory, 'outbox', PRINCIPAL, submissionId);
  return {
    receipts: (submissionId) =>
      names(folder(submissionId))
        .filter((name) => name.startsWith('receipt-'))
        .map((name) => readJson(join(folder(submissionId), name)) as Receipt),
    status: (submissionId) => readJson(join(folder(submissionId), 'status.json')),
  };
}

/** A run that will never be sealed fails the test at once and says why. */
function requireUnrefused(answers: Receipt[], errors: object[]): void {
  if (answers.length > 0 && answers.every(({ reasons }) => reasons.length > 0)) {
    throw new RangeError(`refused: ${JSON.stringify(answers)}`);
  }
  if (errors.length > 0) throw new RangeError(`the engine logged ${JSON.stringify(errors)}`);
}

/** Writes an object where a client would: under its final name in one step. */
export function putInbox(directory: string, queue: string, submissionId: string, text: string | Uint8Array): void {
  const folder = join(directory, 'inbox', queue, PRINCIPAL);
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `.${submissionId}.tmp`);
  writeFileSync(temporary, text);
  renameSync(temporary, join(folder, `${submissionId}.json`));
}

type Seen<T> = T | null | undefined | false;

/** When a test gives up. It says nothing of how long a thing may take: the machine may be busy with other tests. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5;

/** Looks again and again until there is something to see. */
async function until<T>(look: () => Seen<T> | Promise<Seen<T>>): Promise<T> {
  const patienceMs = elsewhere?.patienceMs ?? PATIENCE_MS;
  const giveUpMs = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > giveUpMs)
      throw new RangeError(`what the test waits for did not happen within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, elsewhere?.lookMs ?? LOOK_MS));
  }
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return null;
  }
}
