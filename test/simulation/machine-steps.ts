/** Steps of the state machines: the states are read from the rows, the edges from their changes. */
import { type CallbackRow, callbackKey } from '#core/callback.ts';
import { MAX_OVERTAKES } from '#core/names.ts';
import type { LockRow, QueueRow } from '#core/queue-rows.ts';
import type { LogHeadRow, RunTreeRow } from '#core/record-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import type { AttemptRow, ItemRow, RunRow, SpecRow } from '#core/rows.ts';
import type { ScheduleRow } from '#core/schedule-rows.ts';
import { isTerminal } from '#core/tally.ts';

export type Machine =
  | 'item'
  | 'attempt'
  | 'outcome'
  | 'run'
  | 'lock'
  | 'line'
  | 'queue'
  | 'record'
  | 'log'
  | 'branches'
  | 'growth'
  | 'gate'
  | 'verdict'
  | 'schedule'
  | 'pause'
  | 'slot'
  | 'callback';

type Step = [machine: Machine, from: string, to: string];

export function stepsOf({ pk, sk, before, after }: RowChange): Step[] {
  const step = <Body>(machine: Machine, state: (body: Body) => string): Step[] => [
    [machine, before === null ? '-' : state(before as Body), after === null ? '-' : state(after as Body)],
  ];
  if (sk.startsWith('item/')) {
    const ended = outcomeOf(before as ItemRow, after as ItemRow);
    return [
      ...step('item', itemState),
      ...ended,
      ...step('gate', gateState),
      ...verdictOf(before as ItemRow | null, after as ItemRow | null),
    ];
  }
  if (sk === 'attempt') return step('attempt', attemptState);
  if (sk.startsWith('spec/') && ((after ?? before) as SpecRow).item.forEach !== undefined)
    return step('branches', ({ branches }: SpecRow) => (branches === undefined ? 'one' : 'many'));
  if (pk === 'todo' && sk.startsWith('spawn/') && after === null) return [['branches', 'many', 'whole']];
  if (sk === 'run') {
    const [was, now] = [before as RunRow | null, after as RunRow | null];
    return [...step('run', runState), ...growthOf(was, now), ...callbackOf(was, now)];
  }
  if (pk.startsWith('schedule/'))
    return [
      ...step('schedule', scheduleState),
      ...step('pause', pauseState),
      ...slotsOf(before as ScheduleRow | null, after as ScheduleRow | null),
    ];
  if (pk === callbackKey('').pk) return step('callback', ({ state }: CallbackRow) => state);
  if (sk === 'tree') return step('record', (tree: RunTreeRow) => (tree.batch ? 'placing' : 'placed'));
  if (sk === 'queue')
    return step('queue', ({ holders, concurrency }: QueueRow) => (holders.length < concurrency ? 'room' : 'full'));
  if (sk === 'lock') return [...step('lock', lockState), ['line', lineState(before), lineState(after)]];
  if (pk === 'log' && sk === 'head')
    return step('log', ({ tree, published }: LogHeadRow) => (published.size < tree.size ? 'ahead' : 'published'));
  return [];
}

function itemState({ state, rank, parked, short, shelved }: ItemRow): string {
  if (state !== 'ready' || shelved) return shelved ? 'shelved' : state;
  return rank === undefined ? 'waiting' : parked ? 'parked' : short ? 'short' : 'ready';
}

function outcomeOf(was: ItemRow | null, now: ItemRow | null): Step[] {
  if (was?.state !== 'running' || now === null || now.state === 'running') return [];
  const { outcome = 'none' } = now.attempts.at(-1) ?? {};
  return [['outcome', outcome, now.state === 'ready' ? 'retry' : now.state]];
}

function gateState({ state, reason, gate }: ItemRow): string {
  if (gate === undefined) return '-';
  if (!isTerminal(state)) return 'asked';
  if (state === 'done') return 'approved';
  return state !== 'denied' ? 'dropped' : reason === 'gate_expired' ? 'expired' : 'rejected';
}

/** The first one; what those after it come to is the gate's end. */
function verdictOf(was: ItemRow | null, now: ItemRow | null): Step[] {
  if (was?.gate === undefined || was.gate.approved.length + was.gate.rejected.length > 0) return [];
  const { approved = [], rejected = [] } = now?.gate ?? {};
  if (approved.length + rejected.length === 0) return [];
  return [['verdict', 'none', approved.length > 0 ? 'approved' : 'rejected']];
}

function scheduleState({ removed }: ScheduleRow): string {
  return removed ? 'removed' : 'in-force';
}

function pauseState({ paused, removed }: ScheduleRow): string {
  return removed ? '-' : paused ? 'paused' : 'going';
}

/** Of each run that it starts, until there is a first answer: a refusal may give way, and the oldest are forgotten. */
function slotsOf(was: ScheduleRow | null, now: ScheduleRow | null): Step[] {
  return (now?.slots ?? []).flatMap(({ id, status }): Step[] => {
    const before = was?.slots.find((slot) => slot.id === id);
    if (before?.status !== undefined) return [];
    const isTaken = status === 'accepted' || status === 'deduped';
    const state = status === undefined ? 'unanswered' : isTaken ? 'accepted' : 'refused';
    return [['slot', before === undefined ? '-' : 'unanswered', state]];
  });
}

function attemptState({ state, cancel, givenUp, late }: AttemptRow): string {
  if (state === 'settled') return late === undefined ? 'settled' : 'late';
  if (state === 'claimed') return cancel === undefined ? 'claimed' : 'told';
  return givenUp ? 'given-up' : cancel === undefined ? 'dispatched' : 'told-late';
}

function runState(run: RunRow): string {
  if (run.abortedIndex !== undefined) return 'aborted';
  if (run.bundle) return 'sealed';
  if (run.sealedIndex !== undefined) return 'signed';
  if (run.completedAtMs !== undefined) return run.aborting ? 'regretted' : run.state;
  if (run.aborting) return 'aborting';
  if (run.stopping) return run.stopping === 'cancelled' ? 'cancelling' : 'overdue';
  return run.pausedAtMs === undefined ? run.state : 'paused';
}

function callbackOf(was: RunRow | null, now: RunRow | null): Step[] {
  return now?.callback === undefined || was?.callback ? [] : [['callback', 'sending', now.callback.state]];
}

function growthOf(was: RunRow | null, now: RunRow | null): Step[] {
  if (now?.growth?.mostItems === undefined) return [];
  return [['growth', was === null ? '-' : growthState(was), growthState(now)]];
}

function growthState({ growth }: RunRow): string {
  if (growth?.extending !== undefined) return growth.closed ? 'closing' : 'extending';
  return growth?.closed ? 'closed' : 'open';
}

function lockState({ mode, holders }: LockRow): string {
  if (holders.length === 0) return 'free';
  return holders.length === 1 ? mode : 'shared+';
}

function lineState(lock: object | null): string {
  const { head } = (lock ?? {}) as Partial<LockRow>;
  if (head === undefined) return 'nobody';
  return head.overtaken === 0 ? 'first' : head.overtaken < MAX_OVERTAKES ? 'overtaken' : 'kept';
}
