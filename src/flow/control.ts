/**
 * Control: a verified principal changes the course of a run. What is asked for is recorded with the event; what follows
 * from it (ending items, stopping workers) is worked off afterwards and taken up again after a crash.
 */
import { parseControl } from '@waybill/client/compile';
import type { Digest } from '@waybill/verify';
import { type ItemRow, keys, type RunRow } from '#core/rows.ts';
import { isTerminal } from '#core/tally.ts';
import { ABORT_MS } from '#flow/abort.ts';
import { noteLateControl } from '#flow/addendum.ts';
import { type Answer, refuse } from '#flow/answer.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { cancelItem, standBehindClaims, stopRun } from '#flow/stop.ts';
import { type Draft, decide } from '#flow/transaction.ts';
import type { InboxObject } from '#ports/inbox.ts';

/** Answers a control object. Asking for what has been done already is deduped; a sealed or unknown run is left alone. */
export async function control(deps: FlowDeps, object: InboxObject, bytes: Uint8Array, digest: Digest): Promise<Answer> {
  const parsed = parseControl(bytes);
  if (!parsed.ok) return { status: 'invalid', reasons: parsed.refusals };
  const { spec } = parsed.control;
  const { run } = spec;
  const { abortAtMs, ...answer } = await decide(deps, async (draft): Promise<Decided> => {
    const row = await draft.readOne<RunRow>(keys.run(run));
    if (spec.verb === 'abort' && row?.aborting && row.principal === object.principal) return dedupedAs(run);
    const refusal = refusalOf(object.principal, run, row);
    if (refusal !== null || row === null) {
      const isLate = row?.principal === object.principal && row.sealedIndex !== undefined;
      if (isLate) await noteLateControl(deps, draft, run, row, digest);
      return refusal ?? refuseUnknown(run);
    }
    const asked: Asked = { principal: object.principal, digest, run, row };
    return spec.verb === 'abort' ? acceptAbort(deps, draft, asked, spec.reason) : accept(deps, draft, asked, spec.item);
  });
  if (answer.status === 'invalid') deps.hints.entered();
  if (answer.status !== 'accepted') return answer;
  if (abortAtMs !== undefined) await takeDown(deps, run, abortAtMs);
  else if (spec.verb === 'cancel' && spec.item !== undefined) await cancelItem(deps, { run, item: spec.item });
  else await stopRun(deps, run);
  deps.hints.runChanged(run);
  return answer;
}

/** `abortAtMs`: when the run is taken down, whether all of it has ended or not. */
type Decided = Answer & { abortAtMs?: number };

interface Asked {
  principal: string;
  digest: Digest;
  run: string;
  row: RunRow;
}

/** Null: the principal may ask something of the run, and it is there to be asked. */
function refusalOf(principal: string, run: string, row: RunRow | null): Answer | null {
  if (!row || row.state === 'admitting') return refuseUnknown(run);
  const path = 'spec.run';
  if (row.recovered === undefined && row.principal !== principal) {
    const fix = 'Ask the principal who submitted the run.';
    return refuse('denied', { code: 'PRINCIPAL_MISMATCH', path, problem: 'the run belongs to another principal', fix });
  }
  if (row.sealedIndex === undefined && row.abortedIndex === undefined) return null;
  const how = row.sealedIndex === undefined ? 'was aborted' : `has ended as ${row.state}`;
  return refuse('invalid', { code: 'RUN_SEALED', path, problem: `the run ${how}`, fix: 'Nothing is left to end.' });
}

function dedupedAs(run: string): Answer {
  return { status: 'deduped', run, reasons: [] };
}

function refuseUnknown(run: string): Answer {
  return refuse('invalid', {
    code: 'RUN_UNKNOWN',
    path: 'spec.run',
    problem: `there is no run ${run}`,
    fix: 'Name a run id of `waybill runs`.',
  });
}

/** Stops the run like a cancel, where something of it is still open, and notes that it must not be sealed. */
async function acceptAbort(deps: FlowDeps, draft: Draft, asked: Asked, reason: string): Promise<Decided> {
  const { run, row } = asked;
  const stops = row.completedAtMs === undefined && !row.stopping;
  if (stops) await standBehindClaims(draft, row);
  const stopping = stops ? { stopping: 'cancelled' as const } : {};
  draft.put(keys.run(run), { ...row, ...stopping, aborting: { reason } } satisfies RunRow);
  const abortAtMs = draft.atMs + ABORT_MS;
  draft.create(keys.timer(abortAtMs, `abort/${run}`), {});
  if (stops) emitStop(deps, draft, asked);
  return { status: 'accepted', run, reasons: [], abortAtMs };
}

async function takeDown(deps: FlowDeps, run: string, abortAtMs: number): Promise<void> {
  deps.hints.timerSet(abortAtMs);
  await stopRun(deps, run);
  deps.hints.runCompleted(run);
}

function emitStop(deps: FlowDeps, draft: Draft, { principal, digest, run }: Asked): void {
  const pseudonym = `hmac-sha256:${deps.signer.pseudonym(principal)}` as const;
  draft.emit(run, {
    type: 'control.accepted',
    data: { verb: 'cancel', principal: pseudonym, control: digest },
  });
  draft.emit(run, { type: 'run.stopping', data: { reason: 'cancelled' } });
}

async function accept(deps: FlowDeps, draft: Draft, asked: Asked, item: string | undefined): Promise<Answer> {
  const { principal, digest, run, row } = asked;
  if (row.completedAtMs !== undefined) {
    const problem = `the run has ended as ${row.state}`;
    return refuse('invalid', { code: 'RUN_SEALED', path: 'spec.run', problem, fix: 'Nothing is left to cancel.' });
  }
  if (row.stopping) return dedupedAs(run);
  if (item === undefined) {
    await standBehindClaims(draft, row);
    draft.put(keys.run(run), { ...row, stopping: 'cancelled' } satisfies RunRow);
    emitStop(deps, draft, asked);
    return { status: 'accepted', run, reasons: [] };
  }
  const found = await draft.readOne<ItemRow>(keys.item(run, item));
  if (!found) {
    const fix = 'Name an item of the run, as `waybill status` lists them.';
    const problem = `the run has no item ${item}`;
    return refuse('invalid', { code: 'ITEM_UNKNOWN', path: 'spec.item', problem, fix });
  }
  if (isTerminal(found.state) || found.cancelAsked) return dedupedAs(run);
  draft.put(keys.item(run, item), { ...found, cancelAsked: true } satisfies ItemRow);
  draft.create(keys.todoCancel(run, item), {});
  draft.put(keys.run(run), { ...row });
  const pseudonym = `hmac-sha256:${deps.signer.pseudonym(principal)}` as const;
  draft.emit(run, { type: 'control.accepted', data: { verb: 'cancel', item, principal: pseudonym, control: digest } });
  return { status: 'accepted', run, reasons: [] };
}
