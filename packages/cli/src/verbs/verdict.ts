/**
 * approve and reject: the verdict of a reviewer on a gate. An approval is of what somebody has looked at, so its digest is said by
 * whoever approves and never filled in for them.
 */
import { TerminalError, type Transport } from '@waybill/client';
import type { ItemStatus, RunStatus } from '@waybill/client/documents';
import { approveItem, rejectItem } from '@waybill/client/operator';
import { usageError } from '../error-report.ts';
import type { ExitCode } from '../exit-codes.ts';
import { reportReceipt } from '../receipt-report.ts';
import { accessRun, itemOf, leftBy } from '../run-access.ts';
import { safeCell } from '../safe-text.ts';
import type { VerbCall } from '../verb.ts';
import type { Line } from '../view/styled.ts';

/** Of a digest, behind `sha256:`: nobody has two that begin alike. */
const LEAST_DIGITS = 12;
const WHOLE_DIGITS = 64;
const DIGEST_CHARS = 71;

export async function approve(call: VerbCall): Promise<ExitCode> {
  return giveVerdict(call, 'approve', approveItem);
}

export async function reject(call: VerbCall): Promise<ExitCode> {
  return giveVerdict(call, 'reject', rejectItem);
}

async function giveVerdict(call: VerbCall, verb: 'approve' | 'reject', ask: typeof approveItem): Promise<ExitCode> {
  const named = call.arg(0);
  const transport = await call.target.open();
  const found = await seenRun(transport, named);
  const shown = found === undefined ? undefined : itemOf(found, call.arg(1));
  const reviewed = reviewedBy(call, verb, found, shown);
  await call.target.ensure({});
  const target = { run: found?.run ?? named, item: shown?.id ?? call.arg(1) };
  const about = reviewed === undefined ? {} : { reviewed };
  const receipt = await call.target.answered((wait) => ask(transport, { ...target, ...about }, wait));
  const of = reviewed === undefined ? '' : `, of ${reviewed}`;
  return reportReceipt(call, receipt, `${verb} ${target.item} of run ${target.run}${of}`);
}

/** A reviewer sees no runs but his own: of another he has to be given the whole id, and the whole digest. */
async function seenRun(transport: Transport, named: string): Promise<RunStatus | undefined> {
  try {
    return (await accessRun(transport, named)).run;
  } catch (error) {
    const isUnseen = error instanceof TerminalError && error.code === 'RUN_UNKNOWN' && /^[0-9a-f]{32}$/.test(named);
    if (isUnseen) return undefined;
    throw error;
  }
}

/** Throws TerminalError USAGE where something is approved and nobody has said what was looked at, once that was shown. */
function reviewedBy(
  call: VerbCall,
  verb: 'approve' | 'reject',
  run: RunStatus | undefined,
  item: ItemStatus | undefined,
): string | undefined {
  const said = call.text('reviewed');
  const digest = item?.waiting?.gate?.reviewed;
  if (said !== undefined) return digestOf(said, item);
  if (run === undefined || item === undefined || digest === undefined || verb === 'reject') return undefined;
  call.terminal.emit({
    type: 'under-review',
    run: run.run,
    item: item.id,
    reviewed: digest,
    outputs: listOf(run, item),
  });
  call.terminal.say(underReview(run, item));
  const problem = 'the gate is about outputs, and it was not said which were looked at';
  const again = call.command(`approve ${run.run.slice(0, 12)} ${item.id} --reviewed ${digest.slice(0, 23)}`);
  throw usageError('--reviewed', problem, `Look at them, then say so: ${again}`);
}

/**
 * Undefined where there is nothing to compare it with any more: a verdict that was given before is known to the engine, and any other
 * is refused by it. Throws TerminalError USAGE and ITEM_STATE.
 */
function digestOf(said: string, item: ItemStatus | undefined): string | undefined {
  const digits = said.replace(/^sha256:/, '');
  if (!/^[0-9a-f]+$/.test(digits) || digits.length < LEAST_DIGITS || digits.length > WHOLE_DIGITS) {
    const fix = `Give all of it, or its first ${LEAST_DIGITS} hex digits or more, as \`waybill explain\` shows it.`;
    throw usageError('--reviewed', 'it is neither a digest nor the beginning of one', fix);
  }
  const isWhole = digits.length === WHOLE_DIGITS;
  const gate = item?.waiting?.gate;
  if (gate?.reviewed?.startsWith(`sha256:${digits}`)) return gate.reviewed;
  if (gate !== undefined) {
    const about = gate.reviewed === undefined ? 'about no outputs' : `about ${gate.reviewed}`;
    const problem = `that is not what the gate is about: it is ${about}`;
    const fix = 'Look at what it is about: without --reviewed, `waybill approve` shows it.';
    throw new TerminalError({ code: 'ITEM_STATE', path: '--reviewed', problem, fix });
  }
  if (isWhole) return `sha256:${digits}`;
  if (item !== undefined) return undefined;
  const problem =
    'it is the beginning of a digest, and what the gate of a run of somebody else is about cannot be seen';
  throw usageError('--reviewed', problem, 'Give the whole digest, `sha256:` and 64 hex digits, as you were told it.');
}

interface UnderReview {
  item: string;
  name: string;
  sha256: string;
}

function listOf(run: RunStatus, { waiting }: ItemStatus): UnderReview[] {
  return (waiting?.gate?.reviews ?? []).flatMap((id) => {
    const reviewed = itemOf(run, id);
    const outputs = reviewed.state === 'done' ? leftBy(reviewed).outputs : [];
    return outputs.flatMap(({ kind, name, sha256 }) => (kind === 'log' ? [] : [{ item: id, name, sha256 }]));
  });
}

function underReview(run: RunStatus, item: ItemStatus): Line[] {
  const { reviewed = '' } = item.waiting?.gate ?? {};
  return [
    [`${safeCell(item.id)} is about ${safeCell(reviewed, DIGEST_CHARS)}:`],
    ...listOf(run, item).map(
      ({ item: maker, name, sha256 }): Line => [
        `  ${safeCell(maker)}  ${safeCell(name)}  ${safeCell(sha256, DIGEST_CHARS)}`,
      ],
    ),
  ];
}
