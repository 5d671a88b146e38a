/** One item of a plan: every default filled in, every duration in milliseconds, every list in its order. */
import { durationMs } from './duration.ts';
import { DEFAULTS } from './limits.ts';
import { depsOf, sourcesOf } from './link-items.ts';
import type { Block, PlanItem, PlanNeed } from './plan.ts';
import { plannedCondition } from './plan-condition.ts';
import type { ItemSpec, RunSpec } from './spec.ts';

export type Defaults = RunSpec['spec']['defaults'];

export function planItem(
  item: ItemSpec,
  { defaults, notBefore }: Pick<RunSpec['spec'], 'defaults' | 'notBefore'>,
): PlanItem {
  if (item.gate !== undefined) return planGate(item, item.gate);
  const times = [notBefore, item.notBefore].filter((text) => text !== undefined).map((text) => Date.parse(text));
  const timeout = item.timeout ?? defaults?.timeout;
  const environment = item.environment ?? defaults?.environment ?? DEFAULTS.environment;
  return {
    id: item.id,
    deps: depsOf(item),
    needs: needsOf(item),
    ...(item.when === undefined ? {} : { when: plannedCondition(item.when) }),
    ...(item.onError === 'continue' ? { onError: item.onError } : {}),
    locks: (item.locks ?? [])
      .map((lock) => (typeof lock === 'string' ? { name: lock, mode: 'exclusive' as const } : lock))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    pipeline: (item.pipeline ?? []).map(planBlock),
    env: { ...defaults?.env, ...item.env },
    ...(environment === DEFAULTS.environment ? {} : { environment }),
    priority: item.priority ?? defaults?.priority ?? DEFAULTS.priority,
    timeoutMs: timeout === undefined ? DEFAULTS.timeoutMs : durationMs(timeout),
    ...(item.deadline === undefined ? {} : { deadlineMs: durationMs(item.deadline) }),
    ...(times.length === 0 ? {} : { notBeforeMs: Math.max(...times) }),
    retry: retryOf(item, defaults),
  };
}

export function needsOf(item: ItemSpec): PlanNeed[] {
  return Object.entries(item.needs ?? {})
    .map(([key, need]): PlanNeed => {
      const stopping = need.onError === undefined ? {} : { onError: need.onError };
      return { key, from: sourcesOf(need), select: need.select, ...stopping };
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Nothing of a gate comes from the defaults: they are about what runs. */
function planGate(item: ItemSpec, { approvals = 1, reviewers = [], expires }: Gate): PlanItem {
  return {
    id: item.id,
    deps: depsOf(item),
    needs: [],
    ...(item.when === undefined ? {} : { when: plannedCondition(item.when) }),
    gate: {
      approvals,
      reviewers: reviewers.toSorted(),
      ...(expires === undefined ? {} : { expiresMs: durationMs(expires) }),
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
  const { timeout, ...rest } = block;
  const timed = timeout === undefined ? {} : { timeoutMs: durationMs(timeout) };
  if (rest.block === 'agent') return { ...rest, ...timed };
  const { lens, ...script } = rest;
  return { ...script, ...(lens === undefined ? {} : { lens }), ...timed };
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
