/** One item of a plan: every default filled in, every duration in milliseconds, every list in its order. */
import type { PlannedForEach } from '@waybill/verify';
import { durationMs } from './duration.ts';
import { capabilityReads, envOf, pinnedIn } from './item-pins.ts';
import { depsOf, sourcesOf } from './item-sources.ts';
import { DEFAULTS } from './limits.ts';
import type { Block, PlanItem, PlanNeed, PlanRead } from './plan.ts';
import { plannedCondition } from './plan-condition.ts';
import type { ItemSpec, RunSpec } from './spec.ts';
import { plannedGuards } from './spec-guards.ts';
import { microUsdOf } from './spec-money.ts';
import { plannedTypes } from './spec-outputs.ts';
import { plannedResources } from './spec-resources.ts';

export type Defaults = RunSpec['spec']['defaults'];

/** What the items of a run take from it, those that are added as those of its plan. */
export type Shared = Pick<RunSpec['spec'], 'defaults' | 'notBefore' | 'reuse' | 'pins'>;

export function planItem(item: ItemSpec, { defaults, notBefore, reuse, pins }: Shared): PlanItem {
  if (item.gate !== undefined) return planGate(item, item.gate);
  const times = [notBefore, item.notBefore].filter((text) => text !== undefined).map((text) => Date.parse(text));
  const timeout = item.timeout ?? defaults?.timeout;
  const environment = item.environment ?? defaults?.environment ?? DEFAULTS.environment;
  const maxUsd = item.maxUsd ?? defaults?.maxUsd;
  return {
    id: item.id,
    deps: depsOf(item),
    needs: needsOf(item),
    ...(item.when === undefined ? {} : { when: plannedCondition(item.when) }),
    ...(item.forEach === undefined ? {} : { forEach: planForEach(item.forEach) }),
    ...(item.onError === 'continue' ? { onError: item.onError } : {}),
    locks: (item.locks ?? [])
      .map((lock) => (typeof lock === 'string' ? { name: lock, mode: 'exclusive' as const } : lock))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    pipeline: (item.pipeline ?? []).map(planBlock),
    env: envOf(item, defaults, pins),
    ...pinnedIn(item, defaults, pins),
    ...readsOf(item, capabilityReads(item, defaults, pins)),
    ...(item.effect === 'write' ? { effect: item.effect } : {}),
    ...(item.effect === 'pure' ? { effect: item.effect, ...(reuse === undefined ? {} : { reuse }) } : {}),
    ...(environment === DEFAULTS.environment ? {} : { environment }),
    ...plannedResources(defaults?.resources, item.resources),
    ...(item.egress === undefined ? {} : { egress: [...new Set(item.egress)].sort() }),
    priority: item.priority ?? defaults?.priority ?? DEFAULTS.priority,
    timeoutMs: timeout === undefined ? DEFAULTS.timeoutMs : durationMs(timeout),
    ...(item.deadline === undefined ? {} : { deadlineMs: durationMs(item.deadline) }),
    ...(times.length === 0 ? {} : { notBeforeMs: Math.max(...times) }),
    retry: retryOf(item, defaults),
    ...(maxUsd === undefined ? {} : { maxMicroUsd: microUsdOf(maxUsd) }),
    ...plannedTypes(item),
  };
}

export function needsOf(item: ItemSpec): PlanNeed[] {
  return Object.entries(item.needs ?? {})
    .map(([key, need]): PlanNeed => {
      const stopping = need.onError === undefined ? {} : { onError: need.onError };
      const each = need.each === undefined ? {} : { each: true as const };
      return { key, from: sourcesOf(need), select: need.select, ...stopping, ...each };
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function planForEach({ from, outputs, as = DEFAULTS.branchKey, max = DEFAULTS.branches }: ForEach): PlannedForEach {
  return { from, outputs, as, max };
}

type ForEach = NonNullable<ItemSpec['forEach']>;

/** Those that are packed; what is not, the client packs before it submits. */
function readsOf({ reads = {} }: ItemSpec, more: PlanRead[]): { reads?: PlanRead[] } {
  const packed = Object.entries(reads).flatMap(([key, read]): PlanRead[] =>
    'sha256' in read ? [{ key, sha256: read.sha256 as PlanRead['sha256'], sizeBytes: read.sizeBytes }] : [],
  );
  packed.push(...more);
  return packed.length === 0 ? {} : { reads: packed.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

/** Nothing of a gate comes from the defaults: they are about what runs. */
function planGate(item: ItemSpec, { approvals = 1, reviewers = [], expires, reviews }: Gate): PlanItem {
  return {
    id: item.id,
    deps: depsOf(item),
    needs: [],
    ...(item.when === undefined ? {} : { when: plannedCondition(item.when) }),
    gate: {
      approvals,
      reviewers: reviewers.toSorted(),
      ...(expires === undefined ? {} : { expiresMs: durationMs(expires) }),
      ...(reviews === undefined ? {} : { reviews: reviews.toSorted() }),
    },
    locks: [],
    pipeline: [],
    env: {},
    priority: DEFAULTS.priority,
    timeoutMs: DEFAULTS.timeoutMs,
    ...(item.deadline === undefined ? {} : { deadlineMs: durationMs(item.deadline) }),
    retry: retryOf(item, undefined),
  };
}

type Gate = NonNullable<ItemSpec['gate']>;

function planBlock(block: NonNullable<ItemSpec['pipeline']>[number]): Block {
  if (block.block === 'capture') return block;
  const { timeout, guards, ...rest } = block;
  const timed = { ...(timeout === undefined ? {} : { timeoutMs: durationMs(timeout) }), ...plannedGuards(guards) };
  // Keys that are not written are not there, whatever their type allows.
  if (rest.block === 'agent') return { ...rest, ...timed } as Block;
  const { lens, ...script } = rest;
  return { ...script, ...(lens === undefined ? {} : { lens }), ...timed } as Block;
}

/** Without a ceiling of its own, a back-off is never cut below what was asked for. */
export function retryOf(item: ItemSpec, defaults: Defaults): PlanItem['retry'] {
  const asked = { ...defaults?.retry, ...item.retry };
  const backoffMs = asked.backoff === undefined ? DEFAULTS.backoffMs : durationMs(asked.backoff);
  const ceiling = asked.maxBackoff === undefined ? DEFAULTS.maxBackoffMs : durationMs(asked.maxBackoff);
  return {
    maxAttempts: asked.maxAttempts ?? DEFAULTS.maxAttempts,
    backoffMs,
    maxBackoffMs: asked.maxBackoff === undefined ? Math.max(backoffMs, ceiling) : ceiling,
  };
}
