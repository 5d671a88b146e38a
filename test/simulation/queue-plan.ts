/** What an operator makes of the queues while runs go on: other numbers, other rates, paused, draining, gone and back. */
import type { QueueDefinition, QueueDefinitions } from '#core/queue-definition.ts';
import type { Random } from '../support/random.ts';
import { sourceOf } from './traits.ts';

const MINUTE_MS = 60_000;

/** From a time on. */
interface Phase {
  fromMs: number;
  queues: QueueDefinitions;
}

export type QueuePlan = readonly Phase[];

export function queuePlanOf(seed: number, startMs: number): QueuePlan {
  const random = sourceOf({ seed, run: -1 }, 'queues');
  const first = {
    default: { concurrency: 1 + random.below(8) },
    slow: { concurrency: 1 + random.below(2), ...(seed % 3 === 0 ? { rate: rateOf(random) } : {}) },
  };
  const phases: Phase[] = [{ fromMs: 0, queues: first }];
  if (!random.chance(0.25)) return phases;
  for (let n = 1 + random.below(4); n > 0; n -= 1) {
    const name = random.chance(0.5) ? 'default' : 'slow';
    const { [name]: old, ...rest } = phases.at(-1)?.queues ?? first;
    const queue = changed(random, old ?? first[name]);
    const fromMs = startMs + MINUTE_MS + random.below(8 * MINUTE_MS);
    phases.push({ fromMs, queues: queue === null ? rest : { ...rest, [name]: queue } });
  }
  return phases.sort((a, b) => a.fromMs - b.fromMs);
}

/** Null: it is configured no more. */
function changed(random: Random, old: QueueDefinition): QueueDefinition | null {
  const draw = random.fraction();
  if (draw < 0.1) return null;
  if (draw < 0.3) return { ...old, state: 'paused' };
  if (draw < 0.45) return { ...old, state: 'draining' };
  if (draw < 0.7) return { concurrency: 1 + random.below(8) };
  return { ...old, rate: rateOf(random) };
}

function rateOf(random: Random): NonNullable<QueueDefinition['rate']> {
  return { starts: 1 + random.below(4), perSeconds: 5 + random.below(20) };
}

/** @param isHealed all is as it was at first */
export function queuesAt(plan: QueuePlan, nowMs: number, isHealed: boolean): QueueDefinitions {
  const [first] = plan;
  const now = isHealed ? first : plan.findLast(({ fromMs }) => fromMs <= nowMs);
  return now?.queues ?? {};
}
