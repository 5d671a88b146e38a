/**
 * Compile: a run spec becomes a plan. Pure and linear: the engine does it on submit, for every submission, and anyone
 * who has the spec can do it again and compare the digest with what was sealed.
 */
import { canonicalize, digestOf } from '@waybill/verify';
import { byteLength } from './byte-length.ts';
import { durationMs, formatDuration } from './duration.ts';
import { isProxyVariable } from './egress.ts';
import type { Refusal } from './errors.ts';
import { doubledNames, envOf, namesOf, pinOf, pinProblems, placeOfNames } from './item-pins.ts';
import { DEFAULTS, LIMITS, type Limits } from './limits.ts';
import { itemsAtMost } from './link-growth.ts';
import { linkProblems, type PlacedItem } from './link-items.ts';
import { pipelineProblems } from './pipeline-order.ts';
import type { Plan, PlanItem, PlanSource } from './plan.ts';
import { plannedCondition, sizeProblem } from './plan-condition.ts';
import { planDigest } from './plan-entries.ts';
import { type Defaults, needsOf, planItem, retryOf, type Shared } from './plan-item.ts';
import { promptProblems } from './prompt-inputs.ts';
import type { ItemSpec, RunSpec } from './spec.ts';
import { bounded, formatPath } from './spec-issue.ts';
import { microUsdOf } from './spec-money.ts';
import type { Pins } from './spec-pins.ts';

export type Compiled = { ok: true; plan: Plan } | { ok: false; refusals: Refusal[] };
export type CompiledItems = { ok: true; items: PlanItem[] } | { ok: false; refusals: Refusal[] };

/** The plan of a spec whose source is packed, or every reason why there is none. */
export function compile(run: RunSpec, limits: Limits = LIMITS): Compiled {
  const compiled = compileItems(run, limits);
  const source = planSource(run);
  const unpacked = pinProblems(run.spec);
  const refusals = [...(compiled.ok ? [] : compiled.refusals), ...('code' in source ? [source] : []), ...unpacked];
  if (!compiled.ok || 'code' in source || unpacked.length > 0) return { ok: false, refusals: bounded(refusals) };
  const itemDigests = compiled.items.map((item) => digestOf(canonicalize(item)));
  const { wallClock, usd } = run.spec.caps ?? {};
  return {
    ok: true,
    plan: {
      name: run.metadata.name,
      labels: run.metadata.labels ?? {},
      queue: queueOf(run),
      source,
      ...(wallClock === undefined ? {} : { wallClockMs: durationMs(wallClock) }),
      ...(run.spec.callback === undefined ? {} : { callback: run.spec.callback }),
      ...(usd === undefined ? {} : { capMicroUsd: microUsdOf(usd) }),
      ...(run.spec.openEnded === true ? { openEnded: openEndOf(run, limits) } : {}),
      items: compiled.items,
      itemDigests,
      digest: planDigest(compiled.items, itemDigests),
    },
  };
}

function openEndOf({ spec }: RunSpec, limits: Limits): NonNullable<Plan['openEnded']> {
  const { defaults, notBefore, reuse, pins } = spec;
  const shared: Shared = {
    ...(defaults && { defaults }),
    ...(notBefore && { notBefore }),
    ...(reuse && { reuse }),
    ...(pins && { pins }),
  };
  const mostItems = spec.caps?.items ?? limits.items;
  return Object.keys(shared).length === 0 ? { mostItems } : { mostItems, shared };
}

/** The items alone: what can be judged and shown before the source is packed. */
export function compileItems(run: RunSpec, limits: Limits = LIMITS): CompiledItems {
  const placed = run.spec.items.map((item, index) => ({ index, item }));
  const most = run.spec.caps?.items ?? limits.items;
  const hasSource = run.spec.source !== undefined;
  const around = { defaults: run.spec.defaults, pins: run.spec.pins, hasSource };
  const refusals = placed.flatMap((one) => problemsWithin(one, around, limits));
  const atMost = itemsAtMost(run.spec.items);
  if (atMost > most) {
    const verb = atMost === placed.length ? 'has' : 'may come to';
    const problem = `the run ${verb} ${atMost} items, more than ${most}`;
    refusals.push({ code: 'SPEC_LIMIT', path: 'spec.items', problem, fix: 'Raise `caps.items`, or split the run.' });
  }
  refusals.push(
    ...overCap(run.spec.items, run.spec.defaults, run.spec.caps?.usd, 'spec.caps.usd'),
    ...linkProblems(
      placed,
      run.spec.items.map(({ id }) => id),
      limits,
    ),
  );
  if (refusals.length > 0) return { ok: false, refusals: bounded(refusals) };
  return { ok: true, items: run.spec.items.map((item) => planItem(item, run.spec)) };
}

