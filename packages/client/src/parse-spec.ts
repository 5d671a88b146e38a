/** Bytes to a checked document. Nothing is thrown: the bytes may come from anyone. */
import type { z } from 'zod';
import { problemsWithin } from './compile-plan.ts';
import type { Refusal } from './errors.ts';
import { LIMITS } from './limits.ts';
import { linkProblems, type PlacedItem, type WrittenIds } from './link-items.ts';
import { type ReadWritten, readDocument } from './read-document.ts';
import { placedInSchedule, type ScheduleSpec, scheduleSchema } from './schedule.ts';
import { type ControlSpec, controlSchema, itemSchema, type RunSpec, runSchema } from './spec.ts';
import { bounded, refusalsOf } from './spec-issue.ts';

export type ParsedRun = { ok: true; run: RunSpec } | { ok: false; refusals: Refusal[] };
export type ParsedSchedule = { ok: true; schedule: ScheduleSpec } | { ok: false; refusals: Refusal[] };
export type ParsedControl = { ok: true; control: ControlSpec | ScheduleSpec } | { ok: false; refusals: Refusal[] };

/**
 * Reads a run spec as an inbox holds it, in JSON; `readSpec` reads what a person wrote. On refusal every problem is
 * listed, those that compiling would find included as far as the items can be read.
 */
export function parseRun(bytes: Uint8Array, readWritten?: ReadWritten): ParsedRun {
  const read = readDocument(bytes, readWritten);
  return read.ok ? checkRun(read.value) : read;
}

/** As `parseRun`, of what the bytes hold. */
export function checkRun(document: unknown): ParsedRun {
  if (document === null) return { ok: false, refusals: [NOTHING] };
  const parsed = runSchema.safeParse(document, { reportInput: true });
  if (parsed.success) return { ok: true, run: parsed.data };
  const refusals = refusalsOf(parsed.error.issues);
  return { ok: false, refusals: bounded([...refusals, ...judgeReadable(document)]) };
}

/** As `checkRun`, of a schedule. */
export function checkSchedule(value: unknown): ParsedSchedule {
  const parsed = scheduleSchema.safeParse(value, { reportInput: true });
  if (parsed.success) return { ok: true, schedule: parsed.data };
  const run = (value as { spec?: { run?: unknown } } | null)?.spec?.run;
  const refusals = refusalsOf(parsed.error.issues);
  return { ok: false, refusals: bounded([...refusals, ...judgeReadable({ spec: run }).map(placedInSchedule)]) };
}

/** What stands in the control queue: a verb, or a schedule that is to be in force from now on. */
export function parseControl(bytes: Uint8Array): ParsedControl {
  const read = readDocument(bytes);
  if (!read.ok) return read;
  if ((read.value as { kind?: unknown } | null)?.kind === 'Schedule') {
    const parsed = checkSchedule(read.value);
    return parsed.ok ? { ok: true, control: parsed.schedule } : parsed;
  }
  const verb = (read.value as { spec?: { verb?: unknown } } | null)?.spec?.verb;
  const parsed = controlSchema(verb).safeParse(read.value, { reportInput: true });
  return parsed.success
    ? { ok: true, control: parsed.data }
    : { ok: false, refusals: refusalsOf(parsed.error.issues as z.core.$ZodIssue[]) };
}

const NOTHING: Refusal = {
  code: 'SPEC_INVALID',
  path: 'document',
  problem: 'there is nothing in it',
  fix: 'Write a run spec: `apiVersion`, `kind`, `metadata` and `spec`.',
};

/** What is wrong with the well-formed items of a document that is not well-formed, by themselves and between them. */
function judgeReadable(value: unknown): Refusal[] {
  const spec = (value as { spec?: { items?: unknown; defaults?: unknown; source?: unknown } } | null)?.spec;
  const items = spec?.items;
  if (!Array.isArray(items) || items.length > LIMITS.items) return [];
  const ids: WrittenIds = items.map((item: { id?: unknown } | null) => (typeof item?.id === 'string' ? item.id : null));
  const looked = items.map(lookAtItem);
  const readable = looked.flatMap(({ placed }) => placed ?? []);
  const whole = looked.flatMap(({ placed, isPipelineRead }) => (isPipelineRead ? (placed ?? []) : []));
  const defaults = runSchema.shape.spec.shape.defaults.safeParse(spec?.defaults).data;
  const around = { defaults, hasSource: spec?.source !== undefined };
  return [
    ...looked.flatMap(({ hidden }) => hidden),
    ...whole.flatMap((one) => problemsWithin(one, around)),
    ...linkProblems(readable, ids, LIMITS),
  ];
}

/** What the rest of an item can be judged without: nothing else in a document hangs on it. */
const ON_THEIR_OWN: ReadonlySet<unknown> = new Set([
  ...['timeout', 'retry', 'locks', 'env', 'priority', 'deadline', 'notBefore', 'maxUsd', 'resources', 'egress'],
  ...['onError', 'environment', 'effect'],
]);
/** Of a pipeline that cannot be read nobody says that something is not captured there. */
const CAPTURES_ALL = [
  { block: 'capture', what: 'patch' },
  { block: 'capture', what: 'outputs' },
];

interface LookedAt {
  placed?: PlacedItem;
  isPipelineRead: boolean;
  /** What its broken parts kept the schema from saying. */
  hidden: Refusal[];
}

/** An item, where need be without what is broken in it and hangs together with nothing. */
function lookAtItem(raw: unknown, index: number): LookedAt {
  const first = itemSchema.safeParse(raw);
  if (first.success) return { placed: { index, item: first.data }, isPipelineRead: true, hidden: [] };
  const unknown = first.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : (issue.path[0] ?? []),
  );
  const broken = new Set<unknown>(unknown);
  const isPipelineRead = !broken.delete('pipeline');
  const isStuck = [...broken].some((key) => Object.hasOwn(itemSchema.shape, String(key)) && !ON_THEIR_OWN.has(key));
  const isNothing = broken.size === 0 && isPipelineRead;
  if (isNothing || isStuck || (!isPipelineRead && Object.hasOwn(raw as object, 'gate')))
    return { isPipelineRead, hidden: [] };
  const rest = Object.fromEntries(Object.entries(raw as object).filter(([key]) => !broken.has(key)));
  const second = itemSchema.safeParse(isPipelineRead ? rest : { ...rest, pipeline: CAPTURES_ALL }, {
    reportInput: true,
  });
  if (second.success) return { placed: { index, item: second.data }, isPipelineRead, hidden: [] };
  const placedHere = second.error.issues.map((issue) => ({ ...issue, path: ['spec', 'items', index, ...issue.path] }));
  return { isPipelineRead, hidden: refusalsOf(placedHere) };
}
