/** When a run of a state directory changed last: by its status, or by the receipt where that is all that an engine has written. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { deriveRunId } from '@waybill/verify';
import type { Receipt } from './documents.ts';
import type { SubmissionRef } from './transport.ts';

/**
 * Null for what is no run.
 * @param outbox of the submission
 */
export async function lastChangedMs(outbox: string, ref: SubmissionRef): Promise<number | null> {
  const status = await stat(join(outbox, 'status.json')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
  return status?.mtimeMs ?? (await acceptedMs(outbox, ref));
}

/** Null: it was not accepted. What answers a control object names no run of its own submission. */
async function acceptedMs(outbox: string, { principal, submissionId }: SubmissionRef): Promise<number | null> {
  const run = deriveRunId(principal, submissionId);
  const names = await readdir(outbox).catch((): string[] => []);
  for (const name of names.filter((one) => one.startsWith('receipt-'))) {
    const path = join(outbox, name);
    const receipt = asReceipt(await readFile(path, 'utf8').catch(() => 'null'));
    const isTaken = receipt?.status === 'accepted' || receipt?.status === 'deduped';
    if (isTaken && receipt.run === run) return (await stat(path)).mtimeMs;
  }
  return null;
}

/** Null for what is none: whoever asks for that very receipt is told so. */
function asReceipt(text: string): Partial<Receipt> | null {
  try {
    return JSON.parse(text) as Partial<Receipt> | null;
  } catch {
    return null;
  }
}
