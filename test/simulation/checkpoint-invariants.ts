/** An attempt goes on from the newest checkpoint that an attempt of its item was taken to have left, or from none; and the record says which. */
import { CHECKPOINT_KEY, CHECKPOINT_OUTCOMES, type Digest, type EventData } from '@waybill/verify';
import type { LeaseDraft } from '#ports/mailbox.ts';
import type { Told } from './told-transitions.ts';
import { mustHold } from './violation.ts';

export class CheckpointInvariants {
  /** By attempt: what its worker has handed in. */
  readonly #left = new Map<string, Digest>();
  /** By run and item. */
  readonly #newest = new Map<string, Digest>();
  /** By attempt: from what it has to go on, as it was when it was dispatched. */
  readonly #expected = new Map<string, Digest | undefined>();

  /** A worker hands in what it has, once. */
  staged(attemptId: string, checkpoint: Digest | undefined): void {
    if (checkpoint !== undefined && !this.#left.has(attemptId)) this.#left.set(attemptId, checkpoint);
  }

  committed(events: readonly Told[]): void {
    for (const { run, event } of events) {
      if (event.type === 'attempt.dispatched')
        this.#expected.set(event.data.id, this.#newest.get(`${run} ${event.data.item}`));
      if (event.type === 'attempt.settled') this.#settled(run, event.data);
    }
  }

  launched(attemptId: string, given: LeaseDraft['inputs']): void {
    const found = given.find(({ key }) => key === CHECKPOINT_KEY)?.sha256;
    const expected = this.#expected.get(attemptId);
    mustHold(found === expected, 'I2', `attempt ${attemptId} goes on from ${found}, and was to from ${expected}`);
  }

  #settled(run: string, { id, item, outcome, result, claimed, checkpoint }: EventData['attempt.settled']): void {
    const isTaken = result !== null && claimed.outcome === outcome && CHECKPOINT_OUTCOMES.has(outcome);
    const left = isTaken ? this.#left.get(id) : undefined;
    mustHold(checkpoint === left, 'I6', `attempt ${id} left ${left}, and its record says ${checkpoint}`);
    if (left !== undefined) this.#newest.set(`${run} ${item}`, left);
  }
}
