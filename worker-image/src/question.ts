/** What a block asks of people: plain text that it leaves in outputs/question.txt before it ends with the exit code for that. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { PLAIN_LINES } from '@waybill/verify';
import { MAX_QUESTION_CHARS, WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { openPlainFile } from './capture-outputs.ts';
import { hasCode } from './errno.ts';

/** As the worker's own exit code for the same. */
export const ASKING_EXIT: number = WORKER_EXIT.needsInput;

const NAME = 'outputs/question.txt';
/** Four bytes a character is the most that UTF-8 takes. */
const MAX_BYTES = 4 * MAX_QUESTION_CHARS;

/** Null where there is none. Throws AttemptEnded for one that is no plain file of plain text, or too long. */
export async function readQuestion(tree: AttemptTree): Promise<string | null> {
  const path = join(tree.outputs, 'question.txt');
  try {
    const found = await lstat(path);
    if (found.isDirectory()) throw breach('question_invalid', 'is a directory, and no file', NAME);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  const file = await openPlainFile(path, NAME);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0);
    const text = textOf(buffer.subarray(0, bytesRead));
    if (text !== null && text.length <= MAX_QUESTION_CHARS && PLAIN_LINES.test(text)) return text;
    throw breach('question_invalid', `is not 1 to ${MAX_QUESTION_CHARS} characters of plain text`, NAME);
  } finally {
    await file.close();
  }
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
