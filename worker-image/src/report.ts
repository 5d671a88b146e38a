/** Stages what an attempt leaves: the framed outputs and the log, where they are not small, and last the result, which closes the attempt. */
import { canonicalize, type Digest } from '@waybill/verify';
import { MAX_INLINE_BYTES, MAX_LADEN_RESULT_BYTES, type Result } from '#core/mailbox-protocol.ts';
import { hashBody } from './captured-file.ts';
import { frameOf } from './framed-files.ts';
import type { Pulse } from './heartbeat.ts';
import type { LogFile } from './log-file.ts';
import { type Body, bodyOf } from './mailbox-client.ts';
import type { PipelineEnd } from './pipeline.ts';

export interface Identity {
  attemptId: string;
  epoch: number;
  /** Digest of the bundle that ran. */
  worker: Digest;
}

/**
 * Every PUT is tried for some time, and with the newest URL; throws RetryableError MAILBOX_UNREACHABLE when the mailbox
 * stays away, TerminalError OBJECT_MISSING when it is gone.
 */
export async function report(put: Pulse['put'], identity: Identity, end: PipelineEnd, log: LogFile): Promise<void> {
  const files = [end.patch, end.checkpoint, ...end.outputs].filter((file) => file !== null);
  const outputs = files.length === 0 ? null : frameOf(files);
  const staged = outputs === null ? null : await hashBody(outputs);
  const logged = await hashBody(log.body());
  const { outcome, reason, exit, question, blocks, excluded, usage, usageProblem, egress, setup } = end;
  const bare: Result = {
    v: 1,
    ...identity,
    outcome,
    reason,
    exit,
    ...(question === undefined ? {} : { question }),
    blocks,
    ...(setup === undefined ? {} : { setup }),
    outputs: staged,
    log: { ...logged, truncated: log.truncated() },
    excluded,
    ...(usage.length === 0 ? {} : { usage }),
    ...(usageProblem === undefined ? {} : { usageUnread: true, usageProblem }),
    ...(egress === undefined ? {} : { egress }),
  };
  // Each object is a write that is paid, read and taken away again.
  let result = outputs === null ? bare : await laden(bare, 'outputs', outputs);
  if (outputs !== null && result === bare) await put('outputs', outputs, true);
  const withLog = await laden(result, 'log', log.body());
  if (withLog === result) await put('log', log.body(), false);
  result = withLog;
  await put('result', bodyOf(Buffer.from(canonicalize(result))), true);
}

/** The result with what is small enough to travel in it; itself when that is not, or when the result would not be. */
async function laden(result: Result, name: 'outputs' | 'log', body: Body): Promise<Result> {
  if (body.sizeBytes > MAX_INLINE_BYTES) return result;
  const full = { ...result, inline: { ...result.inline, [name]: await textOf(body) } };
  return Buffer.byteLength(canonicalize(full)) > MAX_LADEN_RESULT_BYTES ? result : full;
}

async function textOf(body: Body): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body.open()) parts.push(part);
  return Buffer.concat(parts).toString('base64');
}
