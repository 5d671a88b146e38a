/**
 * Holds what the flow hints against what changes of rows ask for. In one process hints drive the engine; in the deployed
 * shape nothing but changes does. So a hint that no change stands behind would be work that never begins there.
 */
import { type RowChange, type Work, workOf } from '#core/row-changes.ts';
import { type AttemptRow, type Key, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import type { Hints } from '#flow/deps.ts';

export class HintCheck {
  /** Hints without a change behind them. */
  readonly unfounded: string[] = [];
  /** Of each kind of hint, how many were held against changes. */
  readonly checked = new Map<string, number>();
  readonly #workOf: (change: RowChange) => Work[];
  readonly #latest = new Map<string, object | null>();
  readonly #asked = new Map<string, number>();
  readonly #due = new Set<number>();
  readonly #unhinted = new Set<string>();
  readonly #unshown = new Set<string>();
  #begun = false;

  constructor(rule: (change: RowChange) => Work[] = workOf) {
    this.#workOf = rule;
  }

  changed(change: RowChange): void {
    this.#latest.set(`${change.pk} ${change.sk}`, change.after);
    for (const work of this.#workOf(change)) {
      if (work.do === 'timer') this.#due.add(work.dueMs);
      const name = nameOf(work);
      this.#asked.set(name, (this.#asked.get(name) ?? 0) + 1);
      if (work.do === 'advance-locks' && this.#begun) this.#unhinted.add(work.by);
      if (work.do === 'publish-status' && this.#begun) this.#unshown.add(work.run);
    }
  }

  /** Locks to be tried, written down and never hinted: in one process that is work that begins with its next sweep. */
  get unhinted(): string[] {
    return [...this.#unhinted];
  }

  /** Runs of which something changed that nobody hinted since: in one process their status is not written again. */
  get unshown(): string[] {
    return [...this.#unshown];
  }

  /** What an engine hints while it starts comes from looking at rows: the reconciler's part, which needs no change. */
  begin(): void {
    this.#begun = true;
  }

  hear(own: Hints): Hints {
    return {
      ...own,
      queueChanged: (queue) => {
        this.#require('queueChanged', `advance ${queue}`, 'each');
        own.queueChanged(queue);
      },
      locksReleased: (by) => {
        this.#unhinted.delete(by);
        this.#require('locksReleased', `advance-locks ${by}`, 'each');
        own.locksReleased(by);
      },
      claimed: (id) => {
        // One that is dispatched is told through its mailbox; dispatching it again would do nothing.
        if (this.#row<AttemptRow>(keys.attempt(id))?.state === 'claimed')
          this.#require('claimed', `dispatch ${id}`, 'each');
        own.claimed(id);
      },
      itemEnded: (run, item) => {
        if (this.#hasWaiting(run, item)) this.#require('itemEnded', `wake ${run}/${item}`, 'each');
        own.itemEnded(run, item);
      },
      runOpened: (run) => {
        this.#require('runOpened', `opened ${run}`, 'once');
        own.runOpened(run);
      },
      runChanged: (run) => {
        this.#unshown.delete(run);
        this.#require('runChanged', `publish-status ${run}`, 'each');
        own.runChanged(run);
      },
      runCompleted: (run) => {
        this.#require('runCompleted', `ended ${run}`, 'once');
        own.runCompleted(run);
      },
      timerSet: (dueMs) => {
        this.#requireTimer(dueMs);
        own.timerSet(dueMs);
      },
    };
  }

  /** `each`: a change for every hint. `once`: one is enough, because the hint repeats a state that stays. */
  #require(hint: string, work: string, how: 'each' | 'once'): void {
    if (!this.#begun) return;
    this.checked.set(hint, (this.checked.get(hint) ?? 0) + 1);
    const left = this.#asked.get(work) ?? 0;
    if (left === 0) this.unfounded.push(`${hint}: ${work}`);
    else if (how === 'each') this.#asked.set(work, left - 1);
  }

  #requireTimer(dueMs: number): void {
    if (!this.#begun) return;
    this.checked.set('timerSet', (this.checked.get('timerSet') ?? 0) + 1);
    if (!this.#due.has(dueMs)) this.unfounded.push(`timerSet: ${dueMs}`);
  }

  #hasWaiting(run: string, item: string): boolean {
    const spec = this.#row<SpecRow>(keys.spec(run, item));
    const isOver = this.#row<RunRow>(keys.run(run))?.completedAtMs !== undefined;
    return !isOver && (spec?.dependents.length ?? 0) > 0;
  }

  #row<Body extends object>({ pk, sk }: Key): Body | null {
    return (this.#latest.get(`${pk} ${sk}`) ?? null) as Body | null;
  }
}

function nameOf(work: Work): string {
  switch (work.do) {
    case 'advance':
      return `advance ${work.queue}`;
    case 'advance-locks':
      return `advance-locks ${work.by}`;
    case 'wake':
    case 'cancel-item':
    case 'reopen':
      return `${work.do} ${work.run}/${work.item}`;
    case 'line-up':
      return `${work.do} ${work.run}/${work.by}`;
    case 'dispatch':
    case 'stop-worker':
    case 'complete-token':
      return `${work.do} ${work.attemptId}`;
    case 'timer':
      return `timer ${work.what}`;
    case 'publish':
      return 'publish';
    default:
      return `${work.do} ${work.run}`;
  }
}
