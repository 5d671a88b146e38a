/**
 * One decision: read rows, decide, write all of it or nothing together with its events. On a conflict it is decided
 * again from fresh rows. This is the only way in which the flow writes.
 */

import { TerminalError, WaybillError } from '@waybill/client/errors';
import { type DsseEnvelope, eventProblem, type RunEvent } from '@waybill/verify';
import { eventLine, type UnplacedEvent, unplacedEvent, unplacedLine } from '#core/evidence.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import type { EventRow, UnplacedLine } from '#core/record-rows.ts';
import { isShown } from '#core/row-changes.ts';
import { type Key, keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Action, Row } from '#ports/run-store.ts';

/** A decision that meets this many conflicts in a row is given up; the sweep comes back to it. */
const MAX_CONFLICTS = 40;

interface Held {
  key: Key;
  version: number;
  body: object | null;
  act: 'none' | 'put' | 'delete' | 'check';
}

interface Emitted {
  run: string;
  event: RunEvent;
  envelopes: readonly DsseEnvelope[];
}

export class Draft {
  readonly #deps: FlowDeps;
  /** By pk and sk. */
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #emitted: Emitted[] = [];
  #atMs: number | undefined;

  constructor(deps: FlowDeps) {
    this.#deps = deps;
  }

  /** The bodies as this decision sees them, its own writes included; null when absent. */
  read<Body extends object>(wanted: readonly Key[]): Promise<(Body | null)[]> | (Body | null)[] {
    const missing = wanted.filter((key) => this.#find(key) === undefined);
    const seen = (): (Body | null)[] => wanted.map((key) => this.seen<Body>(key));
    return missing.length === 0 ? seen() : this.#fetch(missing).then(seen);
  }

  readOne<Body extends object>(key: Key): Promise<Body | null> | Body | null {
    const seen = (): Body | null => this.seen<Body>(key);
    return this.#find(key) === undefined ? this.#fetch([key]).then(seen) : seen();
  }

  async #fetch(missing: readonly Key[]): Promise<void> {
    const rows = await this.#deps.store.get(missing);
    missing.forEach((key, n) => {
      const row = rows[n] ?? null;
      this.#hold({ key, version: row?.version ?? 0, body: row?.body ?? null, act: 'none' });
    });
  }

  /** What `read` has answered, or this decision has written since; null when absent. */
  seen<Body extends object>(key: Key): Body | null {
    return this.#known(key).body as Body | null;
  }

  /** Writes a row that this decision has read. */
  put(key: Key, body: object): void {
    const held = this.#known(key);
    held.body = body;
    held.act = 'put';
  }

  /** Takes rows as a query has just answered them, so that they need not be read again. */
  adopt(rows: readonly Row[]): void {
    for (const row of rows) this.#hold({ key: row, version: row.version, body: row.body, act: 'none' });
  }

  /** Writes a row that must not exist yet. */
  create(key: Key, body: object): void {
    this.#hold({ key, version: 0, body, act: 'put' });
  }

  delete(key: Key): void {
    const held = this.#known(key);
    held.body = null;
    held.act = held.version === 0 ? 'none' : 'delete';
  }

  /** The decision stands only if the row is still as read; also makes its version a cause of this one. */
  check(key: Key): void {
    const held = this.#known(key);
    if (held.act === 'none') held.act = 'check';
  }

  /** An event of the run, in the same transaction; `envelopes` travel right behind it, in this order. */
  emit(run: string, event: RunEvent, envelopes: readonly DsseEnvelope[] = []): void {
    this.#emitted.push({ run, event, envelopes });
  }

  /**
   * The time of this decision, for its events and for rows that repeat it: one reading, so that they cannot differ. It is
   * taken when first asked for; asked for before the last read, it could lie before what was read.
   */
  get atMs(): number {
    this.#atMs ??= this.#deps.clock.nowMs();
    return this.#atMs;
  }

  /** A clock that was set back over a restart must not put this decision before what it ends. */
  atLeastMs(ms: number): void {
    this.#atMs = Math.max(this.atMs, ms);
  }

  get actions(): number {
    return this.#emitted.length + this.#written().length;
  }

