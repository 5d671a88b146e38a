/** status and runs: how things stand, without waiting for anything. */
import { listRuns } from '@waybill/client';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { accessRun } from '../run-access.ts';
import { safeCell } from '../safe-text.ts';
import type { VerbCall } from '../verb.ts';
import { counted } from '../view/measure.ts';
import { countsText, RUN_TONE, runTreeLines } from '../view/run-tree.ts';
import { toned } from '../view/styled.ts';
import { tableLines } from '../view/table.ts';

const MAX_RUNS = 100;

export async function status(call: VerbCall): Promise<ExitCode> {
  const { run } = await accessRun(await call.target.open(), call.arg(0));
  call.terminal.emit(run);
  call.terminal.say(runTreeLines({ run, depths: new Map(), nowMs: Date.now() }));
  return EXIT.ok;
}

export async function runs(call: VerbCall): Promise<ExitCode> {
  const found = await listRuns(await call.target.open(), MAX_RUNS);
  const newestFirst = found.toSorted((left, right) => right.openedAt.localeCompare(left.openedAt));
  for (const { items: _items, ...head } of newestFirst) call.terminal.emit(head);
  const rows = newestFirst.map((run) => [
    { text: safeCell(run.run).slice(0, 12) },
    { text: safeCell(run.name, 32) },
    { text: safeCell(run.state), tone: RUN_TONE[run.state] ?? 'warn' },
    { text: safeCell(run.openedAt) },
    { text: countsText(run) },
    { text: safeCell(run.submissionId, 40) },
  ]);
  const head = ['RUN', 'NAME', 'STATE', 'OPENED', 'ITEMS', 'SUBMISSION'];
  const none = [[toned('quiet', `${counted(0, 'run')} in ${call.target.where}`)]];
  call.terminal.say(rows.length === 0 ? none : tableLines(head, rows));
  return EXIT.ok;
}
