/** Replays gates: who may decide, who did, and whether an end is what their verdicts come to. Nobody's silence is a verdict. */
import { mustFind, mustHold } from '../contradiction.ts';
import type { Digest } from '../crypto/digest.ts';
import type { EventData, Pseudonym } from '../record/events.ts';
import type { PlanBook } from './plan-book.ts';

type Suspended = EventData['item.suspended']['items'][number];
type Closed = EventData['item.closed']['items'][number];

interface Vote {
  reviewers: ReadonlySet<Pseudonym>;
  approvals: number;
  expiresAt: string | undefined;
  reviewed: Digest | undefined;
  approved: Set<Pseudonym>;
  rejected: Set<Pseudonym>;
}

export class GateReplay {
  readonly #plan: PlanBook;
  readonly #votes = new Map<string, Vote>();

  constructor(plan: PlanBook) {
    this.#plan = plan;
  }

  /**
   * @param owner of the run
   * @param underReview what it is about, as the events have it
   */
  suspend(suspended: Suspended, owner: Pseudonym, at: string, underReview: Digest | undefined): void {
    const { id, reviewers, expiresAt, reviewed } = suspended;
    mustHold(reviewed === underReview, `gate ${id} is about something else than was left to it`);
    const gate = mustFind(this.#plan.items.get(id)?.gate, `item ${id} is suspended and is no gate`);
    const known = new Set(reviewers);
    mustHold(known.size === reviewers.length, `a reviewer of gate ${id} is named twice`);
    const isPlanned = gate.reviewers === 0 ? reviewers[0] === owner : true;
    mustHold(
      isPlanned && known.size === Math.max(1, gate.reviewers),
      `gate ${id} has other reviewers than were planned`,
    );
    const expected = gate.expiresMs === undefined ? undefined : Date.parse(at) + gate.expiresMs;
    const isTimed = (expiresAt === undefined ? undefined : Date.parse(expiresAt)) === expected;
    mustHold(isTimed, `gate ${id} expires at another time than was planned`);
    const { approvals } = gate;
    const silent = { approved: new Set<Pseudonym>(), rejected: new Set<Pseudonym>() };
    this.#votes.set(id, { reviewers: known, approvals, expiresAt, reviewed, ...silent });
  }

  /** @param reviewed what the reviewer says to have looked at; nobody approves what he has not, and whoever rejects need not look */
  rule(id: string, verdict: 'approve' | 'reject', by: Pseudonym, at: string, reviewed: Digest | undefined): void {
    const vote = mustFind(this.#votes.get(id), `there is a verdict on item ${id}, which waits for none`);
    const isBlind = reviewed === undefined && (verdict === 'reject' || vote.reviewed === undefined);
    mustHold(isBlind || reviewed === vote.reviewed, `there is a verdict on something else than gate ${id} is about`);
    mustHold(vote.reviewers.has(by), `there is a verdict on gate ${id} by somebody who is no reviewer`);
    const isFirst = !vote.approved.has(by) && !vote.rejected.has(by);
    mustHold(isFirst, `there are two verdicts of one reviewer on gate ${id}`);
    mustHold(outcomeOf(vote) === null, `there is a verdict on gate ${id}, which has been decided`);
    mustHold(vote.expiresAt === undefined || at < vote.expiresAt, `there is a verdict on gate ${id} after its time`);
    (verdict === 'approve' ? vote.approved : vote.rejected).add(by);
  }

  /** However an item is closed: a gate that is decided ends so, and nothing else does. */
  mustBeDecided({ id, state, reason }: Closed, at: string): void {
    const vote = this.#votes.get(id);
    const outcome = vote === undefined ? null : outcomeOf(vote);
    const isOver = vote?.expiresAt !== undefined && at >= vote.expiresAt;
    if (state === 'done') {
      mustHold(outcome === 'done' && reason === 'approved', `item ${id} is closed as done without its approvals`);
    } else if (state === 'denied') {
      const isRight = reason === 'rejected' ? outcome === 'denied' : outcome === null && isOver;
      mustHold(
        isRight && ['rejected', 'gate_expired'].includes(reason),
        `item ${id} is closed as denied for reason ${reason}`,
      );
    } else mustHold(outcome === null, `gate ${id} was decided and is closed as ${state}`);
    this.#votes.delete(id);
  }
}

/** Null: not enough approve, and enough are left who could. */
function outcomeOf({ approvals, approved, rejected, reviewers }: Vote): 'done' | 'denied' | null {
  if (approved.size >= approvals) return 'done';
  return reviewers.size - rejected.size < approvals ? 'denied' : null;
}
