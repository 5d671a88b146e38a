/**
 * The honest story under a cap of one US dollar: attempts reserve, cost what their blocks say they used and the time of their
 * workers, and one that left no result costs what it had reserved. Half of the cap is spent after `build`, 80 % after `check`.
 */
import type { ClaimedUsage, SettledCost } from '../../packages/verify/src/record/cost.ts';
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import { find, set } from './forged.ts';
import { digest } from './naive-evidence.ts';

export const CAP = 1_000_000;
export const PRICES = digest('a price table');

const MODEL = 'example-model-2';
export const USAGE: ClaimedUsage = {
  ...{ block: 0, requested: 'example-model-1', served: MODEL, costMicroUsd: 250_000 },
  ...{ inputTokens: 90_000, outputTokens: 4_000, cachedTokens: 12_000 },
};

const RESERVED: readonly [item: string, attempt: number, microUsd: number][] = [
  ['build', 1, 300_000],
  ['lint', 1, 100_000],
  ['slow', 1, 200_000],
  ['build', 2, 300_000],
  ['check', 1, 200_000],
  ['table', 1, 100_000],
];

function costOf(computeMicroUsd: number, ofModels = 0, assumedMicroUsd = 0, cutMicroUsd = 0): SettledCost {
  const models = ofModels === 0 ? [] : [{ model: MODEL, microUsd: ofModels }];
  const microUsd = computeMicroUsd + ofModels + assumedMicroUsd - cutMicroUsd;
  const cut = cutMicroUsd === 0 ? {} : { cutMicroUsd };
  return { microUsd, computeMicroUsd, models, assumedMicroUsd, ...cut, prices: PRICES };
}

export function settledOf(story: readonly RunEvent[], item: string, attempt = 1): EventData['attempt.settled'] {
  const event = story.find(
    ({ type, data }) => type === 'attempt.settled' && data.item === item && data.attempt === attempt,
  );
  return (event as Extract<RunEvent, { type: 'attempt.settled' }>).data;
}

export function claimOf(story: readonly RunEvent[], item: string, attempt = 1) {
  const claims = story.flatMap(({ type, data }) => (type === 'attempt.claimed' ? data.claims : []));
  return claims.find((each) => each.item === item && each.attempt === attempt) as (typeof claims)[number];
}

export function reached(percent: 50 | 80 | 100, spentMicroUsd: number): RunEvent {
  return { type: 'cap.reached', data: { cap: 'run', percent, limitMicroUsd: CAP, spentMicroUsd } };
}

export function payFor(story: RunEvent[]): void {
  set(find(story, 'run.opened'), { capMicroUsd: CAP });
  for (const event of story) if (event.type === 'attempt.claimed') set(event.data, { prices: PRICES });
  for (const [item, attempt, reservedMicroUsd] of RESERVED) set(claimOf(story, item, attempt), { reservedMicroUsd });
  const first = settledOf(story, 'build', 1);
  set(first, { cost: costOf(10_000, 260_000), claimed: { ...first.claimed, usage: [{ ...USAGE }] } });
  set(settledOf(story, 'lint'), { cost: costOf(20_000) });
  set(settledOf(story, 'build', 2), { cost: costOf(50_000, 0, 200_000) });
  // Nobody knows what it used.
  set(settledOf(story, 'slow'), { cost: costOf(0, 0, 200_000) });
  set(settledOf(story, 'check'), { cost: costOf(130_000) });
  set(settledOf(story, 'table'), { cost: costOf(10_000) });
  const behind = (item: string, attempt: number, event: RunEvent): void => {
    const place = story.findIndex(({ data }) => data === settledOf(story, item, attempt));
    story.splice(place + 1, 0, event);
  };
  behind('build', 2, reached(50, 540_000));
  behind('check', 1, reached(80, 870_000));
  set(find(story, 'run.completed').counts, { costMicroUsd: 880_000 });
}

/** `table` would need more than is left, and is not begun. */
export function denyTable(story: RunEvent[]): void {
  payFor(story);
  const place = story.findIndex(({ type, data }) => type === 'attempt.claimed' && data.claims[0]?.item === 'table');
  const items = [{ id: 'table', state: 'denied' as const, reason: 'run_cap_exhausted', neededMicroUsd: 130_001 }];
  story.splice(place, 3, { type: 'item.closed', data: { items } });
  set(find(story, 'run.completed').counts, { done: 2, denied: 1, attempts: 5, costMicroUsd: 870_000 });
}

/** Without a cap: `build` says that its model cost twelve dollars, of which ten are charged, and the result of `slow` cannot be read. */
export function payFreely(story: RunEvent[]): void {
  payFor(story);
  Reflect.deleteProperty(find(story, 'run.opened'), 'capMicroUsd');
  story.splice(0, story.length, ...story.filter(({ type }) => type !== 'cap.reached'));
  const build = settledOf(story, 'build');
  const usage = [{ ...USAGE, costMicroUsd: 12_000_000 }];
  set(build, { cost: costOf(10_000, 12_000_000, 0, 2_000_000), claimed: { ...build.claimed, usage } });
  set(settledOf(story, 'slow'), { result: digest('nothing that can be read') });
  sumUp(story);
}

/** The run says what its attempts cost. */
export function sumUp(story: readonly RunEvent[]): void {
  const costs = story.map(({ type, data }) => (type === 'attempt.settled' ? (data.cost?.microUsd ?? 0) : 0));
  set(find(story, 'run.completed').counts, { costMicroUsd: costs.reduce((sum, microUsd) => sum + microUsd, 0) });
}
