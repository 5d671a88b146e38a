/**
 * Reuse: a pure item whose result is there already takes it over instead of running. A result is found under all that it was
 * made of, by whoever submitted the run that made it and by nobody else; the record carries the signed provenance of the attempt.
 */
import type { OutputRef } from '@waybill/client/documents';
import type { PlanItem } from '@waybill/client/plan';
import { canonicalize, type Digest, type DsseEnvelope, type EventData, recipeOf, reuseKey } from '@waybill/verify';
import type { ReuseRow } from '#core/record-rows.ts';
import { type AttemptRow, type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { executableIn } from '#flow/environments.ts';
import { resolveInputs } from '#flow/inputs.ts';
import { closeItem, completeRun, type Ended, type ItemRef, readRun, required } from '#flow/items.ts';
import { Draft, peek } from '#flow/transaction.ts';

/** A result with more to say than this is made again each time: it stands in one event, and that has a limit. */
const MAX_OUTPUTS_BYTES = 48_000;

/** What an item may take over, and under which key. */
export interface Reusable extends Pick<EventData['item.reused'], 'key' | 'executable' | 'isolation'> {
  result: ReuseRow;
}

/** Whether it is worth looking, before the item may be claimed, for something to take over. */
export function mayReuse({ effect, reuse, forEach }: PlanItem): boolean {
  return effect === 'pure' && reuse === undefined && forEach === undefined;
}

/**
 * What an item whose dependencies have ended may take over; null where it has to run. Whatever decides that cannot change any
 * more, but for the result that is found: then both are right.
 */
export async function findReusable(deps: FlowDeps, ref: ItemRef, { item }: SpecRow): Promise<Reusable | null> {
  // What is not to start before a time does not end before it either.
  if (!mayReuse(item) || (item.notBeforeMs ?? 0) > deps.clock.nowMs()) return null;
  const { isolation } = deps.worker;
  const executable = executableIn(deps.worker, item.environment);
  const inputs = await resolveInputs(new Draft(deps), ref.run, item.needs);
  if (executable === undefined || 'missing' in inputs) return null;
  const run = required(await peek<RunRow>(deps, keys.run(ref.run)), keys.run(ref.run));
  const source = run.source.kind === 'git' ? run.source.bundle : null;
  const key = reuseKey({
    recipe: recipeOf(item),
    executable,
    isolation,
    source,
    inputs: [...inputs.found, ...(item.reads ?? [])],
  });
  const result = await peek<ReuseRow>(deps, keys.reuse(key, run.principal));
  if (result === null || isRevoked(deps, result.envelope) || !(await isStored(deps, result.outputs))) return null;
  return { key, executable, isolation, result };
}

/** No verifier takes it from such a key: the item runs again, and leaves a result by another. */
function isRevoked({ signer }: FlowDeps, { signatures }: DsseEnvelope): boolean {
  return signer.trust.keys.some(
    ({ keyid, revoked }) => revoked !== undefined && signatures.some((signature) => signature.keyid === keyid),
  );
}

async function isStored({ artifacts }: FlowDeps, outputs: readonly OutputRef[]): Promise<boolean> {
  for (const { sha256, sizeBytes } of outputs) if ((await artifacts.size(sha256)) !== sizeBytes) return false;
  return true;
}

/**
 * pending -> done, without slot, lock or attempt. The run's row is written as it is: no queue row stands for a claim here, and a
 * pause or a stop that comes later must stand behind this in the order of events.
 */
export async function takeOver(
  draft: Draft,
  ref: ItemRef,
  spec: SpecRow,
  item: ItemRow,
  { result, ...about }: Reusable,
): Promise<Ended> {
  const { from, outputs, provenance, envelope } = result;
  draft.put(keys.run(ref.run), { ...(await readRun(draft, ref.run)) } satisfies RunRow);
  if (from.run === ref.run) {
    // What made it has to stand before this in the order of events, too, and nothing else that is written here says that it ended.
    const maker = keys.item(from.run, from.item);
    await draft.read([maker]);
    draft.check(maker);
  }
  const unsandboxed = about.isolation === 'none' ? { isUnsandboxed: true as const } : {};
  const ended = await closeItem(draft, ref, spec, { ...item, reused: { from, outputs, ...unsandboxed } }, 'done');
  const data = { item: ref.item, ...about, outputs, from, provenance };
  draft.emit(ref.run, { type: 'item.reused', data }, [envelope]);
  if (ended.completed) await completeRun(draft, ref.run, ended.completed);
  return ended;
}

/** What a succeeded attempt left may be used again from the moment of its end on: in the decision that records it. */
export async function keepResult(
  draft: Draft,
  { manifest, isolation, run, item, attempt }: AttemptRow,
  id: string,
  plan: PlanItem,
  left: { outputs: readonly OutputRef[]; provenance: Digest | undefined; envelope: DsseEnvelope | undefined },
): Promise<void> {
  const outputs = left.outputs.filter(({ kind }) => kind !== 'log');
  const { provenance, envelope } = left;
  if (plan.effect !== 'pure' || outputs.length === 0 || canonicalize(outputs).length > MAX_OUTPUTS_BYTES) return;
  if (manifest === undefined || isolation === undefined || provenance === undefined || envelope === undefined) return;
  const { executable, source = null, inputs } = manifest;
  const { principal } = await readRun(draft, run);
  const key = keys.reuse(reuseKey({ recipe: recipeOf(plan), executable, isolation, source, inputs }), principal);
  await draft.read([key]);
  draft.put(key, { from: { run, item, attempt, id }, outputs, provenance, envelope } satisfies ReuseRow);
}
