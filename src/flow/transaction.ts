/**
 * One decision: read rows, decide, write all of it or nothing together with its events. On a conflict it is decided
 * again from fresh rows. This is the only way in which the flow writes.
 */

import { TerminalError, WaybillError } from '@waybill/client/errors';
import { type DsseEnvelope, eventProblem, type RunEvent } from '@waybill/verify';
import { eventLine, type UnplacedEvent, unplacedEvent, unplacedLine } from '#core/evidence.ts';
import { MAX_ENGINE_ACTIONS } from '#core/names.ts';
import { type EventRow, type Key, keys, type UnplacedLine } from '#core/rows.ts';
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
  readonly #held = new Map<string, Held>();
  readonly #emitted: Emitted[] = [];
  #atMs: number | undefined;

  constructor(deps: FlowDeps) {
    this.#deps = deps;
  }

  /** The bodies as this decision sees them, its own writes included; null when absent. */
  async read<Body extends object>(wanted: readonly Key[]): Promise<(Body | null)[]> {
    const missing = wanted.filter((key) => !this.#held.has(nameOf(key)));
    if (missing.length > 0) {
      const rows = await this.#deps.store.get(missing);
      missing.forEach((key, n) => {
        const row = rows[n] ?? null;
        this.#held.set(nameOf(key), { key, version: row?.version ?? 0, body: row?.body ?? null, act: 'none' });
      });
    }
    return wanted.map((key) => (this.#held.get(nameOf(key))?.body ?? null) as Body | null);
  }

  async readOne<Body extends object>(key: Key): Promise<Body | null> {
    const [body] = await this.read<Body>([key]);
    return body ?? null;
  }

  /** Writes a row that this decision has read. */
  put(key: Key, body: object): void {
    const held = this.#known(key);
    held.body = body;
    held.act = 'put';
  }

  /** Takes rows as a query has just answered them, so that they need not be read again. */
  adopt(rows: readonly Row[]): void {
    for (const { pk, sk, version, body } of rows)
      this.#held.set(nameOf({ pk, sk }), { key: { pk, sk }, version, body, act: 'none' });
  }

  /** Writes a row that must not exist yet. */
  create(key: Key, body: object): void {
    this.#held.set(nameOf(key), { key, version: 0, body, act: 'put' });
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
    let count = this.#emitted.length;
    for (const held of this.#held.values()) if (held.act !== 'none') count += 1;
    return count;
  }

  async commit(): Promise<void> {
    const written = [...this.#held.values()].filter((held) => held.act !== 'none');
    if (written.length === 0 && this.#emitted.length === 0) return;
    if (this.actions > MAX_ENGINE_ACTIONS) {
      throw new TerminalError({
        code: 'TRANSACTION_TOO_LARGE',
        path: 'transaction',
        problem: `${this.actions} actions, more than ${MAX_ENGINE_ACTIONS}`,
        fix: 'Report this as a defect: every decision is built to stay below the limit.',
      });
    }
    const version = 1 + Math.max(0, ...written.map((held) => held.version));
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
      if (key.pk === 'timers' && act === 'put') this.#deps.hints.timerSet(Number(key.sk.slice(0, 13)));
    }
  }

  #known(key: Key): Held {
    const held = this.#held.get(nameOf(key));
    if (!held) throw new RangeError(`row ${nameOf(key)} is written without having been read`);
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

function countBy(emitted: readonly Emitted[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { run } of emitted) counts.set(run, (counts.get(run) ?? 0) + 1);
  return counts;
}

function nameOf(key: Key): string {
  return `${key.pk} ${key.sk}`;
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
      return await deps.lane(async () => {
        const draft = new Draft(deps);
        const result = await decision(draft);
        await draft.commit();
        return result;
      });
    } catch (error) {
      const conflict = error instanceof WaybillError && error.code === 'ROW_CONFLICT';
      if (!conflict || conflicts >= MAX_CONFLICTS) throw error;
      await pause(deps, Math.min(200, 2 ** Math.min(conflicts, 8)) * deps.chance.fraction());
    }
  }
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
