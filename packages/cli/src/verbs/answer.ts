/** answer: what an item asked for, by the one whose run it is. */
import { readFile } from 'node:fs/promises';
import { TerminalError } from '@waybill/client';
import { answerItem } from '@waybill/client/operator';
import { usageError } from '../error-report.ts';
import type { ExitCode } from '../exit-codes.ts';
import { readProblem } from '../file-problem.ts';
import { reportReceipt } from '../receipt-report.ts';
import { accessRun, itemOf } from '../run-access.ts';
import type { VerbCall } from '../verb.ts';

/** Of the question that the status shows: if the item asks something else by the time it is answered, the answer is refused. */
export async function answer(call: VerbCall): Promise<ExitCode> {
  const text = await textOf(call);
  const transport = await call.target.open();
  const { run } = await accessRun(transport, call.arg(0));
  const { id: item, waiting } = itemOf(run, call.arg(1));
  await call.target.ensure({});
  const about = waiting?.question === undefined ? {} : { question: waiting.question.sha256 };
  const asked = answerItem(transport, { run: run.run, item, text, ...about }, { timeoutMs: call.target.patienceMs });
  return reportReceipt(call, await call.target.answered(asked), `answer ${item} of run ${run.run}`);
}

async function textOf(call: VerbCall): Promise<string> {
  const [text, file] = [call.text('text'), call.text('file')];
  if ((text === undefined) === (file === undefined))
    throw usageError('--text', 'or --file is missing, or both are there', 'Give the answer as one of the two.');
  return text ?? readAnswer(file ?? '');
}

/** Without the line feed that ends the file. Throws TerminalError FILE_UNREADABLE, and USAGE for an empty one. */
async function readAnswer(file: string): Promise<string> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)).replace(/\r?\n$/, '');
  } catch (cause) {
    const problem = cause instanceof TypeError ? 'it is not UTF-8 text' : readProblem(cause);
    const fix = 'Name a file of UTF-8 text that you may read, or give the answer as `--text`.';
    throw new TerminalError({ code: 'FILE_UNREADABLE', path: file, problem, fix }, { cause });
  }
  if (text !== '') return text;
  throw usageError(file, 'it is empty, and an empty answer says nothing', 'Write at least one character into it.');
}