/**
 * Items of which no attempt could ever begin: one refusal, since it is the cap that is wrong when many places say more.
 * @param capPath null where the cap stands in another document
 */
export function overCap(
  items: readonly ItemSpec[],
  defaults: Defaults,
  capUsd: number | undefined,
  capPath: string | null,
): Refusal[] {
  const over = items.flatMap(({ id, gate, maxUsd: own }, n) => {
    const maxUsd = own ?? defaults?.maxUsd ?? 0;
    if (capUsd === undefined || gate !== undefined || maxUsd <= capUsd) return [];
    return [{ id, maxUsd, path: formatPath(['spec', ...(own === undefined ? ['defaults'] : ['items', n]), 'maxUsd']) }];
  });
  const [largest] = over.toSorted((a, b) => b.maxUsd - a.maxUsd);
  if (largest === undefined) return [];
  const { id, maxUsd } = largest;
  const most = `an attempt of ${id} may cost ${maxUsd} USD, the whole run ${capUsd}`;
  const problem = over.length === 1 ? most : `${most}; ${over.length} items cost more than the run may`;
  const isOnePlace = over.every(({ path }) => path === largest.path);
  const path = isOnePlace ? largest.path : (capPath ?? largest.path);
  return [{ code: 'SPEC_INVALID', path, problem, fix: 'Raise `caps.usd`, or lower `maxUsd`.' }];
}

export function queueOf(run: RunSpec): string {
  return run.spec.queue ?? DEFAULTS.queue;
}

/** What an item is filled in with from the run that it stands in. */
export interface Surroundings {
  defaults: Defaults;
  pins?: Pins | undefined;
  hasSource: boolean;
}

/** What is wrong with an item by itself that its schema does not say. */
export function problemsWithin({ index, item }: PlacedItem, around: Surroundings, limits: Limits = LIMITS): Refusal[] {
  return [
    ...itemProblems(item, index, around, limits),
    ...filledProblems(item, index, around, limits),
    ...proxyProblems(item, index, around),
    ...pipelineProblems(item.pipeline ?? [], index, around.hasSource),
    ...promptProblems(item, index),
  ];
}

/** Variables that the worker would set to something else: what the author meant would be lost without a word. */
function proxyProblems(item: ItemSpec, index: number, { defaults, pins }: Surroundings): Refusal[] {
  if (item.egress === undefined) return [];
  const say = (env: object | undefined, whose: string, ...at: PropertyKey[]): Refusal[] =>
    Object.keys(env ?? {})
      .filter(isProxyVariable)
      .map((name) => {
        const path = formatPath([...at, ...(at.at(-1) === 'values' ? [] : [name])]);
        const problem = `${name} of ${whose} is set by the worker for items with egress`;
        const fix =
          'Use another name, and set it inside the script: blocks reach hosts by the proxy of the worker alone.';
        return { code: 'SPEC_INVALID', path, problem, fix };
      });
  const own = ['spec', 'items', index];
  const sets = namesOf('values', item, defaults);
  return [
    ...say(item.env, 'the item', ...own, 'env'),
    ...say(defaults?.env, 'the defaults', 'spec', 'defaults', 'env'),
    ...sets.flatMap((set) =>
      say(pinOf(pins?.values, set)?.env, `the values ${set}`, ...placeOfNames('values', item, index)),
    ),
    ...(item.pipeline ?? []).flatMap((block, n) =>
      'secrets' in block ? say(block.secrets, 'the secrets', ...own, 'pipeline', n, 'secrets') : [],
    ),
  ];
}

