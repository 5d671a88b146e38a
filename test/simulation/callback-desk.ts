/** Whoever is told of the end of simulated runs: one takes it, one refuses it, one never answers, and one is named by nobody some day. */
import { CALLBACK_KEY_BYTES, type CallbackRow, callbackKey, isOver } from '#core/callback.ts';
import type { RowChange } from '#core/row-changes.ts';
import { keys, type RunRow } from '#core/rows.ts';
import type { NotifyDuties } from '#lambdas/notify/notify-messages.ts';
import type { Delivery } from '#ports/callbacks.ts';
import type { Container } from './container.ts';
import type { RowTable } from './row-table.ts';
import type { Timeline } from './timeline.ts';
import { mustHold } from './violation.ts';

/** As runs name them, whatever the function that sends is told. */
export const CALLBACK_NAMES = ['takes', 'refuses', 'silent', 'leaving'] as const;
const LEAVES_MS = 360_000;
const WAIT_MS = 10_000;
const KEY = new Uint8Array(CALLBACK_KEY_BYTES.least);
const REFUSAL: Delivery = { state: 'undelivered', detail: 'it was answered with 500' };
const SILENCE: Delivery = { state: 'unknown', detail: 'nothing was answered' };

/** What is told of a run. */
interface Heard {
  run: string;
  sealed?: { bundle: string };
  aborted?: object;
}

export class CallbackDesk {
  readonly #timeline: Timeline;
  readonly #leavesAtMs: number;
  readonly #heard: (name: string, heard: Heard) => void;

  constructor(timeline: Timeline, heard: (name: string, heard: Heard) => void) {
    this.#timeline = timeline;
    this.#leavesAtMs = timeline.nowMs + LEAVES_MS;
    this.#heard = heard;
  }

  /** As they stand when a function begins to send. */
  dutiesOf(container: Container): Omit<NotifyDuties, 'flow'> {
    return {
      urls: this.#urls(),
      readKey: (name) => container.call(`key of ${name}`, () => KEY, { isRead: true }),
      open: (endpoints) => ({
        endpoints: new Set(endpoints.keys()),
        send: async (name, body) =>
          endpoints.has(name) ? this.#send(container, name, new TextDecoder().decode(body)) : REFUSAL,
      }),
    };
  }

  #urls(): NotifyDuties['urls'] {
    const names = this.#timeline.nowMs < this.#leavesAtMs ? CALLBACK_NAMES : CALLBACK_NAMES.slice(0, -1);
    return new Map(names.map((name) => [name, new URL(`https://${name}.example`)]));
  }

  /** It may be refused on the way there, and its answer may be lost. */
  async #send(container: Container, name: string, body: string): Promise<Delivery> {
    const heard = JSON.parse(body) as Heard;
    let isHeard = false;
    const hear = (): void => {
      isHeard = true;
      this.#heard(name, heard);
    };
    const isAnswered = await container.call(`tell ${name} of ${heard.run}`, hear).then(
      () => name !== 'silent',
      () => false,
    );
    if (!isHeard) return { state: 'undelivered', detail: 'there was no connection' };
    if (name === 'refuses' && isAnswered) return REFUSAL;
    if (isAnswered) return { state: 'delivered', detail: 'it was answered with 204' };
    await new Promise<void>((resolve) => this.#timeline.after(WAIT_MS, resolve));
    return SILENCE;
  }
}

/**
 * Whoever a run names is told of it at most once, when it is over and not before, and when it was written down that this is about to
 * happen; and what became of that stands in the run, once, as it was.
 */
export class CallbackInvariants {
  readonly #table: RowTable;
  /** By run: who was told. */
  readonly #told = new Map<string, string>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  committed(changes: readonly RowChange[]): void {
    for (const { pk, sk, before, after } of changes) {
      if (pk === callbackKey('').pk) this.#moved(sk, before as CallbackRow | null, after as CallbackRow | null);
      if (sk === 'run') this.#concluded(pk.slice('run/'.length), before as RunRow | null, after as RunRow | null);
    }
  }

  #moved(run: string, was: CallbackRow | null, now: CallbackRow | null): void {
    const [from, to] = [was?.state ?? 'none', now?.state ?? 'none'];
    const isAhead = ['none due', 'due sending', 'sending none'].includes(`${from} ${to}`);
    mustHold(isAhead, 'I12', `the callback of ${run} goes from ${from} to ${to}`);
    const row = this.#table.body<RunRow>(keys.run(run));
    if (to === 'sending') mustHold(row !== null && isOver(row), 'I12', `run ${run} is told of, and goes on`);
    if (to === 'none') mustHold(row?.callback !== undefined, 'I12', `run ${run} does not say who was told of it`);
  }

  #concluded(run: string, was: RunRow | null, now: RunRow | null): void {
    if (JSON.stringify(was?.callback) === JSON.stringify(now?.callback)) return;
    mustHold(was?.callback === undefined, 'I12', `run ${run} says twice what became of its callback`);
    const isLeft = this.#table.body(callbackKey(run)) !== null;
    mustHold(!isLeft, 'I12', `run ${run} says what became of its callback, which may be sent again`);
    const { state, endpoint } = now?.callback ?? { state: 'none', endpoint: '' };
    const name = this.#told.get(run);
    mustHold(name === undefined || name === endpoint, 'I12', `run ${run} says that ${endpoint} was told, not ${name}`);
    const isTaken = name !== undefined && name !== 'refuses';
    mustHold(state !== 'delivered' || isTaken, 'I12', `run ${run} says that ${endpoint} took what nobody has heard`);
    mustHold(state !== 'undelivered' || !isTaken, 'I12', `run ${run} says that ${endpoint} was not told, and it was`);
  }

  heard(name: string, { run, sealed, aborted }: Heard): void {
    mustHold(!this.#told.has(run), 'I12', `${name} is told twice of run ${run}`);
    this.#told.set(run, name);
    const due = this.#table.body<CallbackRow>(callbackKey(run));
    const isWritten = due?.state === 'sending' && due.endpoint === name;
    mustHold(isWritten, 'I12', `${name} is told of run ${run} before that is written down`);
    const row = this.#table.body<RunRow>(keys.run(run));
    const isSealed = sealed !== undefined && sealed.bundle === row?.bundle?.sha256;
    const isAborted = aborted !== undefined && row?.abortedAtMs !== undefined;
    mustHold(isSealed || isAborted, 'I12', `${name} is told of an end that run ${run} has not come to`);
  }

  /** When nothing is left to do. */
  everyEndIsKnown(): void {
    for (const pk of this.#table.partitions()) {
      const row = pk.startsWith('run/') ? this.#table.body<RunRow>({ pk, sk: 'run' }) : null;
      const isKnown = (row?.callsBack === true) === (row?.callback !== undefined);
      mustHold(isKnown, 'I12', `nobody knows what became of the callback of ${pk}`);
    }
  }
}
