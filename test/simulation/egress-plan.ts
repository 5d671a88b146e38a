/** Which hosts the items of a workload ask for, and which an operator lets each queue reach, which changes while runs go on. */
import type { EgressPolicy } from '@waybill/client/egress';
import type { EgressSettings } from '#core/egress-settings.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { Random } from '../support/random.ts';
import type { ItemDraft } from '../support/run-spec.ts';
import { sourceOf } from './traits.ts';

const MINUTE_MS = 60_000;
const HOSTS = ['a.example.org', 'b.example.org:443', '*.c.example.org'] as const;

/** Where workers have a sandbox of their own, blocks are let out; elsewhere nobody is. */
export function isolationOf(seed: number): Isolation {
  return seed % 2 === 0 ? 'bubblewrap' : 'container';
}

export type EgressPlan = readonly { fromMs: number; settings: EgressSettings }[];

const NOTHING: EgressPolicy = { allow: [], deny: [] };

/** The slow queue may reach one host, the other one all; some of it is taken away, and comes back. */
export function egressPlanOf(seed: number, startMs: number): EgressPlan {
  const random = sourceOf({ seed, run: -1 }, 'egress');
  const first: EgressSettings = { default: { allow: [...HOSTS], deny: [] }, slow: { allow: [HOSTS[0]], deny: [] } };
  const phases = [{ fromMs: 0, settings: first }];
  if (!random.chance(0.7)) return phases;
  for (let n = 1 + random.below(3); n > 0; n -= 1) {
    const settings = { default: changed(random, first.default), slow: changed(random, first.slow) };
    phases.push({ fromMs: startMs + MINUTE_MS + random.below(6 * MINUTE_MS), settings });
  }
  return phases.sort((a, b) => a.fromMs - b.fromMs);
}

function changed(random: Random, { allow }: EgressPolicy = NOTHING): EgressPolicy {
  return {
    allow: allow.filter(() => random.chance(0.75)),
    deny: HOSTS.filter(() => random.chance(0.1)),
  };
}

export function egressAt(plan: EgressPlan, queue: string, atMs: number): EgressPolicy {
  return plan.findLast(({ fromMs }) => fromMs <= atMs)?.settings[queue] ?? NOTHING;
}

/** Most ask for what their queue may reach at first; a few for what it may not, and then all that comes with them is refused. */
export function lettingOut(
  random: Random,
  { seed, queue }: { seed: number; queue: string },
  items: readonly ItemDraft[],
): ItemDraft[] {
  const isHeld = isolationOf(seed) === 'bubblewrap';
  if (!isHeld && !random.chance(0.01)) return [...items];
  const known = queue === 'slow' ? HOSTS.slice(0, 1) : HOSTS;
  return items.map((item) => {
    // What is used again must not depend on what is fetched.
    if (item.gate !== undefined || item.effect === 'pure' || !random.chance(0.2)) return item;
    const asked: string[] = known.filter(() => random.chance(0.5));
    if (random.chance(0.002)) asked.push('d.example.org');
    return asked.length === 0 ? item : { ...item, egress: asked };
  });
}
