/** answer: what an item asked for, by the one whose run it is. */
import { TerminalError } from '@waybill/client';
import { CONTROL_LIMITS } from '@waybill/client/limits';
import { answerItem } from '@waybill/client/operator';
import { usageError } from '../error-report.ts';
import type { ExitCode } from '../exit-codes.ts';
import { readNamed } from '../named-file.ts';
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
  const target = { run: run.run, item, text, ...about };
  const receipt = await call.target.answered((wait) => answerItem(transport, target, wait));
  return reportReceipt(call, receipt, `answer ${item} of run ${run.run}`);
}

async function textOf(call: VerbCall): Promise<string> {
  const [text, file] = [call.text('text'), call.text('file')];
  if ((text === undefined) === (file === undefined))
    throw usageError('--text', 'or --file is missing, or both are there', 'Give the answer as one of the two.');
  return text ?? readAnswer(file ?? '');
}

const FILE_FIX = 'Name a file of UTF-8 text that you may read, or give the answer as `--text`.';
/** Of the longest answer in UTF-8, with the end of its line. */
const MOST_BYTES = 3 * CONTROL_LIMITS.answerChars + 2;

/** Without the line feed that ends the file. Throws TerminalError FILE_UNREADABLE, and USAGE for one that is empty or too long. */
async function readAnswer(file: string): Promise<string> {
  const bytes = await readNamed(file, MOST_BYTES, FILE_FIX);
  if (bytes.length > MOST_BYTES) throw tooLong(file);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (cause) {
    const problem = 'it is not UTF-8 text';
    throw new TerminalError({ code: 'FILE_UNREADABLE', path: file, problem, fix: FILE_FIX }, { cause });
  }
  if (text.length > CONTROL_LIMITS.answerChars) throw tooLong(file);
  if (text !== '') return text;
  throw usageError(file, 'it is empty, and an empty answer says nothing', 'Write at least one character into it.');
}

function tooLong(file: string): TerminalError {
  const problem = `it holds more than the ${CONTROL_LIMITS.answerChars} characters of an answer`;
  return usageError(file, problem, 'Say it in fewer, and put what is long where the item can read it.');
}
