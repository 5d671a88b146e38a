/** Every transition writes its event in the same transaction, and every event is about a transition of its transaction. */
import type { EventLine } from '@waybill/verify';
import { eventLine } from '#core/evidence.ts';
import type { EventRow } from '#core/record-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import type { AttemptRow, Growth, ItemRow, RunRow, SpecRow, TodoExtendRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { mustHold } from './violation.ts';

export interface Told {
  run: string;
  event: EventLine;
}

/** The events that a transaction writes. */
export function eventsIn(changes: readonly RowChange[]): Told[] {
  return changes.flatMap(({ pk, sk, before, after }) => {
    if (before !== null || after === null || !sk.startsWith('event/')) return [];
    return [{ run: pk.slice('run/'.length), event: JSON.parse(eventLine(after as EventRow, 0)) as EventLine }];
  });
}

/** Compares what the rows do with what the events say; both as short sentences. */
export function compareWithEvents(changes: readonly RowChange[], events: readonly Told[]): void {
  const done = new Set(changes.flatMap(deedsOf));
  const said = new Set(events.flatMap(({ run, event }) => sayingsOf(event).map((each) => `${run} ${each}`)));
  for (const each of done) mustHold(said.has(each), 'I6', `no event says "${each}"`);
  for (const each of said) mustHold(done.has(each), 'I6', `an event says "${each}", which did not happen`);
}

function sayingsOf({ type, data }: EventLine): string[] {
  switch (type) {
    case 'run.opened':
      return ['opens'];
    case 'item.decided':
      return [`${data.item} decided ${data.holds}`];
    case 'item.reused':
      return [`${data.item} done`, `${data.item} reused ${data.from.id}`];
    case 'item.suspended':
      return data.items.map(({ id }) => `${id} suspended`);
    case 'item.ready':
      return data.items.map((item) => `${item} ready`);
    case 'attempt.claimed':
      return data.claims.map(({ item, attempt, id }) => `${item} claimed ${attempt} ${id}`);
    case 'attempt.dispatched':
      return [`${data.id} dispatched`];
    case 'attempt.settled':
      return [`${data.id} settled`, `${data.item} ${data.next === 'retry' ? 'backs off' : data.next} by attempt`];
    case 'item.closed':
      return data.items.map(({ id, state }) => `${id} ${state}`);
    case 'item.reopened':
      return data.items.map((item) => `${item} reopened`);
    case 'control.accepted':
      // What is tried again says so itself, item by item.
      if (data.verb === 'retry') return [];
      return data.item === undefined ? [data.verb] : [`${data.item} ${data.verb} asked`];
    case 'items.spawned':
      return [`${data.item} becomes ${data.items.length}`];
    case 'run.extended':
      return [`grows by ${data.control}`];
    case 'run.stopping':
      return data.reason === 'cancelled' ? ['stops cancelled'] : ['stops deadline_exceeded'];
    case 'run.completed':
      return [`completes ${data.state}`];
    default:
      return [];
  }
}

function deedsOf({ pk, sk, before, after }: RowChange): string[] {
  if (after === null) return [];
  const run = pk.slice('run/'.length);
  if (sk === 'attempt') return ofAttempt(pk.slice('attempt/'.length), before as AttemptRow | null, after as AttemptRow);
  if (sk === 'run') return ofRun(before as RunRow | null, after as RunRow).map((each) => `${run} ${each}`);
  if (sk.startsWith('spec/')) return ofSpec(before as SpecRow | null, after as SpecRow).map((each) => `${run} ${each}`);
  const added = sk.startsWith('extend/') && before === null ? (after as TodoExtendRow).control : undefined;
  if (pk === 'todo') return added === undefined ? [] : [`${sk.split('/')[1]} grows by ${added}`];
  if (!sk.startsWith('item/')) return [];
  const item = sk.slice('item/'.length);
  // One that is ready when its run opens was pending in the same transaction.
  const was = before ?? ({ ...after, state: 'pending' } as ItemRow);
  return ofItem(was as ItemRow, after as ItemRow).map((each) => `${run} ${item} ${each}`);
}

