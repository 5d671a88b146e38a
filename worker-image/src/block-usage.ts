/** What a block says it used of models. The file is the block's: whatever it is, reading it does no harm. */
import { constants, lstatSync, type Stats } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import type { ClaimedUsage } from '@waybill/verify';
import { MAX_USAGE, MAX_USAGE_BYTES } from '#core/mailbox-protocol.ts';
import { parseUsageFile } from '#core/usage-document.ts';
import type { AttemptTree } from './attempt-tree.ts';
import type { DoorUsage } from './model/door.ts';
import type { Redactor } from './redactor.ts';

export const USAGE_FILE = 'usage.json';

export interface BlockUsage {
  usage: ClaimedUsage[];
  /** There is something in its place that cannot be read, or an answer of its model that did not say what it took; and why. */
  problem?: string;
}

/**
 * Takes the file away, so that the next block does not say the same again. Never throws for what is in it. What passed
 * through a door to its model was counted by the wrapper: then what the block says is not asked.
 */
export async function takeUsage(
  tree: AttemptTree,
  block: number,
  before: readonly ClaimedUsage[],
  redactor: Pick<Redactor, 'text'>,
  passed: DoorUsage | null = null,
): Promise<BlockUsage> {
  const said = await takeFile(tree, block, before, redactor);
  if (passed === null) return said;
  const usage = [...before, ...passed.usage.map((entry) => ({ block, ...entry }))];
  if (usage.length > MAX_USAGE) return { usage: [...before], problem: TOO_MANY };
  return passed.isUnread ? { usage, problem: UNSAID } : { usage };
}

async function takeFile(
  tree: AttemptTree,
  block: number,
  before: readonly ClaimedUsage[],
  redactor: Pick<Redactor, 'text'>,
): Promise<BlockUsage> {
  const file = join(tree.home, USAGE_FILE);
  const home = there(tree.home);
  // A link in its place would lead to files that are not the block's.
  if (!home?.isDirectory()) return { usage: [...before], problem: 'its directory was replaced' };
  const found = there(file);
  if (found === null) return { usage: [...before] };
  try {
    if (!found.isFile()) return { usage: [...before], problem: 'it is no plain file' };
    const usage = [...before, ...parseUsageFile(await textOf(file)).map((entry) => ({ block, ...entry }))];
    return usage.length > MAX_USAGE ? { usage: [...before], problem: TOO_MANY } : { usage };
  } catch (error) {
    return { usage: [...before], problem: redactor.text(problemOf(error)).slice(0, MAX_PROBLEM_CHARS) };
  } finally {
    await rm(file, { recursive: true, force: true }).catch(() => {});
  }
}

/** Null for what cannot be looked at, too. */
function there(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

/** Room for the place of the block in what is reported. What is cut before secrets are taken out may hold a part of one. */
const MAX_PROBLEM_CHARS = 200;
const TOO_LONG = `it is no plain file of at most ${MAX_USAGE_BYTES} bytes`;
const UNSAID = 'an answer of its model did not say what it took';
const TOO_MANY = `with those of the blocks before it has more than ${MAX_USAGE} entries`;

/** Of the words of the block it quotes keys alone, and those whole. */
function problemOf(error: unknown): string {
  if (error instanceof TerminalError) return `${error.path} ${error.problem}`;
  if (error instanceof RangeError) return error.message;
  return error instanceof TypeError ? 'it is not UTF-8 text' : 'it cannot be opened';
}

/** Throws for what is no file, and for one that is too long. */
async function textOf(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const kind = await handle.stat();
    if (!kind.isFile() || kind.size > MAX_USAGE_BYTES) throw new RangeError(TOO_LONG);
    const bytes = Buffer.alloc(MAX_USAGE_BYTES + 1);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    if (bytesRead > MAX_USAGE_BYTES) throw new RangeError(TOO_LONG);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}
