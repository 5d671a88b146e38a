/** The invariants of the engine, checked with every transaction, every start of a worker and every answer to a client. */
import type { Receipt } from '@waybill/client/documents';
import type { PlanItem } from '@waybill/client/plan';
import type { Digest, LogEntry } from '@waybill/verify';
import { awaitedBy } from '#core/growth.ts';
import type { LogEntryRow } from '#core/record-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import { type AttemptRow, type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import { CallbackInvariants } from './callback-desk.ts';
import { CheckpointInvariants } from './checkpoint-invariants.ts';
import { ClaimOrder } from './claim-order.ts';
import { ClaimPace } from './claim-pace.ts';
import type { EgressPlan } from './egress-plan.ts';
import { GivenInvariants } from './given-invariants.ts';
import { GrowthInvariants } from './growth-invariants.ts';
import { HeldMoney } from './held-money.ts';
import { HeldResources } from './held-resources.ts';
import type { Buckets } from './object-stores.ts';
import { PinnedInvariants } from './pinned-invariants.ts';
import { ReuseInvariants } from './reuse-invariants.ts';
import type { Commit, RowTable } from './row-table.ts';
import { rowOf, specOf } from './rows-of.ts';
import { SecretInvariants } from './secret-desk.ts';
import { SlotInvariants } from './slot-invariants.ts';
import type { Timeline } from './timeline.ts';
import { compareWithEvents, eventsIn, type Told } from './told-transitions.ts';
import { TypedInvariants } from './typed-invariants.ts';
import { mustHold } from './violation.ts';

export class Invariants {
  readonly slots: SlotInvariants;
  readonly secrets: SecretInvariants;
  readonly pinned: PinnedInvariants;
  readonly callbacks: CallbackInvariants;
  readonly #table: RowTable;
  readonly #held: HeldResources;
  readonly #money: HeldMoney;
  readonly #order: ClaimOrder;
  readonly #pace: ClaimPace;
  readonly #reuse: ReuseInvariants;
  readonly #growth: GrowthInvariants;
  readonly #given: GivenInvariants;
  readonly #typed: TypedInvariants;
  readonly #checkpoints = new CheckpointInvariants();
  readonly #openItems = new Map<string, number>();
  /** By principal and submission: the digest that was accepted. */
  readonly #accepted = new Map<string, string>();
  /** When the result of an attempt was staged, in steps. */
  readonly #stagedAt = new Map<string, number>();
  /** Entries of the log by run and type. */
  readonly #entries = new Set<string>();

  constructor(table: RowTable, timeline: Timeline, buckets: Buckets, egress: EgressPlan) {
    this.#table = table;
    this.slots = new SlotInvariants(table, timeline);
    this.secrets = new SecretInvariants(table);
    this.callbacks = new CallbackInvariants(table);
    this.pinned = new PinnedInvariants(table, egress);
    this.#held = new HeldResources(table);
    this.#money = new HeldMoney(table);
    this.#order = new ClaimOrder(table, timeline);
    this.#pace = new ClaimPace(table);
    this.#growth = new GrowthInvariants(table);
    this.#reuse = new ReuseInvariants(table);
    this.#given = new GivenInvariants(table, buckets);
    this.#typed = new TypedInvariants(table, buckets);
  }

  committed(commit: Commit): void {
    const { by, changes } = commit;
    const events = eventsIn(changes);
    for (const change of changes) {
      if (change.sk === 'attempt') this.#attempt(change);
      else if (change.sk.startsWith('item/')) this.#item(change);
      else if (change.sk.startsWith('entry/')) this.#entry(change);
    }
    this.#held.changed(changes);
    this.#money.committed(changes, events);
    this.#order.committed(commit);
    this.#pace.committed(changes);
    this.#reuse.committed(changes);
    this.#growth.committed(changes, events);
    this.#given.committed(changes, events);
    this.#typed.committed(events);
    this.#checkpoints.committed(events);
    this.slots.committed(changes);
    this.secrets.committed(changes, events);
    this.callbacks.committed(changes);
    for (const change of changes) if (change.sk === 'run') this.#run(change);
    compareWithEvents(changes, events);
    for (const told of events) this.#ended(told, by.sinceStep);
  }

