/** status and runs: how things stand, without waiting for anything. */
import { lookAtRuns, type SubmissionRef } from '@waybill/client';
import { deriveRunId } from '@waybill/verify';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessAccepted, isCaredFor } from '../run-access.ts';
import { safeCell } from '../safe-text.ts';
import type { VerbCall } from '../verb.ts';
import { counted } from '../view/measure.ts';
import { countsText, runStateCell, runTreeLines } from '../view/run-tree.ts';
import { stoppedLines } from '../view/stopped.ts';
import { toned } from '../view/styled.ts';
import { tableLines } from '../view/table.ts';

const MAX_RUNS = 100;

export async function status(call: VerbCall): Promise<ExitCode> {
  const { ref, run } = await accessAccepted(await call.target.open(), call.arg(0));
  if (run === null) return acceptedOnly(call, ref);
  const engineRuns = isCaredFor(call, run);
  call.terminal.emit({ ...run, engineRuns });
  // nobody has looked since that status was written
  const nowMs = engineRuns ? Date.now() : Date.parse(run.at);
  call.terminal.say(runTreeLines({ run, depths: new Map(), nowMs }));
  if (!engineRuns) call.terminal.say([[], ...stoppedLines(run, call)]);
  return EXIT.ok;
}

/** All that is known of it is its receipt. */
function acceptedOnly(call: VerbCall, ref: SubmissionRef): ExitCode {
  const about = acceptedAs(call, ref);
  call.terminal.emit(about);
  call.terminal.say([
    [toned('warn', 'accepted'), ` run ${about.run} from submission ${safeCell(ref.submissionId)}: no status yet`],
  ]);
  if (!about.engineRuns) call.terminal.say([[], ...stoppedLines(about, call)]);
  return EXIT.ok;
}

function acceptedAs(
  { target }: VerbCall,
  ref: SubmissionRef,
): SubmissionRef & Record<'run' | 'state', string> & { engineRuns: boolean } {
  const run = deriveRunId(ref.principal, ref.submissionId);
  return { run, ...ref, state: 'accepted', engineRuns: target.isWorking() };
}

export async function runs(call: VerbCall): Promise<ExitCode> {
  const { seen: found, unseen } = await lookAtRuns(await call.target.open(), MAX_RUNS + 1);
  const newestFirst = found.toSorted((left, right) => right.openedAt.localeCompare(left.openedAt)).slice(0, MAX_RUNS);
  for (const run of newestFirst) {
    const { items: _items, ...head } = run;
    call.terminal.emit({ ...head, engineRuns: isCaredFor(call, run) });
  }
  const begun = unseen.map((ref) => acceptedAs(call, ref));
  for (const one of begun) call.terminal.emit(one);
  const accepted = begun.map(({ run, submissionId }) => [
    { text: run.slice(0, 12) },
    { text: '' },
    { text: 'accepted', tone: 'warn' as const },
    { text: '' },
    { text: 'no status yet' },
    { text: safeCell(submissionId, 40) },
  ]);
  const written = newestFirst.map((run) => [
    { text: safeCell(run.run).slice(0, 12) },
    { text: safeCell(run.name, 32) },
    runStateCell(run),
    { text: safeCell(run.openedAt) },
    { text: countsText(run) },
    { text: safeCell(run.submissionId, 40) },
  ]);
  const rows = [...accepted, ...written];
  const head = ['RUN', 'NAME', 'STATE', 'OPENED', 'ITEMS', 'SUBMISSION'];
  const none = [[toned('quiet', `${counted(0, 'run')} in ${call.target.where}`)]];
  call.terminal.say(rows.length === 0 ? none : tableLines(head, rows));
  if (found.length + unseen.length > MAX_RUNS)
    call.terminal.say([[toned('quiet', `… and older ones; any run can be named by its id`)]]);
  const stopped = (call.target.isWorking() ? undefined : begun[0]) ?? newestFirst.find((run) => !isCaredFor(call, run));
  if (stopped !== undefined) call.terminal.say([[], ...stoppedLines(stopped, call)]);
  return EXIT.ok;
}
