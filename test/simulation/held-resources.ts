/**
 * Who holds what, told from the attempts alone, and compared with what queues and locks say after every transaction: what is
 * held by nobody, twice, or by somebody who has ended shows at once.
 */

import { MAX_OVERTAKES } from '#core/names.ts';
import type { LockRow, QueueRow } from '#core/queue-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import type { AttemptRow, ItemRow } from '#core/rows.ts';
import { keys } from '#core/rows.ts';
import type { RowTable } from './row-table.ts';
import { mustHold } from './violation.ts';

interface FirstWaiter {
  rank: string;
  overtaken: number;
}

export class HeldResources {
  readonly #table: RowTable;
  readonly #ofQueue = new Map<string, Set<string>>();
  readonly #ofLock = new Map<string, Set<string>>();
  readonly #ofRun = new Map<string, number>();
  /** How many held a slot of a queue before. */
  readonly #holders = new Map<string, number>();
  readonly #waiting = new Map<string, FirstWaiter>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  /** Attempts of the run that have not ended. */
  countOf(run: string): number {
    return this.#ofRun.get(run) ?? 0;
  }

  changed(changes: readonly RowChange[]): void {
    const queues = new Set<string>();
    const locks = new Set<string>();
    for (const change of changes) {
      if (change.pk.startsWith('queue/') && change.sk === 'queue') queues.add(change.pk.slice(6));
      else if (change.pk.startsWith('lock/')) locks.add(change.pk.slice(5));
      else if (change.sk === 'attempt') this.#attempt(change, queues, locks, changes);
    }
    for (const queue of queues) this.#compareQueue(queue);
    for (const lock of locks) this.#compareLock(lock);
  }

  #attempt(
    { pk, before, after }: RowChange,
    queues: Set<string>,
    locks: Set<string>,
    changes: readonly RowChange[],
  ): void {
    const id = pk.slice('attempt/'.length);
    const was = before as AttemptRow | null;
    const now = after as AttemptRow;
    const isEnd = was !== null && was.state !== 'settled' && now.state === 'settled';
    if (was !== null && !isEnd) return;
    queues.add(now.queue);
    const held = setOf(this.#ofQueue, now.queue);
    if (isEnd) held.delete(id);
    else held.add(id);
    this.#ofRun.set(now.run, this.countOf(now.run) + (isEnd ? -1 : 1));
    for (const { name } of now.locks) {
      locks.add(name);
      const holders = setOf(this.#ofLock, name);
      if (isEnd) holders.delete(id);
      else {
        holders.add(id);
        this.#overtake(name, now, changes);
      }
    }
  }

  /** Somebody who became ready later got a lock for which another waits. */
  #overtake(lock: string, { run, item }: AttemptRow, changes: readonly RowChange[]): void {
    const first = this.#waiting.get(lock);
    const { pk, sk } = keys.item(run, item);
    const rank = (changes.find((each) => each.pk === pk && each.sk === sk)?.before as ItemRow | null)?.rank ?? '';
    if (first === undefined || first.rank >= rank) return;
    first.overtaken += 1;
    mustHold(
      first.overtaken <= MAX_OVERTAKES,
      'I4',
      `${first.rank} was overtaken ${first.overtaken} times on lock ${lock}`,
    );
  }

  #compareQueue(queue: string): void {
    const row = this.#table.body<QueueRow>(keys.queue(queue));
    const held = setOf(this.#ofQueue, queue);
    const holders = row?.holders ?? [];
    const isSame = holders.length === held.size && holders.every((id) => held.has(id));
    mustHold(isSame, 'I7', `queue ${queue} is held by [${holders}], the attempts say [${[...held]}]`);
    // One that was made smaller waits for ends.
    const most = Math.max(row?.concurrency ?? 0, this.#holders.get(queue) ?? 0);
    mustHold(holders.length <= most, 'I3', `queue ${queue} exceeds its concurrency`);
    this.#holders.set(queue, holders.length);
  }

  #compareLock(lock: string): void {
    const row = this.#table.body<LockRow>(keys.lock(lock));
    const held = setOf(this.#ofLock, lock);
    const holders = (row?.holders ?? []).map(({ attempt }) => attempt);
    const isSame = holders.length === held.size && holders.every((id) => held.has(id));
    mustHold(isSame, 'I7', `lock ${lock} is held by [${holders}], the attempts say [${[...held]}]`);
    mustHold(holders.length < 2 || row?.mode === 'shared', 'I3', `lock ${lock} has two exclusive holders: ${holders}`);
    const shared = holders.every((id) => this.#modeOf(id, lock) === 'shared');
    mustHold(holders.length < 2 || shared, 'I3', `lock ${lock} is held exclusively and by another: ${holders}`);
    const [first] = this.#table.query(`lock/${lock}`, { prefix: 'wait/', limit: 1 });
    const rank = first?.sk.slice('wait/'.length);
    if (rank === undefined) this.#waiting.delete(lock);
    else if (this.#waiting.get(lock)?.rank !== rank) this.#waiting.set(lock, { rank, overtaken: 0 });
  }

  #modeOf(attemptId: string, lock: string): string | undefined {
    return this.#table.body<AttemptRow>(keys.attempt(attemptId))?.locks.find(({ name }) => name === lock)?.mode;
  }
}

function setOf(sets: Map<string, Set<string>>, name: string): Set<string> {
  let found = sets.get(name);
  if (found === undefined) {
    found = new Set();
    sets.set(name, found);
  }
  return found;
}
