/** What an item and a run cost beside Fargate, from three windows of one record. */
import type { DeploymentNames } from '../../lib/deployment-names.ts';
import type { RecordedCall } from './beds/recorder.ts';
import type { Invocation } from './deployed-world.ts';
import { combined, countsOf, RowSizes } from './metered-calls.ts';
import { type Counts, NOTHING } from './price-list.ts';

/** From when to when, by the clock of the record. */
export interface Window {
  fromMs: number;
  toMs: number;
  runs: number;
  items: number;
}

export interface Record {
  names: DeploymentNames;
  /** Of the deployment's roles and of its workers. */
  calls: readonly RecordedCall[];
  invocations: readonly Invocation[];
  /** States that each execution entered. */
  transitionsPerItem: number;
}

export interface Windows {
  /** Runs of one short item each, one after another. */
  single: Window;
  /** One run of short items. */
  short: Window;
  /** One run of items of a minute. */
  minute: Window;
}

export interface Priced {
  run: Counts;
  /** Of a minute. */
  item: Counts;
}

/**
 * A run of n items costs R + n·I. Of the short ones `single` and `short` give R, and with it `minute` gives I: what heartbeats
 * and looks of the reconciler cost for as long as an item runs is in it. Batches differ, so R may come out as nothing of a meter;
 * it is never less, and what it lacks then counts for the items.
 */
export function pricedFrom(record: Record, { single, short, minute }: Windows): Priced {
  const sizes = new RowSizes();
  const counted = [single, short, minute]
    .toSorted((a, b) => a.fromMs - b.fromMs)
    .map((window) => [window, countsIn(record, window, sizes)] as const);
  const of = (window: Window): Counts => counted.find(([each]) => each === window)?.[1] ?? NOTHING;
  const one = combined(NOTHING, of(single), 1 / single.runs);
  const share = combined(combined(NOTHING, one, short.items), of(short), -1);
  const run = atLeastNothing(combined(NOTHING, share, 1 / (short.items - 1)));
  const item = combined(NOTHING, combined(of(minute), run, -minute.runs), 1 / minute.items);
  return { run, item: atLeastNothing(item) };
}

function atLeastNothing(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Math.max(0, count)])) as Counts;
}

function countsIn(record: Record, window: Window, sizes: RowSizes): Counts {
  const { names, calls, invocations, transitionsPerItem } = record;
  const within = (atMs: number): boolean => atMs >= window.fromMs && atMs < window.toMs;
  return countsOf(
    {
      calls: calls.filter(({ atMs }) => within(atMs)),
      invocations: invocations.filter(({ startedMs }) => within(startedMs)),
      transitions: transitionsPerItem * window.items,
      executions: window.items,
    },
    names,
    sizes,
  );
}
