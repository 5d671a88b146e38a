/** explain and logs: one item of a run. */
import { TerminalError } from '@waybill/client';
import { openLog, tailOfLog } from '../attempt-log.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { followLog } from '../follow-log.ts';
import { accessRun, attemptOf, isCaredFor, itemOf } from '../run-access.ts';
import type { VerbCall } from '../verb.ts';
import { explainLines } from '../view/explain.ts';

const TAIL_LINES = 20;
const MAX_ATTEMPTS = 1000;

export async function explain(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  const item = itemOf(run, call.arg(1));
  const attempt = item.attempts.at(-1);
  const log = attempt === undefined || item.state === 'done' ? null : await openLog(transport, attempt);
  const logTail = log === null ? undefined : await tailOfLog(log, TAIL_LINES);
  const engineRuns = isCaredFor(call, run);
  call.terminal.emit({ run: run.run, at: run.at, item, engineRuns, logTail });
  call.terminal.say(
    explainLines({
      run,
      item,
      nowMs: engineRuns ? Date.now() : Date.parse(run.at),
      engineRuns,
      ...(logTail === undefined ? {} : { logTail }),
      hints: { command: call.command },
    }),
  );
  return EXIT.ok;
}

/** The log's own bytes, escaped on a terminal. */
export async function logs(call: VerbCall): Promise<ExitCode> {
  const transport = await call.target.open();
  const { ref, run } = await accessRun(transport, call.arg(0));
  if (call.flag('follow')) {
    const only = call.count('attempt', 1, MAX_ATTEMPTS);
    return followLog(call, {
      transport,
      ref,
      item: itemOf(run, call.arg(1)).id,
      ...(only === undefined ? {} : { only }),
    });
  }
  const attempt = attemptOf(itemOf(run, call.arg(1)), call.count('attempt', 1, MAX_ATTEMPTS));
  const log = await openLog(transport, attempt);
  if (log === null) throw attempt.endedAt === undefined ? notYet(call, attempt.id) : noLog(attempt.id);
  await call.terminal.copy(log);
  return EXIT.ok;
}

function noLog(attempt: string): TerminalError {
  const problem = 'the attempt has ended and left no log';
  const fix = 'See `waybill explain` for how it ended.';
  return new TerminalError({ code: 'OBJECT_MISSING', path: attempt, problem, fix });
}

function notYet({ target }: VerbCall, attempt: string): TerminalError {
  const problem = 'the attempt has not ended, and nothing of its log can be seen yet';
  const right = target.kind === 'aws' ? '; the policy of submitters has to admit running logs' : '';
  const fix = `Follow it (\`waybill logs --follow\`), or wait for its end (\`waybill watch\`)${right}.`;
  return new TerminalError({ code: 'OBJECT_MISSING', path: attempt, problem, fix });
}