/** What the parts of an item say about each other. */
function itemProblems(item: ItemSpec, index: number, { defaults }: Surroundings, limits: Limits): Refusal[] {
  const problems: Refusal[] = [];
  const say = (code: Refusal['code'], key: PropertyKey[], problem: string, fix: string): void => {
    problems.push({ code, path: formatPath(['spec', 'items', index, ...key]), problem, fix });
  };
  const names = new Set<string>();
  for (const [n, lock] of (item.locks ?? []).entries()) {
    const lockName = typeof lock === 'string' ? lock : lock.name;
    if (names.has(lockName))
      say('SPEC_INVALID', ['locks', n], `the lock ${lockName} is named twice`, 'Keep one of them.');
    names.add(lockName);
  }
  for (const [n, id] of Object.entries(item.needs ?? {}).flatMap(([key, need]) => repeated(key, need)))
    say('SPEC_INVALID', n, `the item ${id} is named twice`, 'Keep one of them.');
  const asked = item.when === undefined ? null : sizeProblem(item.when, limits);
  if (asked !== null) say('SPEC_LIMIT', ['when'], asked, 'Let an item before write one value that says it all.');
  const laid = namesOf('capabilities', item, defaults);
  const entries = [...Object.keys(item.reads ?? {}), ...laid, ...Object.keys(item.outputs ?? {})];
  const pinned = byteLength(entries.join('')) + READ_ENTRY_BYTES * entries.length;
  const sealed = byteLength(canonicalize(needsOf(item))) + pinned;
  const whenBytes =
    item.when === undefined || asked !== null ? 0 : byteLength(canonicalize(plannedCondition(item.when)));
  if (sealed + whenBytes > limits.needsBytes) {
    const problem = `what the item needs and asks is over ${limits.needsBytes} bytes as it is sealed`;
    say('SPEC_LIMIT', ['needs'], problem, 'Use shorter names and paths, or gather outputs in one item before.');
  }
  for (const key of Object.keys(item.reads ?? {})) {
    const fix = 'Give one of the two another name.';
    if (item.needs !== undefined && Object.hasOwn(item.needs, key))
      say('SPEC_INVALID', ['reads', key], `the item also needs a file ${key}`, fix);
  }
  if (item.effect === 'pure' && !item.pipeline?.some(({ block }) => block === 'capture')) {
    const fix = 'Capture what it makes, or leave `effect` out.';
    say('SPEC_INVALID', ['effect'], 'a pure item that captures nothing leaves nothing to use again', fix);
  }
  if (item.effect === 'pure' && item.egress !== undefined) {
    const fix = 'Leave `effect` out, or fetch in an item before and hand its outputs on.';
    say('SPEC_INVALID', ['effect'], 'what an item fetches from hosts outside may be another thing each time', fix);
  }
  return problems;
}

/** What an item and the defaults say together, told of the item only where it says a part of it. */
function filledProblems(item: ItemSpec, index: number, { defaults, pins }: Surroundings, limits: Limits): Refusal[] {
  if (item.gate !== undefined) return [];
  const problems: Refusal[] = [];
  const say = (code: Refusal['code'], isOwn: boolean, key: string[], problem: string, fix: string): void => {
    const path = formatPath(['spec', ...(isOwn ? ['items', index] : ['defaults']), ...key]);
    problems.push({ code, path, problem, fix });
  };
  for (const [problem, fix] of envProblems(envOf(item, defaults, pins), limits)) {
    const withoutOwn = envProblems(envOf({ id: item.id }, defaults, pins), limits);
    const isOwn = !withoutOwn.some(([one]) => one === problem);
    say('SPEC_LIMIT', isOwn, ['env'], problem, fix);
  }
  const { backoffMs, maxBackoffMs } = retryOf(item, defaults);
  if (backoffMs > maxBackoffMs) {
    const isOwn = item.retry?.backoff !== undefined || item.retry?.maxBackoff !== undefined;
    const problem = `the back-off of ${formatDuration(backoffMs)} is over its ceiling of ${formatDuration(maxBackoffMs)}`;
    say('SPEC_INVALID', isOwn, ['retry', 'maxBackoff'], problem, 'Raise maxBackoff, or leave it out.');
  }
  return [...doubledNames(item, index, defaults), ...problems];
}

function envProblems(env: Readonly<Record<string, string>>, limits: Limits): [problem: string, fix: string][] {
  const entries = Object.entries(env);
  const problems: [string, string][] = [];
  if (entries.length > limits.envEntries) {
    const problem = `with defaults and values there are more than ${limits.envEntries} entries`;
    problems.push([problem, 'Remove some.']);
  }
  const bytes = entries.reduce((sum, [key, value]) => sum + key.length + byteLength(value), 0);
  if (bytes > limits.envBytes) {
    const problem = `with defaults and values the environment is over ${limits.envBytes} bytes`;
    problems.push([problem, 'Put large values into files of the source.']);
  }
  return problems;
}

/** One that is read or declared as it is sealed, beside its name: a digest, and a size or a kind. */
const READ_ENTRY_BYTES = 200;

type Need = NonNullable<ItemSpec['needs']>[string];

function repeated(key: string, need: Need): [path: PropertyKey[], id: string][] {
  const seen = new Set<string>();
  return (need.oneOf ?? []).flatMap((id, n): [PropertyKey[], string][] => {
    if (seen.has(id)) return [[['needs', key, 'oneOf', n], id]];
    seen.add(id);
    return [];
  });
}

function planSource(run: RunSpec): PlanSource | Refusal {
  const source = run.spec.source;
  if (source === undefined) return { kind: 'none' };
  if ('bundle' in source) {
    return {
      kind: 'git',
      bundle: source.bundle as `sha256:${string}`,
      commit: source.commit,
      sizeBytes: source.sizeBytes,
    };
  }
  const problem = 'the source is not packed: nothing that runs the items can fetch it';
  return {
    code: 'SOURCE_UNRESOLVED',
    path: 'spec.source.git',
    problem,
    fix: 'Submit with the client, which packs it.',
  };
}