  staged(attemptId: string, step: number, checkpoint?: Digest): void {
    this.#checkpoints.staged(attemptId, checkpoint);
    if (!this.#stagedAt.has(attemptId)) this.#stagedAt.set(attemptId, step);
  }

  launched(attemptId: string, isFirst: boolean, lease?: LeaseDraft): void {
    const attempt = this.#table.body<AttemptRow>(keys.attempt(attemptId));
    mustHold(isFirst, 'I2', `attempt ${attemptId} is started twice`);
    mustHold(attempt !== null, 'I9', `attempt ${attemptId} is started and not recorded`);
    mustHold(attempt.state !== 'claimed', 'I6', `attempt ${attemptId} is started before its dispatch is recorded`);
    if (lease === undefined) {
      // A launch that took longer than its attempt was waited for finds the mailbox closed, and a worker without a lease runs nothing.
      mustHold(attempt.state === 'settled', 'I6', `attempt ${attemptId} is started without a lease and is not over`);
      return;
    }
    this.pinned.launched(attempt, lease);
    this.#given.launched(attempt, lease.inputs);
    this.#checkpoints.launched(attemptId, lease.inputs);
  }

  answered({ principal, submissionId, status, submission }: Receipt): void {
    const name = `${principal}/${submissionId}`;
    const known = this.#accepted.get(name);
    if (status === 'accepted' || status === 'deduped') {
      mustHold(known === undefined || known === submission, 'I1', `${name} is accepted with two contents`);
      this.#accepted.set(name, submission);
    }
    if (status === 'conflict') mustHold(known !== submission, 'I1', `${name} conflicts with itself`);
  }

  #attempt({ pk, before, after }: RowChange): void {
    const was = before as AttemptRow | null;
    const now = after as AttemptRow | null;
    mustHold(now !== null, 'I9', `${pk} is deleted`);
    if (was === null) {
      mustHold(now.state === 'claimed', 'I2', `${pk} begins as ${now.state}`);
      return;
    }
    const order = { claimed: 0, dispatched: 1, settled: 2 };
    mustHold(order[now.state] >= order[was.state], 'I5', `${pk} goes from ${was.state} back to ${now.state}`);
    if (was.state !== 'settled') return;
    const rest = ({ late: _late, ...row }: AttemptRow): string => JSON.stringify(row);
    mustHold(rest(was) === rest(now), 'I5', `${pk} changes after it was settled`);
  }

