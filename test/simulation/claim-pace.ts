/** No queue starts more than its rate lets it, nor anything while it is paused: counted from the attempts alone. */
import type { QueueRow } from '#core/queue-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { RowTable } from './row-table.ts';
import { mustHold } from './violation.ts';

/** What clocks of functions differ by. */
const SKEW_MS = 500;
/** More than bursts are drawn. */
const MOST_KEPT = 30;

export class ClaimPace {
  readonly #table: RowTable;
  /** Starts under one rate, by queue. */
  readonly #starts = new Map<string, { rate: string; atMs: number[] }>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  committed(changes: readonly RowChange[]): void {
    for (const { sk, before, after } of changes)
      if (sk === 'attempt' && before === null && after !== null) this.#start(after as AttemptRow);
  }

  #start({ queue, claimedAtMs }: AttemptRow): void {
    const row = this.#table.body<QueueRow>(keys.queue(queue));
    mustHold(row?.state !== 'paused', 'I3', `queue ${queue} starts something while it is paused`);
    const rate = JSON.stringify(row?.rate ?? null);
    const known = this.#starts.get(queue);
    const atMs = known?.rate === rate ? known.atMs : [];
    atMs.push(claimedAtMs);
    this.#starts.set(queue, { rate, atMs: atMs.slice(-MOST_KEPT) });
    if (row?.rate === undefined) return;
    const { starts, perSeconds } = row.rate;
    const times = atMs.toSorted((a, b) => a - b);
    for (const [n, fromMs] of times.entries()) {
      const most = starts * (1 + (claimedAtMs - fromMs + SKEW_MS) / (1_000 * perSeconds));
      mustHold(
        times.length - n <= most,
        'I3',
        `queue ${queue} starts ${times.length - n} since ${fromMs}, more than its rate`,
      );
    }
  }
}
