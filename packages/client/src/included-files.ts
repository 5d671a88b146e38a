/** Reads what a flow includes: files below its directory, each once, bounded in number, depth and size. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type Refusal, TerminalError } from './errors.ts';
import type { FlowFile, FlowFiles } from './flow-parts.ts';
import { includesOf, resolveInclude } from './include-path.ts';
import { FLOW_LIMITS } from './limits.ts';
import { readDocument } from './read-document.ts';
import { readYaml } from './read-yaml.ts';

interface Reading {
  directory: string;
  files: Map<string, FlowFile>;
  mentions: number;
  bytesLeft: number;
}

/**
 * @param document the flow
 * @param sizeBytes of its text
 * @param directory which nothing that is read may lie outside of, by links neither
 */
export async function readIncluded(document: unknown, sizeBytes: number, directory: string): Promise<FlowFiles> {
  const files = new Map<string, FlowFile>();
  if (includesOf(document).length === 0) return files;
  const bytesLeft = FLOW_LIMITS.flowBytes - sizeBytes;
  await readMentioned('', document, 1, { directory, files, mentions: 0, bytesLeft });
  return files;
}

/** In the order in which the compiler counts them, so that what is not read is what it refuses. */
async function readMentioned(from: string, document: unknown, depth: number, reading: Reading): Promise<void> {
  if (depth > FLOW_LIMITS.includeDepth) return;
  for (const written of includesOf(document)) {
    const resolved = resolveInclude(from, written);
    if (!resolved.ok) continue;
    reading.mentions += 1;
    if (reading.mentions > FLOW_LIMITS.includes) return;
    const { path } = resolved;
    const read = reading.files.get(path) ?? (await readFlowFile(path, reading));
    reading.files.set(path, read);
    if (read.ok) await readMentioned(path, read.value, depth + 1, reading);
  }
}

async function readFlowFile(path: string, reading: Reading): Promise<FlowFile> {
  let bytes: Uint8Array | null;
  try {
    const root = await realpath(reading.directory);
    const real = await realpath(join(root, ...path.split('/')));
    if (!real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) {
      return unread(
        'FILE_UNREADABLE',
        'the file is a link out of the directory of the flow',
        'Put the file itself there.',
      );
    }
    bytes = await readBounded(real, reading.bytesLeft);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return unread('FILE_UNREADABLE', `the file cannot be read (${why})`, 'Put it there, or include another one.');
  }
  if (bytes === null) {
    const problem = `with this file the flow has more than ${FLOW_LIMITS.flowBytes} bytes`;
    return unread('SPEC_TOO_LARGE', problem, 'Include less, or move scripts into the source.');
  }
  reading.bytesLeft -= bytes.length;
  return readDocument(bytes, readYaml);
}

/** Null: there is more of it. What is no file, such as a pipe, is not waited for. */
async function readBounded(path: string, limitBytes: number): Promise<Uint8Array | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const about = await file.stat();
    if (!about.isFile())
      throw new TerminalError({ code: 'FILE_UNREADABLE', path, problem: 'it is no file', fix: 'Name a file.' });
    return about.size > limitBytes ? null : await file.readFile();
  } finally {
    await file.close();
  }
}

function unread(code: Refusal['code'], problem: string, fix: string): FlowFile {
  return { ok: false, refusals: [{ code, path: 'document', problem, fix }] };
}
