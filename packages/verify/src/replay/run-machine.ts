/**
 * Replays a run from its events and refuses any that could not have followed the ones before. It knows the rules of a run,
 * not its cryptography. Memory grows with the items and the edges of the plan.
 */
import { Contradiction, mustFind, mustHold } from '../contradiction.ts';
import { isSameJson } from '../json/same.ts';
import type { AttemptClaim, EventData, RunCounts, RunEvent } from '../record/events.ts';
import { deriveAttemptId } from '../record/ids.ts';
import type { BookedItem } from './booked-item.ts';
import { mustBeWhole } from './control-rules.ts';
import { endOf, mustBeCounted, NO_COUNTS } from './end-rules.ts';
import { GateReplay } from './gate-replay.ts';
import { GrowthReplay } from './growth-replay.ts';
import { LockReplay } from './lock-replay.ts';
import { DENIED_FOR_CAPS, MoneyReplay } from './money-replay.ts';
import type { PlanBook } from './plan-book.ts';
import { AT_REST, isFull, type ReplayedItem, type TerminalState, WAITING } from './replayed-item.ts';
import { mustBeReleasable } from './secret-rules.ts';
import { mustBeJudgedRight, mustBeOutputs, mustBeReusable, mustBeSentBackRight } from './settle-rules.ts';
import { TalkReplay } from './talk-replay.ts';
import { UpstreamReplay } from './upstream-replay.ts';

/** The reason of an item that ended because somebody asked for a skip; no other item names it. */
const SKIP_REQUESTED = 'skip_requested';

export class RunMachine {
  readonly #run: string;
  readonly #plan: PlanBook;
  readonly #items = new Map<string, ReplayedItem>();
  readonly #locks = new LockReplay();
  readonly #money = new MoneyReplay();
  readonly #counts: RunCounts = { ...NO_COUNTS };
  readonly #cancelledItems = new Set<string>();
  readonly #skippedItems = new Set<string>();
  /** Failed items that may be opened again, and items that were. */
  readonly #retriedItems = new Set<string>();
  readonly #reopenedItems = new Set<string>();
  /** Items that failed because their deadline was over. */
  readonly #lateItems = new Set<string>();
  readonly #upstream: UpstreamReplay;
  readonly #gates: GateReplay;
  readonly #talk = new TalkReplay();
  readonly #growth: GrowthReplay;
  #opened: EventData['run.opened'] | undefined;
  #isRunCancelled = false;
  #isPaused = false;
  #stopping: EventData['run.stopping']['reason'] | undefined;
  #isCompleted = false;

  /** The plan must have taken a `run.planned` event before this machine does. */
  constructor(run: string, plan: PlanBook) {
    this.#run = run;
    this.#plan = plan;
    this.#gates = new GateReplay(plan);
    this.#upstream = new UpstreamReplay(plan, (id) => this.#item(id).state);
    this.#growth = new GrowthReplay(plan, this.#upstream, (id) => this.#item(id).state);
  }

