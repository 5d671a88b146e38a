/** Replays how a run grew: when it might, and how an item ends that became many. What was added is judged with the plan. */
import { mustFind, mustHold } from '../contradiction.ts';
import type { EventData, EventOf } from '../record/events.ts';
import { ALL_DONE, NO_OUTPUTS, outputsUnder, TOO_MANY_OUTPUTS } from '../record/growth.ts';
import type { BookedItem } from './booked-item.ts';
import type { PlanBook } from './plan-book.ts';
import type { UpstreamReplay } from './upstream-replay.ts';

type Closed = EventData['item.closed']['items'][number];

export class GrowthReplay {
  readonly #plan: PlanBook;
  readonly #upstream: UpstreamReplay;
  readonly #stateOf: (id: string) => string;
  #isOpenEnded = false;
  #isClosed = false;
  /** The object of an extension that was accepted, and not all of whose items have come. */
  #due: string | undefined;

  constructor(plan: PlanBook, upstream: UpstreamReplay, stateOf: (id: string) => string) {
    this.#plan = plan;
    this.#upstream = upstream;
    this.#stateOf = stateOf;
  }

  open({ openEnded }: EventData['run.opened']): void {
    this.#isOpenEnded = openEnded !== undefined;
  }

  ask(verb: 'extend' | 'close', item: string | undefined, control: string): void {
    mustHold(item === undefined, `a request to ${verb} the run is about item ${item}`);
    mustHold(this.#isOpenEnded, `a request to ${verb} the run is accepted, which was opened with all its items`);
    mustHold(!this.#isClosed, `a request to ${verb} the run is accepted after it was closed`);
    this.#mustBeWhole();
    if (verb === 'extend') this.#due = control;
    else this.#isClosed = true;
  }

  /** @returns the items that there are from now on */
  grow({ type, data }: EventOf<'items.spawned'> | EventOf<'run.extended'>, isStopping: boolean): string[] {
    if (type === 'run.extended') {
      mustHold(!isStopping, 'the run is extended after it was stopped');
      mustHold(data.control === this.#due, 'the run is extended and nobody asked for it');
      if (data.part === data.parts - 1) this.#due = undefined;
    } else {
      mustHold(!isStopping, `item ${data.item} becomes many after the run was stopped`);
      this.#mustHaveBegun(data.item);
    }
    return data.items.map(({ id }) => id);
  }

  /** Whether the item may fail although nothing of it was ever tried. */
  isTooMany({ id, reason }: Closed): boolean {
    const { forEach } = this.#booked(id);
    return forEach !== undefined && reason === TOO_MANY_OUTPUTS && this.#left(forEach) > forEach.max;
  }

  /** Of an item that was to become many. */
  mustEnd({ id, state, reason }: Closed): void {
    const booked = this.#booked(id);
    mustHold(state !== 'denied', `item ${id} is denied and is no gate`);
    if (state === 'failed' && reason === TOO_MANY_OUTPUTS) this.#mustHaveBegun(id);
    if (state !== 'done') return;
    if (reason === NO_OUTPUTS) {
      this.#mustHaveBegun(id);
      const isNone = booked.forEach !== undefined && this.#left(booked.forEach) === 0;
      mustHold(isNone, `item ${id} is done for ${reason}, and there are some`);
      return;
    }
    mustHold(reason === ALL_DONE, `item ${id} is closed as done for reason ${reason}`);
    const branches = mustFind(booked.branches, `item ${id} is done and has become none of what it was to be`);
    for (const branch of branches) this.#upstream.mustLetPass(id, branch);
  }

  finish(isStopping: boolean): void {
    this.#mustBeWhole();
    const isClosed = !this.#isOpenEnded || this.#isClosed || isStopping;
    mustHold(isClosed, 'the run is completed and nobody has closed it');
  }

  #mustHaveBegun(id: string): void {
    const state = this.#stateOf(id);
    mustHold(state === 'pending', `item ${id} becomes many while ${state}`);
    this.#upstream.mustBeFree(id);
    this.#upstream.mustBeDecided(id);
  }

  #mustBeWhole(): void {
    mustHold(this.#due === undefined, 'an extension was accepted and its items have not come');
  }

  #left(forEach: NonNullable<BookedItem['forEach']>): number {
    return outputsUnder(forEach, this.#plan.outputs.get(forEach.from) ?? []).length;
  }

  #booked(id: string): BookedItem {
    return mustFind(this.#plan.items.get(id), `item ${id} is not in the plan`);
  }
}
