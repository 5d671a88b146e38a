/**
 * Addendum: what comes after the seal of a run changes nothing, and the log says that it came. At most one entry for an
 * attempt and a kind, and a few for controls, so that nobody can make the log grow with it.
 */
import type { Digest } from '@waybill/verify';
import { addendumEntry } from '#core/evidence.ts';
import { type AttemptRow, keys, type LateKind, type RunRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { required } from '#flow/items.ts';
import { appendEntry } from '#flow/log.ts';
import { type Draft, decide, peek } from '#flow/transaction.ts';

/** Controls of one run that are noted; what is asked for beyond that is refused like these, and not noted. */
const MAX_LATE_CONTROLS = 16;

/** A result or a stop of an attempt that was settled without it, after its run was sealed. Anything else is left alone. */
export async function noteLate(
  deps: FlowDeps,
  attemptId: string,
  kind: LateKind,
  object: () => Promise<Digest | null>,
): Promise<void> {
  const seen = await peek<AttemptRow>(deps, keys.attempt(attemptId));
  if (!seen?.fenced || seen.late?.includes(kind)) return;
  if ((await peek<RunRow>(deps, keys.run(seen.run)))?.sealedIndex === undefined) return;
  const found = await object();
  if (kind === 'late-result' && found === null) return;
  await decide(deps, async (draft) => {
    const [attempt, run] = await draft.read<object>([keys.attempt(attemptId), keys.run(seen.run)]);
    const { late = [], ...rest } = required(attempt as AttemptRow | null, keys.attempt(attemptId));
    if (late.includes(kind)) return;
    const runSeq = required((run as RunRow | null)?.runSeq, keys.run(seen.run));
    const about = { runSeq, run: seen.run, kind, object: found, attempt: attemptId };
    await appendEntry(draft, () => addendumEntry(deps.origin, draft.atMs, about));
    draft.put(keys.attempt(attemptId), { ...rest, late: [...late, kind] } satisfies AttemptRow);
  });
  deps.hints.entered();
}

/** A control object for a run that is sealed, in the decision that refuses it. The same object is noted once. */
export async function noteLateControl(
  deps: FlowDeps,
  draft: Draft,
  run: string,
  row: RunRow,
  control: Digest,
): Promise<void> {
  const noted = row.lateControls ?? [];
  if (row.runSeq === undefined || noted.includes(control) || noted.length >= MAX_LATE_CONTROLS) return;
  const about = { runSeq: row.runSeq, run, kind: 'late-control' as const, object: control };
  await appendEntry(draft, () => addendumEntry(deps.origin, draft.atMs, about));
  draft.put(keys.run(run), { ...row, lateControls: [...noted, control] } satisfies RunRow);
}
