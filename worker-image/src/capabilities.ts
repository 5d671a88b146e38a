/** Lays the capabilities of a job where its blocks find them: checked, over each other in their order, and read-only. */
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type NamedFolder, type Overlay, overlay } from '@waybill/client/capability-overlay';
import { WaybillError } from '@waybill/client/errors';
import { readTar } from '@waybill/client/read-tar';
import { CAPABILITY_KEY } from '@waybill/verify';
import type { Lease, LeaseInput } from '#core/mailbox-protocol.ts';
import { breach } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';

/** A script that has to end with 0 before any block runs. */
export interface SetupScript {
  capability: string;
  /** Its place below the directory of capabilities. */
  file: string;
  /** Has a line that says what runs it. */
  isProgram: boolean;
}

/** Below the directory of capabilities: what blocks see as theirs, and setup scripts, which no capability can lay down. */
export const CAPABILITY_FILES = 'files';
const SETUP_FOLDER = 'setup';

export function isCapability({ key }: Pick<LeaseInput, 'key'>): boolean {
  return key.startsWith(CAPABILITY_KEY);
}

/**
 * @param fetch brings one archive to a path, and throws where it is not the bytes that the manifest names
 * Throws AttemptEnded `capability_invalid` for what is no archive of a folder, and for a job that names others than its inputs are.
 */
export async function layCapabilities(
  tree: AttemptTree,
  lease: Lease,
  fetch: (input: LeaseInput, path: string) => Promise<void>,
): Promise<SetupScript[]> {
  const { capabilities: names = [] } = lease.job;
  const inputs = new Map(lease.inputs.filter(isCapability).map((input) => [input.key, input]));
  const archives = names.map((name) => inputs.get(`${CAPABILITY_KEY}${name}`));
  if (new Set(archives).size !== inputs.size || archives.includes(undefined)) {
    throw breach('capability_invalid', 'are not those that the job names', 'capabilities');
  }
  if (names.length === 0) return [];
  const folders: NamedFolder[] = [];
  for (const [n, input] of archives.entries()) {
    if (input === undefined) continue;
    const path = join(tree.private, `capability-${n}`);
    await fetch(input, path);
    folders.push({ name: names[n] ?? '', ...unpacked(await readFile(path), input.key) });
    await rm(path);
  }
  return await lay(tree, overlaid(folders));
}

function unpacked(bytes: Uint8Array, key: string): Pick<NamedFolder, 'entries'> {
  try {
    return { entries: readTar(bytes) };
  } catch (cause) {
    throw invalid(cause, key);
  }
}

function overlaid(folders: NamedFolder[]): Overlay {
  try {
    return overlay(folders);
  } catch (cause) {
    throw invalid(cause, 'capabilities');
  }
}

function invalid(cause: unknown, path: string): unknown {
  if (!(cause instanceof WaybillError)) return cause;
  return breach('capability_invalid', `cannot be laid down: ${cause.path}: ${cause.problem}`, path, cause);
}

async function lay(tree: AttemptTree, { entries, setups }: Overlay): Promise<SetupScript[]> {
  const root = join(tree.capabilities, CAPABILITY_FILES);
  const folders = new Set([root]);
  // Links last: nothing is ever written through one.
  for (const { path, kind, bytes } of entries.toSorted(
    (a, b) => Number(a.kind === 'link') - Number(b.kind === 'link'),
  )) {
    const file = join(root, path);
    for (let at = dirname(file); !folders.has(at); at = dirname(at)) folders.add(at);
    await mkdir(dirname(file), { recursive: true });
    if (kind === 'link') await symlink(Buffer.from(bytes).toString(), file);
    else await writeFile(file, bytes, { flag: 'wx', mode: kind === 'executable' ? 0o555 : 0o444 });
  }
  await mkdir(root, { recursive: true });
  const scripts = await laySetups(tree, setups);
  for (const folder of folders) await chmod(folder, 0o555);
  for (const folder of [join(tree.capabilities, SETUP_FOLDER), tree.capabilities]) await chmod(folder, 0o555);
  return scripts;
}

async function laySetups(tree: AttemptTree, setups: Overlay['setups']): Promise<SetupScript[]> {
  await mkdir(join(tree.capabilities, SETUP_FOLDER), { recursive: true });
  const scripts: SetupScript[] = [];
  for (const { name, bytes } of setups) {
    const file = join(SETUP_FOLDER, name);
    await writeFile(join(tree.capabilities, file), bytes, { flag: 'wx', mode: 0o555 });
    scripts.push({ capability: name, file, isProgram: bytes[0] === 0x23 && bytes[1] === 0x21 });
  }
  return scripts;
}
