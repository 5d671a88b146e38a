/** Takes what blocks left under outputs/: plain files with safe names, within the job's limits, and nothing silently not. */
import { constants, createReadStream, createWriteStream, type Dirent } from 'node:fs';
import { type FileHandle, mkdtemp, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { JobLimits } from '#core/mailbox-protocol.ts';
import { CHECKPOINT_NAME, OUTPUT_PREFIX, outputNameProblem, PATCH_NAME } from '#core/output-name.ts';
import { ENTRY_BYTES, indexWeight, MAX_INDEX_WEIGHT } from '#core/outputs-frame.ts';
import { type AttemptEnded, breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';
import { type CapturedFile, describeFile } from './captured-file.ts';
import { hasCode } from './errno.ts';
import type { Redactor } from './redactor.ts';

/** Copies every output out of the reach of later blocks. Throws AttemptEnded naming the first file that cannot be one. */
export async function captureOutputs(
  tree: Pick<AttemptTree, 'outputs' | 'private'>,
  limits: JobLimits,
  redactor: Redactor,
): Promise<CapturedFile[]> {
  const directory = await mkdtemp(join(tree.private, 'outputs-'));
  const captured: CapturedFile[] = [];
  let totalBytes = 0;
  // The record has room for a patch and a checkpoint too, captured or not.
  let weight = indexWeight([{ name: PATCH_NAME }, { name: CHECKPOINT_NAME }]);
  for await (const path of outputPaths(tree.outputs)) {
    const name = `${OUTPUT_PREFIX}${path}`;
    if (captured.length === limits.files)
      throw breach('output_too_many', `there are more than ${limits.files} outputs`, name);
    weight += indexWeight([{ name }]);
    if (weight > MAX_INDEX_WEIGHT) {
      const problem = `the names of the outputs, with ${ENTRY_BYTES} bytes for each file, are longer than ${MAX_INDEX_WEIGHT} bytes`;
      throw breach('output_too_many', problem, name);
    }
    const copy = join(directory, String(captured.length));
    await copyPlainFile(join(tree.outputs, path), name, copy, limits.fileBytes);
    if (redactor.holds(name) || (await isLeaky(copy, redactor))) throw leak(name);
    const file = await describeFile(name, 'output', copy);
    totalBytes += file.sizeBytes;
    if (totalBytes > limits.outputsBytes) {
      throw breach('output_too_large', `the outputs are together larger than ${limits.outputsBytes} bytes`, name);
    }
    captured.push(file);
  }
  return captured;
}

/** Nothing is changed in a file: what has a secret in it is not handed on at all, and neither is anything else of the attempt. */
export function leak(name: string): AttemptEnded {
  return breach('secret_in_output', 'holds a secret', name);
}

async function isLeaky(copy: string, redactor: Redactor): Promise<boolean> {
  const look = redactor.inspector();
  for await (const chunk of createReadStream(copy)) if (look(chunk as Uint8Array)) return true;
  return false;
}

async function* outputPaths(outputs: string): AsyncGenerator<string> {
  const directories = [''];
  for (let below = directories.pop(); below !== undefined; below = directories.pop()) {
    for (const entry of await readdir(Buffer.from(join(outputs, below)), { withFileTypes: true, encoding: 'buffer' })) {
      const path = `${below}${nameOf(entry, below)}`;
      const problem = outputNameProblem(`${OUTPUT_PREFIX}${path}`, 'output');
      if (problem !== null) throw breach('output_name_invalid', `the name ${problem}`, JSON.stringify(path));
      if (entry.isDirectory()) directories.push(`${path}/`);
      else yield path;
    }
  }
}

function nameOf(entry: Dirent<Buffer>, below: string): string {
  const name = entry.name.toString('utf8');
  if (Buffer.from(name).equals(entry.name)) return name;
  throw breach('output_name_invalid', 'the name is not UTF-8', JSON.stringify(`${below}${name}`));
}

/** Judges the file that was opened, not the name: a block can no longer put another one in its place. */
async function copyPlainFile(path: string, name: string, copy: string, maxBytes: number): Promise<void> {
  const file = await openPlainFile(path, name);
  try {
    const { nlink, size } = await file.stat();
    if (nlink > 1) throw breach('output_hard_link', 'the file has another name elsewhere', name);
    if (size > maxBytes) throw breach('output_too_large', `the file is larger than ${maxBytes} bytes`, name);
    await pipeline(
      file.createReadStream({ autoClose: false, end: Math.max(0, size - 1) }),
      createWriteStream(copy, { mode: 0o600 }),
    );
  } finally {
    await file.close();
  }
}

/**
 * O_NONBLOCK: opening a pipe must not wait for a writer. `path` is without links, and what was opened must be where it
 * says: whoever still writes there could have put a link in the place of a directory on the way.
 */
export async function openPlainFile(path: string, name: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (hasCode(cause, 'ELOOP')) throw breach('output_symlink', 'a symbolic link is not an output', name, cause);
    if (hasCode(cause, 'ENXIO')) throw breach('output_special_file', 'a socket is not an output', name, cause);
    throw breach('output_unreadable', 'the file cannot be read', name, cause);
  }
  const isFile = (await file.stat()).isFile();
  // Where there is no /proc there is no sandbox either, and nothing that this would keep apart.
  const opened = await readlink(`/proc/self/fd/${file.fd}`).catch(() => path);
  if (isFile && opened === path) return file;
  await file.close();
  if (isFile) throw breach('output_symlink', 'a directory on its way was replaced by a link', name);
  throw breach('output_special_file', 'a pipe or a device is not an output', name);
}
