/**
 * What an attempt that ends before its time leaves for a later one of its item: the files that its blocks have put into the
 * directory for that. A checkpoint is a framed object of its own, in which `outputs/` stands for that directory.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { WaybillError } from '@waybill/client/errors';
import { type JobLimits, MAX_CHECKPOINT_BYTES } from '#core/mailbox-protocol.ts';
import { CHECKPOINT_NAME, OUTPUT_PREFIX } from '#core/output-name.ts';
import { MAX_INDEX_BYTES, splitOutputs } from '#core/outputs-frame.ts';
import { AttemptEnded, breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { captureOutputs, leak } from './capture-outputs.ts';
import { type CapturedFile, describeFile } from './captured-file.ts';
import { hasCode } from './errno.ts';
import { frameOf } from './framed-files.ts';
import type { Redactor } from './redactor.ts';

const DIRECTORY = 'checkpoint/';
const TOO_LARGE: ReadonlySet<string> = new Set(['output_too_large', 'output_too_many']);

/** Null when nothing was left. Throws AttemptEnded `checkpoint_too_large`, `checkpoint_invalid` or `secret_in_output`. */
export async function captureCheckpoint(
  tree: AttemptTree,
  limits: JobLimits,
  redactor: Redactor,
): Promise<CapturedFile | null> {
  const files = await captureFiles(tree, limits, redactor);
  if (files.length === 0) return null;
  const path = join(tree.private, 'checkpoint-left');
  await pipeline(frameOf(files).open(), createWriteStream(path, { mode: 0o600 }));
  return await describeFile(CHECKPOINT_NAME, 'checkpoint', path);
}

async function captureFiles(tree: AttemptTree, limits: JobLimits, redactor: Redactor): Promise<CapturedFile[]> {
  const mostBytes = MAX_CHECKPOINT_BYTES - MAX_INDEX_BYTES;
  try {
    if (!(await lstat(tree.checkpoint)).isDirectory())
      throw breach('checkpoint_invalid', 'is no directory any more', DIRECTORY);
    const places = { outputs: tree.checkpoint, private: tree.private };
    return await captureOutputs(places, { ...limits, outputsBytes: mostBytes, fileBytes: mostBytes }, redactor);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    if (!(error instanceof AttemptEnded)) throw breach('checkpoint_invalid', 'cannot be read', DIRECTORY, error);
    if (error.reason === 'checkpoint_invalid') throw error;
    const path = error.path.replace(OUTPUT_PREFIX, DIRECTORY);
    if (error.reason === 'secret_in_output') throw leak(path);
    const reason = TOO_LARGE.has(error.reason) ? 'checkpoint_too_large' : 'checkpoint_invalid';
    throw breach(reason, error.problem, path, error);
  }
}

/** Puts the files of a checkpoint where the blocks find them. Throws AttemptEnded `checkpoint_invalid` for what is none. */
export async function unpackCheckpoint(tree: AttemptTree, path: string, limits: JobLimits): Promise<void> {
  const most = { ...limits, outputsBytes: MAX_CHECKPOINT_BYTES, fileBytes: MAX_CHECKPOINT_BYTES };
  try {
    for await (const { name, bytes } of splitOutputs(createReadStream(path), most)) {
      const file = join(tree.checkpoint, name.slice(OUTPUT_PREFIX.length));
      await mkdir(dirname(file), { recursive: true });
      await pipeline(bytes, createWriteStream(file, { flags: 'wx' }));
    }
  } catch (cause) {
    if (!(cause instanceof WaybillError)) throw cause;
    throw breach('checkpoint_invalid', `is not one that can be read: ${cause.problem}`, DIRECTORY, cause);
  }
}
