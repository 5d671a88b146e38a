/** Which edges of the state machines a simulation has gone along, held against a table of all. */
import type { RowChange } from '#core/row-changes.ts';
import { type Machine, stepsOf } from './machine-steps.ts';

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
  gate: '->asked asked>approved asked>rejected asked>expired asked>dropped',
  verdict: 'none>approved none>rejected',
  schedule: '->in-force in-force>removed removed>in-force',
  pause: '->going ->paused going>paused paused>going going>- paused>-',
  slot: '->unanswered unanswered>accepted unanswered>refused',
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