  #item({ pk, sk, before, after }: RowChange): void {
    const run = pk.slice('run/'.length);
    const was = before as ItemRow | null;
    const now = after as ItemRow | null;
    mustHold(now !== null, 'I9', `${pk} ${sk} is deleted`);
    if (was === null) {
      this.#openItems.set(run, (this.#openItems.get(run) ?? 0) + 1);
      return;
    }
    if (isTerminal(was.state)) {
      // Written again as it is by who tells of its end, or opened again by a retry.
      const rest = ({ passed: _passed, ...row }: ItemRow): string => JSON.stringify(row);
      if (rest(was) === rest(now)) return;
      mustHold(!was.passed, 'I2', `${pk} ${sk} changes after others have gone on without it`);
      const isReopened = now.state === 'pending' && now.reopened === (was.reopened ?? 0) + 1;
      const mayBe = was.state === 'failed' || was.state === 'skipped';
      mustHold(isReopened && mayBe, 'I8', `${pk} ${sk} changes after it has ended as ${was.state}`);
      this.#openItems.set(run, (this.#openItems.get(run) ?? 0) + 1);
      return;
    }
    if (isTerminal(now.state)) this.#openItems.set(run, (this.#openItems.get(run) ?? 0) - 1);
    const isClaim = now.state === 'running' && was.state !== 'running';
    mustHold(now.attempt === was.attempt + (isClaim ? 1 : 0), 'I5', `${pk} ${sk} jumps to attempt ${now.attempt}`);
    const item = sk.slice('item/'.length);
    if (isClaim) this.#mustBeRunnable(run, item, was);
    const isSentBack = now.attempts.at(-1)?.reason === 'requeued';
    mustHold(!isSentBack || now.spent === was.spent, 'I5', `${item} of ${run} was sent back, which is counted`);
    if (now.deciding && !was.deciding)
      for (const dep of specOf(this.#table, run, item).item.deps)
        mustHold(
          isTerminal(rowOf(this.#table, run, dep).state),
          'I2',
          `${item} of ${run} is weighed before ${dep} has ended`,
        );
    const begins = now.state === 'ready' || now.state === 'suspended' || now.reused !== undefined;
    if (begins && was.state === 'pending') this.#mustBeFree(run, item, now);
    if (now.state === 'suspended')
      mustHold(now.rank === undefined, 'I7', `${item} of ${run} is suspended and in a list`);
    if (was.asking !== undefined) {
      const isRight = (now.talk?.at(-1)?.answer !== undefined) === (now.state === 'ready');
      mustHold(isRight, 'I2', `${item} of ${run} asks, and is ${now.state} with or without an answer`);
    } else if (was.state === 'suspended') this.#mustBeDecided(run, item, now);
    if (now.state === 'skipped' && now.reason === 'condition_false')
      mustHold(now.holds === false, 'I2', `${item} of ${run} is left out, and its condition holds`);
    else if (now.state === 'skipped' && now.reason !== 'skip_requested') this.#mustHaveCause(run, item, now);
  }

  #mustBeRunnable(run: string, item: string, was: ItemRow): void {
    mustHold(was.state === 'ready' && was.rank !== undefined, 'I2', `${item} of ${run} is claimed while ${was.state}`);
    mustHold(!was.cancelAsked, 'I2', `${item} of ${run} is claimed after it was cancelled`);
    const row = this.#table.body<RunRow>(keys.run(run));
    mustHold(!row?.stopping, 'I2', `${item} of ${run} is claimed while the run stops`);
    mustHold(row?.pausedAtMs === undefined, 'I2', `${item} of ${run} is claimed while the run is paused`);
    this.#mustBeFree(run, item, was);
  }

  /** Every dependency is done, or ended as this item, or the dependency itself, says that it may. */
  #mustBeFree(run: string, id: string, row: ItemRow): void {
    const { item } = specOf(this.#table, run, id);
    for (const dep of item.deps) {
      const { state } = rowOf(this.#table, run, dep);
      const isLetPass = isTerminal(state) && this.#mayEndSo(item, dep, run);
      mustHold(state === 'done' || isLetPass, 'I2', `${id} of ${run} goes on while ${dep} is ${state}`);
      mustHold(
        state === 'done' || rowOf(this.#table, run, dep).passed === true,
        'I2',
        `${dep} of ${run} may come back after ${id}`,
      );
    }
    for (const { key, from } of item.needs) {
      const isGiven = from.some((dep) => rowOf(this.#table, run, dep).state === 'done');
      mustHold(isGiven, 'I2', `nothing gives ${id} of ${run} its ${key}`);
    }
    mustHold(
      item.when === undefined || row.holds === true,
      'I2',
      `${id} of ${run} goes on and its condition does not hold`,
    );
  }

  /** By distinct reviewers alone, and by what all of them have said. */
  #mustBeDecided(run: string, id: string, { state, reason, gate }: ItemRow): void {
    const { item, reviewers = [] } = specOf(this.#table, run, id);
    const { approved = [], rejected = [] } = gate ?? {};
    const given = [...approved, ...rejected];
    const isFair = new Set(given).size === given.length && given.every((who) => reviewers.includes(who));
    mustHold(isFair, 'I2', `${id} of ${run} is decided by somebody twice, or by a stranger`);
    const isApproved = approved.length >= (item.gate?.approvals ?? 0);
    mustHold((state === 'done') === isApproved, 'I2', `${id} of ${run} is ${state} with ${approved.length} approvals`);
    const isHopeless = reviewers.length - rejected.length < (item.gate?.approvals ?? 0);
    mustHold((reason === 'rejected') === isHopeless, 'I2', `${id} of ${run} is ${state} for ${reason}`);
  }

  #mayEndSo(item: PlanItem, dep: string, run: string): boolean {
    const { state } = rowOf(this.#table, run, dep);
    if (item.forEach?.from === dep || item.needs.some(({ from }) => from.length === 1 && from[0] === dep)) return false;
    const isAsked = JSON.stringify(item.when ?? {}).includes(`{"from":"${dep}","state":`);
    if (isAsked || item.needs.some(({ from }) => from.includes(dep))) return true;
    if (state === 'failed') return specOf(this.#table, run, dep).item.onError === 'continue';
    return this.#isLeftOut(run, dep);
  }

  #isLeftOut(run: string, id: string): boolean {
    const { state, reason = '' } = rowOf(this.#table, run, id);
    return state === 'skipped' && ['condition_false', 'upstream_skipped'].includes(reason);
  }

  #mustHaveCause(run: string, id: string, { cause = '', reason }: ItemRow): void {
    const { item } = specOf(this.#table, run, id);
    const { state } = rowOf(this.#table, run, cause);
    const isEnd = awaitedBy(specOf(this.#table, run, id)).includes(cause) && isTerminal(state) && state !== 'done';
    mustHold(isEnd, 'I8', `${id} of ${run} is skipped because of ${cause}, which is ${state}`);
    const isExhausted = item.needs.some(
      ({ from }) => from.includes(cause) && from.every((dep) => rowOf(this.#table, run, dep).state !== 'done'),
    );
    const isUnmet = isExhausted || !this.#mayEndSo(item, cause, run);
    mustHold(isUnmet, 'I8', `${id} of ${run} is skipped because of ${cause}, without which it could go on`);
    const isLeft = (dep: string): boolean => this.#isLeftOut(run, dep);
    const taken = [...item.needs.map(({ from }) => from), ...(item.forEach === undefined ? [] : [[item.forEach.from]])];
    const isAllLeft = taken.some((from) => from.includes(cause) && from.every(isLeft));
    const isRight = reason === 'upstream_skipped' ? isAllLeft : !isLeft(cause);
    mustHold(isRight, 'I8', `${id} of ${run} is skipped for ${reason} because of ${cause}, which is ${state}`);
  }

  #run({ pk, before, after }: RowChange): void {
    const run = pk.slice('run/'.length);
    const was = before as RunRow | null;
    const now = after as RunRow | null;
    mustHold(now !== null, 'I9', `${pk} is deleted`);
    const open = this.#openItems.get(run) ?? 0;
    const isCompleted = was?.completedAtMs === undefined && now.completedAtMs !== undefined;
    if (isCompleted && now.abortedIndex === undefined) {
      mustHold(open === 0, 'I8', `${pk} completes with ${open} open items`);
      mustHold(this.#held.countOf(run) === 0, 'I7', `${pk} completes while attempts of it go on`);
    }
    const isBoth = now.sealedIndex !== undefined && now.abortedIndex !== undefined;
    mustHold(!isBoth, 'I8', `${pk} is sealed and aborted`);
    for (const name of ['sealedIndex', 'abortedIndex', 'openedIndex', 'runSeq', 'sealedSize'] as const)
      mustHold(was?.[name] === undefined || was[name] === now[name], 'I8', `${pk} changes its ${name}`);
  }

  #entry({ before, after }: RowChange): void {
    if (before !== null || after === null) return;
    const entry = JSON.parse((after as LogEntryRow).line) as LogEntry;
    if (entry.type !== 'run.opened' && entry.type !== 'run.sealed' && entry.type !== 'run.aborted') return;
    const end = entry.type === 'run.opened' ? 'opened' : 'ended';
    const name = `${entry.run} ${end}`;
    mustHold(!this.#entries.has(name), 'I8', `run ${entry.run} is ${end} twice in the log`);
    mustHold(end === 'opened' || this.#entries.has(`${entry.run} opened`), 'I8', `run ${entry.run} ends unopened`);
    this.#entries.add(name);
  }

  /** A result that was there before anybody began to look decides, whatever else was seen. */
  #ended({ event }: Told, sinceStep: number): void {
    if (event.type !== 'attempt.settled') return;
    const { id, result, outcome } = event.data;
    const stagedAt = this.#stagedAt.get(id);
    const isPassedOver = result === null && stagedAt !== undefined && stagedAt < sinceStep;
    mustHold(!isPassedOver, 'I5', `attempt ${id} is settled as ${outcome}, and its result was staged`);
  }
}
