/** The log of an attempt: sealed with its outputs once it has ended, as its worker last put it while it runs. */
import type { AttemptStatus, Transport } from '@waybill/client';
import { outputOf } from './run-access.ts';

/** Null when the attempt has written nothing, or nothing that was kept. */
export async function openLog(transport: Transport, attempt: AttemptStatus): Promise<AsyncIterable<Uint8Array> | null> {
  const sealed = outputOf(attempt, 'log');
  if (sealed !== undefined) return transport.openArtifact(sealed.sha256);
  return transport.openLiveLog(attempt.id, 0);
}

const MAX_TAIL_BYTES = 64 * 1024;

/** The last lines of a log. */
export async function tailOfLog(log: AsyncIterable<Uint8Array>, lines: number): Promise<string> {
  let kept = Buffer.alloc(0);
  for await (const chunk of log) kept = Buffer.concat([kept, chunk]).subarray(-MAX_TAIL_BYTES);
  return kept.toString('utf8').replace(/\n$/, '').split('\n').slice(-lines).join('\n');
}
