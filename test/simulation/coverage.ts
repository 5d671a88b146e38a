/** Which edges of the state machines a simulation has gone along. The states are read from the rows, the edges from their changes. */

import { type CallbackRow, callbackKey } from '#core/callback.ts';
import { MAX_OVERTAKES } from '#core/names.ts';
import type { LockRow, QueueRow } from '#core/queue-rows.ts';
import type { LogHeadRow, RunTreeRow } from '#core/record-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import type { AttemptRow, ItemRow, RunRow, SpecRow } from '#core/rows.ts';

type Machine =
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
  | 'callback';

/**
 * Every edge that the flow can go along, as `from>to`; `-` is a row that is not there. A line goes from kept to overtaken nowhere:
 * whoever a lock is kept for leaves in a decision of its own, and the next one then stands there with nobody having passed it.
 */
const EDGES: Readonly<Record<Machine, string>> = {
  item: `->pending ->ready ->waiting ->suspended ->shelved pending>ready pending>waiting pending>skipped pending>cancelled pending>failed
    pending>done ready>running ready>parked
    ready>cancelled ready>failed parked>running parked>ready parked>cancelled parked>failed running>done running>waiting
    running>failed running>cancelled waiting>ready waiting>cancelled waiting>failed ready>skipped parked>skipped
    waiting>skipped pending>shelved ready>shelved parked>shelved waiting>shelved shelved>ready shelved>waiting shelved>skipped
    shelved>cancelled shelved>failed failed>pending skipped>pending pending>suspended suspended>done suspended>denied
    suspended>skipped suspended>cancelled suspended>failed running>suspended suspended>ready suspended>shelved ready>short parked>short short>ready short>running short>parked
    short>denied short>cancelled short>failed short>skipped short>shelved ready>denied parked>denied`,
  attempt: `->claimed claimed>told claimed>dispatched claimed>settled told>settled dispatched>told-late
    dispatched>given-up told-late>given-up dispatched>settled told-late>settled given-up>settled settled>late`,
  outcome: `succeeded>done failed>retry failed>failed timed_out>retry timed_out>failed lost>retry lost>failed
    cancelled>cancelled cancelled>retry contract_error>retry contract_error>failed partial>failed stalled>retry stalled>failed
    policy_blocked>failed deferred>failed deferred>retry deferred>suspended`,
  run: `->admitting ->running admitting>open open>running open>cancelling open>aborting running>cancelling running>overdue running>aborting
    open>overdue cancelling>aborting overdue>aborting running>done running>failed running>cancelled cancelling>cancelled
    overdue>failed aborting>regretted aborting>aborted done>regretted failed>regretted cancelled>regretted regretted>aborted
    open>paused paused>open running>paused paused>running paused>cancelling paused>overdue paused>aborting paused>done paused>failed
    paused>cancelled open>done open>failed open>cancelled done>signed failed>signed cancelled>signed signed>sealed`,
  lock: '->free ->exclusive ->shared ->shared+ free>shared+ free>exclusive exclusive>free free>shared shared>shared+ shared+>shared+ shared+>shared shared>free',
  line: `nobody>first nobody>overtaken first>overtaken overtaken>overtaken overtaken>kept kept>nobody kept>first
    first>nobody overtaken>nobody overtaken>first`,
  queue: '->room room>full full>room',
  record: '->placing placing>placed placed>placing',
  branches: '->one one>many many>whole',
  growth: '->open open>extending extending>open open>closed extending>closing closing>closed',
  callback: '->due due>sending sending>- sending>delivered sending>undelivered sending>unknown',
  log: '->ahead ahead>published published>ahead',
};

export class Coverage {
  readonly visited = new Map<string, number>();

  saw(changes: readonly RowChange[]): void {
    for (const change of changes) {
      for (const [machine, from, to] of stepsOf(change)) {
        if (from === to && machine !== 'outcome' && !from.endsWith('+') && from !== 'overtaken') continue;
        this.#count(`${machine} ${from}>${to}`, 1);
      }
    }
  }

  /** What another process saw. */
  merge(edges: readonly [name: string, times: number][]): void {
    for (const [name, times] of edges) this.#count(name, times);
  }

  #count(name: string, times: number): void {
    this.visited.set(name, (this.visited.get(name) ?? 0) + times);
  }

  /** Edges that were not gone along, and such as the table does not have. */
  report(): { visited: number; edges: number; unvisited: string[]; unlisted: string[] } {
    const edges = Object.entries(EDGES).flatMap(([machine, listed]) =>
      listed.split(/\s+/).map((edge) => `${machine} ${edge}`),
    );
    const unvisited = edges.filter((edge) => !this.visited.has(edge));
    const unlisted = [...this.visited.keys()].filter((edge) => !edges.includes(edge)).sort();
    return { visited: edges.length - unvisited.length, edges: edges.length, unvisited, unlisted };
  }
}

type Step = [machine: Machine, from: string, to: string];

function stepsOf({ pk, sk, before, after }: RowChange): Step[] {
  const step = <Body>(machine: Machine, state: (body: Body) => string): Step[] => [
    [machine, before === null ? '-' : state(before as Body), after === null ? '-' : state(after as Body)],
  ];
  if (sk.startsWith('item/')) return [...step('item', itemState), ...outcomeOf(before as ItemRow, after as ItemRow)];
  if (sk === 'attempt') return step('attempt', attemptState);
  if (sk.startsWith('spec/') && ((after ?? before) as SpecRow).item.forEach !== undefined)
    return step('branches', ({ branches }: SpecRow) => (branches === undefined ? 'one' : 'many'));
  if (pk === 'todo' && sk.startsWith('spawn/') && after === null) return [['branches', 'many', 'whole']];
  if (sk === 'run') {
    const [was, now] = [before as RunRow | null, after as RunRow | null];
    return [...step('run', runState), ...growthOf(was, now), ...callbackOf(was, now)];
  }
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