  /**
   * Throws Contradiction when the event could not have happened here. `at` is compared only with the deadline: the
   * clock may have been set back over a restart, so that later events need not carry later times.
   */
  apply(event: RunEvent, at: string): void {
    mustHold(!this.#isCompleted, `${event.type} stands after run.completed`);
    mustHold(event.type === 'run.opened' || this.#opened !== undefined, `${event.type} stands before run.opened`);
    if (event.type === 'run.opened') this.#open(event.data);
    else if (event.type === 'run.planned') this.#planned();
    else this.#step(event, at);
  }

  /** Throws Contradiction when the run has not ended. */
  finish(): void {
    mustHold(this.#isCompleted, 'the run is never completed');
  }

  #step(event: Exclude<RunEvent, { type: 'run.opened' | 'run.planned' }>, at: string): void {
    mustHold(this.#plan.isComplete, `${event.type} stands before the plan is complete`);
    switch (event.type) {
      case 'items.spawned':
      case 'run.extended':
        this.#add(this.#growth.grow(event, this.#stopping !== undefined));
        break;
      case 'item.decided':
        this.#upstream.decide(event.data);
        break;
      case 'item.reused':
        this.#reuse(event.data);
        break;
      case 'item.ready':
        for (const id of event.data.items) this.#ready(id);
        break;
      case 'item.suspended':
        for (const each of event.data.items) this.#suspend(each, at);
        break;
      case 'attempt.claimed':
        this.#claim(event.data);
        break;
      case 'attempt.dispatched':
        this.#dispatch(event.data);
        break;
      case 'secrets.released':
        mustBeReleasable(this.#running(event.data), event.data);
        break;
      case 'attempt.settled':
        this.#settle(event.data);
        break;
      case 'cap.reached':
        this.#money.reached(event.data);
        break;
      case 'item.closed':
        this.#close(event.data.items, at);
        break;
      case 'item.reopened':
        for (const id of event.data.items) this.#reopen(id);
        break;
      case 'control.accepted':
        this.#control(event.data, at);
        break;
      case 'run.stopping':
        this.#stop(event.data, at);
        break;
      case 'run.completed':
        this.#complete(event.data);
        break;
    }
  }

  #open(data: EventData['run.opened']): void {
    mustHold(this.#opened === undefined, 'the run is opened twice');
    this.#opened = data;
    this.#money.open(data);
    this.#growth.open(data);
  }

  #planned(): void {
    mustHold(this.#counts.items === 0, 'a part of the plan stands after the run has begun');
    if (this.#plan.isComplete) this.#add(this.#plan.items.keys());
  }

  #add(ids: Iterable<string>): void {
    for (const id of ids) if (!this.#items.has(id)) this.#items.set(id, AT_REST.pending);
    this.#counts.items = this.#items.size;
  }

  #ready(id: string): void {
    const item = this.#item(id);
    if (item.state === 'suspended' && item.attempt > 0) {
      this.#talk.mustBeAnswered(id);
      item.state = 'ready';
      return;
    }
    mustHold(item.state === 'pending', `item ${id} becomes ready while ${item.state}`);
    const { gate, forEach } = this.#booked(id);
    mustHold(gate === undefined && forEach === undefined, `item ${id} becomes ready and runs nothing itself`);
    this.#upstream.mustBeFree(id);
    this.#upstream.mustBeDecided(id);
    this.#items.set(id, item === AT_REST.pending ? AT_REST.ready : { ...item, state: 'ready' });
  }

  #reuse({ item: id, outputs }: EventData['item.reused']): void {
    const item = this.#item(id);
    mustBeReusable(id, item.state, this.#booked(id), outputs);
    this.#upstream.mustBeFree(id);
    this.#upstream.mustBeDecided(id);
    const isBarred = this.#isPaused || this.#stopping || this.#cancelledItems.has(id) || this.#skippedItems.has(id);
    mustHold(!isBarred, `item ${id} uses a result again while it or its run stands still`);
    this.#upstream.settled({ item: id, next: 'done', outputs });
    this.#counts.reused = (this.#counts.reused ?? 0) + 1;
    this.#end(id, 'done', 'ok', item);
  }

  #suspend(each: EventData['item.suspended']['items'][number], at: string): void {
    const { id } = each;
    const { state } = this.#item(id);
    mustHold(state === 'pending', `item ${id} is suspended while ${state}`);
    this.#upstream.mustBeFree(id);
    this.#upstream.mustBeDecided(id);
    const { principal } = mustFind(this.#opened, 'the run is never opened');
    this.#gates.suspend(each, principal, at, this.#upstream.underReview(id));
    this.#items.set(id, AT_REST.suspended);
  }

  #claim(data: EventData['attempt.claimed']): void {
    const { queue, claims } = data;
    mustHold(queue === this.#opened?.queue, `a claim in queue ${queue}, which is not that of the run`);
    mustHold(this.#stopping === undefined, 'something is claimed after the run was stopped');
    mustHold(!this.#isPaused, 'something is claimed while the run is paused');
    for (const claim of claims) this.#start(claim);
    this.#money.reserve(data);
  }

  #start({ item: id, attempt, id: attemptId, epoch, locks }: AttemptClaim): void {
    const item = this.#item(id);
    mustHold(item.state === 'ready', `item ${id} is claimed while ${item.state}`);
    mustHold(!this.#cancelledItems.has(id), `item ${id} is claimed after it was cancelled`);
    mustHold(!this.#skippedItems.has(id), `item ${id} is claimed after it was to be passed over`);
    mustHold(attempt === item.attempt + 1, `attempt ${attempt} at item ${id} follows attempt ${item.attempt}`);
    mustHold(epoch > item.epoch, `the epoch of item ${id} does not rise`);
    const isOwn = attemptId === deriveAttemptId(this.#run, id, attempt);
    mustHold(isOwn, `attempt ${attempt} at item ${id} has a foreign id`);
    const taken = locks.map(({ name, mode }) => ({ name, mode }));
    const isPlanned = isSameJson(taken, this.#booked(id).locks);
    mustHold(isPlanned, `attempt ${attempt} at item ${id} takes other locks than were planned`);
    this.#locks.acquire(locks, id);
    this.#items.set(id, { state: 'running', attempt, epoch, attemptId, isDispatched: false, spent: item.spent, locks });
    this.#counts.attempts++;
    if (attempt > 1) this.#counts.retries++;
  }

  #dispatch(data: EventData['attempt.dispatched']): void {
    const item = this.#running(data);
    mustHold(!item.isDispatched, `attempt ${data.attempt} at item ${data.item} is dispatched twice`);
    item.isDispatched = true;
    if (data.isolation === 'none') this.#counts.unsandboxed++;
  }

  #settle(data: EventData['attempt.settled']): void {
    const item = this.#running(data);
    const at = `attempt ${data.attempt} at item ${data.item}`;
    mustHold(data.epoch === item.epoch, `${at} settles under another epoch than it was claimed`);
    mustBeJudgedRight(data, item.isDispatched, at);
    mustBeSentBackRight(data, item.isSentBack === true, at);
    this.#money.settle(data, item.isDispatched, at);
    this.#talk.settled(data, at);
    if (data.spent) item.spent++;
    const { maxAttempts } = this.#booked(data.item);
    mustHold(item.spent <= maxAttempts, `${at} counts and was not left: the plan allows ${maxAttempts}`);
    if (data.next === 'cancelled') this.#mustBeCancellable(data.item, data.reason);
    mustBeOutputs(data, this.#booked(data.item), at);
    this.#upstream.settled(data);
    this.#locks.release(item.locks);
    delete item.isSentBack;
    if (data.next === 'retry') Object.assign(item, { state: 'ready', locks: [] });
    else if (data.next === 'suspended') Object.assign(item, { state: 'suspended', locks: [] });
    else this.#end(data.item, data.next, data.reason, item);
  }

  #close(closed: EventData['item.closed']['items'], at: string): void {
    for (const each of closed) {
      const { id, state, reason } = each;
      const item = this.#item(id);
      mustHold(reason !== 'ok', `item ${id} is closed as ${state} for reason ${reason}`);
      const isLate = reason === 'deadline_exceeded' || isFull(reason, item) || this.#growth.isTooMany(each);
      mustHold(state !== 'failed' || isLate, `item ${id} failed for reason ${reason} without an attempt`);
      mustHold(WAITING.has(item.state), `item ${id} is closed while ${item.state}`);
      if (DENIED_FOR_CAPS.has(reason)) {
        mustHold(state === 'denied' && item.state === 'ready', `item ${id} is closed as ${state} for its cap`);
        this.#money.mustBeDenied(each);
      } else if (this.#booked(id).forEach === undefined) this.#gates.mustBeDecided(each, at);
      else this.#growth.mustEnd(each);
      if (item.state === 'suspended') this.#talk.mustNotBeAnswered(id);
      if (state === 'cancelled') this.#mustBeCancellable(id, reason);
      this.#end(id, state, reason, item);
    }
    // One event may close a whole chain, so that its causes are judged after all of it.
    for (const each of closed) {
      const { id, state, reason, cause } = each;
      const isAsked = reason === SKIP_REQUESTED;
      const isGranted = state === 'skipped' && this.#skippedItems.has(id);
      mustHold(!isAsked || isGranted, `item ${id} is passed over and nobody asked for it`);
      const isUncaused = isAsked || reason === 'condition_false';
      mustHold(state !== 'skipped' || isUncaused !== (cause !== undefined), `item ${id} is skipped without a cause`);
      this.#upstream.mustBeCaused(each);
    }
  }

  #control(data: EventData['control.accepted'], at: string): void {
    const { verb, item: id, principal, control, reviewed } = data;
    mustBeWhole(data, this.#opened?.principal);
    if (verb === 'cancel') {
      if (id === undefined) this.#isRunCancelled = true;
      else this.#cancelledItems.add(this.#item(id) && id);
      return;
    }
    mustHold(this.#stopping === undefined, `a ${verb} is accepted after the run was stopped`);
    const item = id ?? '';
    if (verb === 'approve' || verb === 'reject') this.#gates.rule(item, verb, principal, at, reviewed);
    else if (verb === 'skip') this.#skip(item);
    else if (verb === 'retry') this.#retry(item);
    else if (verb === 'requeue') this.#requeue(item);
    else if (verb === 'answer') this.#talk.answered(item, this.#item(item).state === 'suspended');
    else if (verb === 'extend' || verb === 'close') this.#growth.ask(verb, id, control);
    else this.#pause(verb);
  }

  #pause(verb: 'pause' | 'resume'): void {
    mustHold(this.#isPaused === (verb === 'resume'), `a ${verb} is accepted and changes nothing`);
    this.#isPaused = verb === 'pause';
  }

  /** One that waits for its next attempt gets it sooner, which is no change of state. */
  #retry(id: string): void {
    const { state, attempt } = this.#item(id);
    const isBackingOff = state === 'ready' && attempt > 0;
    mustHold(isBackingOff || state === 'failed', `a retry of item ${id} is accepted while it is ${state}`);
    mustHold(!this.#cancelledItems.has(id), `a retry of item ${id} is accepted after it was cancelled`);
    mustHold(!this.#lateItems.has(id), `a retry of item ${id} is accepted after its deadline`);
    mustHold(this.#booked(id).forEach === undefined, `a retry of item ${id} is accepted, which runs nothing itself`);
    if (state === 'failed') this.#retriedItems.add(id);
  }

  #reopen(id: string): void {
    const item = this.#item(id);
    mustHold(this.#stopping === undefined, `item ${id} is opened again after the run was stopped`);
    mustHold(item.state === 'failed' || item.state === 'skipped', `item ${id} is opened again while ${item.state}`);
    mustHold(!this.#cancelledItems.has(id), `item ${id} is opened again after it was cancelled`);
    this.#upstream.mustBeReopenable(id);
    if (item.state === 'failed') {
      mustHold(this.#retriedItems.delete(id), `item ${id} is opened again and nobody asked for it`);
    } else {
      mustHold(!this.#skippedItems.has(id), `item ${id} is opened again although it was to be passed over`);
      const { deps, branches = [] } = this.#booked(id);
      const isCaused = [...deps, ...branches].some((dep) => this.#reopenedItems.has(dep));
      mustHold(isCaused, `item ${id} is opened again and nothing that it depends on was`);
    }
    this.#counts[item.state]--;
    if (item.state === 'failed') this.#tolerate(id, -1);
    this.#counts.reopened = (this.#counts.reopened ?? 0) + 1;
    this.#reopenedItems.add(id);
    this.#items.set(id, item.attempt === 0 ? AT_REST.pending : { ...item, state: 'pending', spent: 0 });
  }

  /** One that is ready changes its place, which no event shows. */
  #requeue(id: string): void {
    const item = this.#item(id);
    mustHold(item.state === 'ready' || item.state === 'running', `item ${id} is sent back while it is ${item.state}`);
    mustHold(item.isSentBack === undefined, `item ${id} is sent back twice in one attempt`);
    if (item.state === 'running') item.isSentBack = true;
  }

  #skip(id: string): void {
    const { state } = this.#item(id);
    mustHold(WAITING.has(state), `a skip of item ${id} is accepted while it is ${state}`);
    this.#skippedItems.add(id);
  }

  #stop({ reason }: EventData['run.stopping'], at: string): void {
    mustHold(this.#stopping === undefined, 'the run is stopped twice');
    const deadline = this.#opened?.deadline;
    const isCaused = reason === 'cancelled' ? this.#isRunCancelled : deadline !== undefined && at >= deadline;
    mustHold(isCaused, `the run stops as ${reason} without a cause`);
    this.#stopping = reason;
  }

  #complete({ state, counts }: EventData['run.completed']): void {
    for (const [id, item] of this.#items) {
      const isOver = item.state !== 'running' && !WAITING.has(item.state);
      mustHold(isOver, `the run completes while item ${id} is ${item.state}`);
    }
    this.#growth.finish(this.#stopping !== undefined);
    for (const id of this.#skippedItems) {
      const { state: ended } = this.#item(id);
      mustHold(ended === 'skipped', `item ${id} was to be passed over and ends as ${ended}`);
    }
    for (const id of this.#retriedItems) throw new Contradiction(`item ${id} was to be tried again and is not`);
    mustBeCounted(counts, this.#counts);
    this.#money.complete(counts);
    const expected = endOf(this.#counts, this.#stopping);
    mustHold(state === expected, `run.completed says ${state}, its items say ${expected}`);
    this.#isCompleted = true;
  }

  /** Of an item that failed it is kept what a retry goes on from. */
  #end(id: string, state: TerminalState, reason: string, item: ReplayedItem): void {
    const isTried = state === 'failed' && item.attempt > 0;
    this.#items.set(id, isTried ? { ...item, state, locks: [] } : AT_REST[state]);
    if (state === 'failed' && reason === 'deadline_exceeded') this.#lateItems.add(id);
    this.#counts[state]++;
    if (state === 'failed') this.#tolerate(id, 1);
    this.#upstream.ended(id, state, reason);
  }

  #tolerate(id: string, by: 1 | -1): void {
    if (this.#booked(id).onError !== 'continue') return;
    this.#counts.tolerated = (this.#counts.tolerated ?? 0) + by;
  }

  #mustBeCancellable(id: string, reason: string): void {
    const isAsked = reason === 'cancelled' && (this.#isRunCancelled || this.#cancelledItems.has(id));
    mustHold(isAsked, `item ${id} is cancelled for reason ${reason} and nobody asked for it`);
  }

  #running({ item: id, attempt, id: attemptId }: { item: string; attempt: number; id: string }): ReplayedItem {
    const item = this.#item(id);
    mustHold(item.state === 'running', `attempt ${attempt} at item ${id} acts while the item is ${item.state}`);
    const isSame = item.attempt === attempt && item.attemptId === attemptId;
    mustHold(isSame, `attempt ${attempt} at item ${id} acts while attempt ${item.attempt} holds it`);
    return item;
  }

  #item(id: string): ReplayedItem {
    return mustFind(this.#items.get(id), `item ${id} is not in the plan`);
  }

  #booked(id: string): BookedItem {
    return mustFind(this.#plan.items.get(id), `item ${id} is not in the plan`);
  }
}