function ofAttempt(id: string, was: AttemptRow | null, now: AttemptRow): string[] {
  const is = (state: AttemptRow['state']): boolean => was?.state !== state && now.state === state;
  if (was?.cancel === undefined && now.cancel === 'requeued') return [`${now.run} ${now.item} requeue asked`];
  if (is('dispatched')) return [`${now.run} ${id} dispatched`];
  return is('settled') ? [`${now.run} ${id} settled`] : [];
}

function ofSpec(was: SpecRow | null, now: SpecRow): string[] {
  return was !== null && was.branches !== now.branches ? [`${now.item.id} becomes ${now.branches}`] : [];
}

function ofItem(was: ItemRow, now: ItemRow): string[] {
  const deeds: string[] = [];
  if (!was.cancelAsked && now.cancelAsked) deeds.push('cancel asked');
  if (was.reason !== 'skip_requested' && now.reason === 'skip_requested') deeds.push('skip asked');
  const grows = (which: 'approved' | 'rejected'): boolean =>
    (now.gate?.[which].length ?? 0) > (was.gate?.[which].length ?? 0);
  if (grows('approved')) deeds.push('approve asked');
  if (grows('rejected')) deeds.push('reject asked');
  const isMoved = was.rank !== undefined && now.rank !== undefined && was.rank !== now.rank;
  if (isMoved) deeds.push('requeue asked');
  const isAnswered = (row: ItemRow): boolean => row.talk?.at(-1)?.answer !== undefined;
  if (was.asking !== undefined && isAnswered(now)) deeds.push('answer asked');
  if (was.holds === undefined && now.holds !== undefined) deeds.push(`decided ${now.holds}`);
  if (was.reused === undefined && now.reused !== undefined) deeds.push(`reused ${now.reused.from.id}`);
  if (was.state === now.state) return deeds;
  if (isTerminal(was.state)) deeds.push('reopened');
  else if (now.state === 'suspended') deeds.push(was.state === 'running' ? 'suspended by attempt' : 'suspended');
  else if (now.state === 'running') deeds.push(`claimed ${now.attempt} ${now.attempts.at(-1)?.id}`);
  else if (now.state === 'ready') deeds.push(was.state === 'running' ? 'backs off by attempt' : 'ready');
  else if (isTerminal(now.state)) deeds.push(was.state === 'running' ? `${now.state} by attempt` : now.state);
  return deeds;
}

function ofRun(was: RunRow | null, now: RunRow): string[] {
  const deeds: string[] = [];
  if ((was?.state ?? 'admitting') === 'admitting' && now.state !== 'admitting') deeds.push('opens');
  if (!was?.stopping && now.stopping) {
    deeds.push(`stops ${now.stopping}`);
    if (now.stopping === 'cancelled') deeds.push('cancel');
  }
  const isPaused = now.pausedAtMs !== undefined;
  if ((was?.pausedAtMs !== undefined) !== isPaused) deeds.push(isPaused ? 'pause' : 'resume');
  const [had, has] = [was?.growth ?? {}, now.growth ?? {}] as [Partial<Growth>, Partial<Growth>];
  if (has.extending !== undefined && had.extending !== has.extending) deeds.push('extend');
  if (has.closed && !had.closed) deeds.push('close');
  // An abort that could not wait for the last items says so in the log and not in the record of the run.
  const isForced = now.abortedIndex !== undefined && was?.abortedIndex === undefined;
  // Its last items end all the same, some time later.
  const isLate = was?.abortedIndex !== undefined && was.completedAtMs !== now.completedAtMs;
  const isFirst = was?.completedAtMs === undefined && now.completedAtMs !== undefined && !isForced;
  if (isFirst || isLate) deeds.push(`completes ${now.state}`);
  return deeds;
}
