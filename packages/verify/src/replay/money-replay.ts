/** Replays what a run reserves and spends: nothing begins beyond its cap, and what was spent is what its attempts cost. */
import { mustHold } from '../contradiction.ts';
import { isUnaccounted, mostOfModels } from '../record/cost.ts';
import type { EventData } from '../record/events.ts';

/** Why an item is denied that waited for money: no rest of the run's cap could pay for it, or no whole cap of the deployment. */
export const DENIED_FOR_CAPS: ReadonlySet<string> = new Set(['run_cap_exhausted', 'deployment_cap_exceeded']);

const PERCENTS = [100, 80, 50] as const;

type Settled = EventData['attempt.settled'];

export class MoneyReplay {
  readonly #reserved = new Map<string, number>();
  #capMicroUsd: number | undefined;
  #heldMicroUsd = 0;
  #spentMicroUsd = 0;
  #reached = 0;

  get spentMicroUsd(): number {
    return this.#spentMicroUsd;
  }

  open({ capMicroUsd }: EventData['run.opened']): void {
    this.#capMicroUsd = capMicroUsd;
  }

  reserve({ claims, prices }: EventData['attempt.claimed']): void {
    for (const { id, item, reservedMicroUsd = 0 } of claims) {
      mustHold(reservedMicroUsd === 0 || prices !== undefined, `item ${item} reserves by no price table`);
      if (reservedMicroUsd > 0) this.#reserved.set(id, reservedMicroUsd);
      this.#heldMicroUsd += reservedMicroUsd;
      const used = this.#spentMicroUsd + this.#heldMicroUsd;
      mustHold(used <= (this.#capMicroUsd ?? used), `item ${item} is claimed beyond the cap of the run`);
    }
  }

  settle(data: Settled, isDispatched: boolean, at: string): void {
    const reserved = this.#reserved.get(data.id) ?? 0;
    this.#reserved.delete(data.id);
    this.#heldMicroUsd -= reserved;
    const spent = data.cost?.microUsd ?? 0;
    if (spent + reserved > 0) this.#mustBeTold();
    mustBeCosted(data, reserved, at);
    mustHold(isDispatched || data.cost === undefined, `${at} costs something and was never dispatched`);
    const { neverStarted = false, result, exit, claimed } = data;
    mustHold(!neverStarted || (result === null && exit === null), `${at} was never started and left something`);
    const mayBeLess = !isDispatched || neverStarted || !isUnaccounted(claimed);
    mustHold(mayBeLess || spent >= reserved, `${at} left nothing that says what it used, and costs less than reserved`);
    this.#spentMicroUsd += spent;
    mustHold(Number.isSafeInteger(this.#spentMicroUsd), 'what the run spends is beyond counting');
  }

  reached({ percent, limitMicroUsd, spentMicroUsd }: EventData['cap.reached']): void {
    mustHold(limitMicroUsd === this.#capMicroUsd, 'a cap is reached that the run does not have');
    mustHold(spentMicroUsd === this.#spentMicroUsd, `${percent} % of the cap are reached with another sum`);
    mustHold(percent > this.#reached, `${percent} % of the cap are reached twice`);
    mustHold(percent === this.#percent(), `${percent} % of the cap are not what is spent`);
    this.#reached = percent;
  }

  /** Of the caps of the deployment a run knows nothing: there it says only what it needed. */
  mustBeDenied({ id, reason, neededMicroUsd }: EventData['item.closed']['items'][number]): void {
    const left = (this.#capMicroUsd ?? Number.MAX_SAFE_INTEGER) - this.#spentMicroUsd;
    const least = reason === 'run_cap_exhausted' ? left : 0;
    mustHold((neededMicroUsd ?? -1) > least, `item ${id} is denied and its caps would pay for it`);
  }

  complete(counts: EventData['run.completed']['counts']): void {
    const said = counts.costMicroUsd ?? 0;
    mustHold(said === this.#spentMicroUsd, `run.completed sums up ${said}, the events ${this.#spentMicroUsd}`);
    this.#mustBeTold();
  }

  #mustBeTold(): void {
    mustHold(this.#reached === this.#percent(), 'nobody is told how much of the cap is spent');
  }

  /** Of the cap, as far as somebody is told of it. */
  #percent(): number {
    const cap = this.#capMicroUsd;
    return (
      (cap === undefined ? undefined : PERCENTS.find((percent) => this.#spentMicroUsd * 100 >= percent * cap)) ?? 0
    );
  }
}

/** The sum is that of its parts, and no agent is charged less than it says itself, unless that is cut. */
function mustBeCosted({ cost, claimed }: Settled, reservedMicroUsd: number, at: string): void {
  const { usage = [] } = claimed;
  const told = usage.reduce((sum, { costMicroUsd = 0 }) => sum + costMicroUsd, 0);
  const { models = [], computeMicroUsd = 0, assumedMicroUsd = 0, cutMicroUsd = 0, microUsd = 0 } = cost ?? {};
  const ofModels = models.reduce((sum, each) => sum + each.microUsd, 0);
  const sum = ofModels - cutMicroUsd + computeMicroUsd + assumedMicroUsd;
  mustHold(microUsd === sum, `${at} costs another sum than its parts`);
  const beyond = Math.max(0, ofModels - mostOfModels(reservedMicroUsd));
  mustHold(cutMicroUsd === beyond, `${at} is charged for its models otherwise than up to the most that one is`);
  mustHold(ofModels >= told, `${at} costs less than its agents say`);
  const named = new Set(usage.flatMap(({ requested, served }) => [requested, served]));
  const isUsed = models.every(({ model }) => named.has(model));
  mustHold(isUsed, `${at} is charged for a model that nobody says was used`);
}