  async commit(): Promise<void> {
    const written = this.#written();
    const count = written.length + this.#emitted.length;
    if (count === 0) return;
    if (count > MAX_ENGINE_ACTIONS) {
      throw new TerminalError({
        code: 'TRANSACTION_TOO_LARGE',
        path: 'transaction',
        problem: `${count} actions, more than ${MAX_ENGINE_ACTIONS}`,
        fix: 'Report this as a defect: every decision is built to stay below the limit.',
      });
    }
    let version = 1;
    for (const held of written) version = Math.max(version, held.version + 1);
    const actions = written.map(actionOf);
    const { atMs } = this;
    this.#emitted.forEach(({ run, event, envelopes }, k) => {
      const whole = unplacedEvent(this.#deps.origin, run, { atMs, salt: this.#deps.chance.hex(16), event });
      const line = unplacedLine(whole);
      requireVerifiable(whole, line);
      const body: EventRow = envelopes.length === 0 ? line : { ...line, envelopes };
      const key = keys.event(run, version, k);
      actions.push({ do: 'put', pk: key.pk, sk: `${key.sk}-${this.#deps.chance.hex(4)}`, expect: 0, body });
    });
    await this.#deps.store.transact(actions);
    for (const [run, count] of countBy(this.#emitted)) this.#deps.hints.eventsWritten(run, count);
    for (const { key, act } of written) {
      if (act === 'put' && key.pk === 'timers') this.#deps.hints.timerSet(Number(key.sk.slice(0, 13)));
    }
    for (const run of shownRuns(written)) this.#deps.hints.runChanged(run);
  }

  #written(): Held[] {
    const written: Held[] = [];
    for (const ofOne of this.#held.values()) {
      for (const held of ofOne.values()) if (held.act !== 'none') written.push(held);
    }
    return written;
  }

  #hold(held: Held): void {
    const { pk, sk } = held.key;
    const ofOne = this.#held.get(pk);
    if (ofOne) ofOne.set(sk, held);
    else this.#held.set(pk, new Map([[sk, held]]));
  }

  #find({ pk, sk }: Key): Held | undefined {
    return this.#held.get(pk)?.get(sk);
  }

  #known(key: Key): Held {
    const held = this.#find(key);
    if (!held) throw new RangeError(`row ${key.pk} ${key.sk} is used without having been read`);
    return held;
  }
}

/** Asks the verifier's own rule before anything is written, so that no run can be sealed that nobody can read. */
function requireVerifiable(event: UnplacedEvent, line: UnplacedLine): void {
  // The place is not known yet; the longest one tells whether the line will fit.
  const problem = eventProblem(event, eventLine(line, Number.MAX_SAFE_INTEGER));
  if (problem === null) return;
  throw new TerminalError({
    code: 'EVENT_INVALID',
    path: `event ${event.type}`,
    problem,
    fix: 'What a worker said cannot be recorded as it is; see the log of the attempt.',
  });
}

/** Here and not where it is decided, so that no decision can forget a status that somebody may wait for. */
function shownRuns(written: readonly Held[]): Set<string> {
  const isOfStatus = ({ key: { pk, sk }, version, body, act }: Held): boolean =>
    act === 'put' && body !== null && pk.startsWith('run/') && isShown(sk, body, version === 0);
  return new Set(written.filter(isOfStatus).map(({ key }) => key.pk.slice('run/'.length)));
}

function countBy(emitted: readonly Emitted[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { run } of emitted) counts.set(run, (counts.get(run) ?? 0) + 1);
  return counts;
}

function actionOf(held: Held): Action {
  const { pk, sk } = held.key;
  if (held.act === 'put' && held.body) return { do: 'put', pk, sk, expect: held.version, body: held.body };
  return { do: held.act === 'delete' ? 'delete' : 'check', pk, sk, expect: held.version };
}

/** Decides and commits, again from fresh rows after each conflict. `decision` must have no effect but on its draft. */
export async function decide<T>(deps: FlowDeps, decision: (draft: Draft) => Promise<T>): Promise<T> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await deps.lane(() => decideOnce(deps, decision));
    } catch (error) {
      const conflict = error instanceof WaybillError && error.code === 'ROW_CONFLICT';
      if (!conflict || conflicts >= MAX_CONFLICTS) throw error;
      await pause(deps, Math.min(200, 2 ** Math.min(conflicts, 8)) * deps.chance.fraction());
    }
  }
}

async function decideOnce<T>(deps: FlowDeps, decision: (draft: Draft) => Promise<T>): Promise<T> {
  const draft = new Draft(deps);
  const result = await decision(draft);
  await draft.commit();
  return result;
}

function pause(deps: FlowDeps, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    deps.clock.after(delayMs, resolve);
  });
}

/** Deletes a row, whatever it says; absent is fine. */
export async function forget(deps: FlowDeps, key: Key): Promise<void> {
  await decide(deps, async (draft) => {
    await draft.read([key]);
    draft.delete(key);
  });
}

/** A row as it is now, outside of any decision: for looking whether there is anything to decide. Null when absent. */
export async function peek<Body extends object>(deps: FlowDeps, key: Key): Promise<Body | null> {
  const [row] = await deps.store.get([key]);
  return (row?.body ?? null) as Body | null;
}
