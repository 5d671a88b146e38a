/** The id of the tree that a directory is, calculated from its bytes by git's documented format, without git. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

interface TreeRules {
  algorithm: 'sha1' | 'sha256';
  /** Path to commit, for directories that are submodules. */
  submodules: Record<string, string>;
  /** Whether a path, as UTF-8 text, is no part of the tree. */
  omit(path: string): boolean;
}

/** Without the `.git` at the top; a directory with nothing in it is no part of a tree. */
export function treeIdOf(directory: string, rules: TreeRules): string {
  return (
    treeBelow(Buffer.from(directory), '', rules)?.toString('hex') ??
    idOf('tree', Buffer.alloc(0), rules).toString('hex')
  );
}

function treeBelow(directory: Buffer, prefix: string, rules: TreeRules): Buffer | null {
  const entries: { sortedAs: Buffer; line: Buffer }[] = [];
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = `${prefix}${name.toString('utf8')}`;
    if (path === '.git' || rules.omit(path)) continue;
    const found = entryOf(Buffer.concat([directory, Buffer.from('/'), name]), path, rules);
    if (found === null) continue;
    const line = Buffer.concat([Buffer.from(`${found.mode} `), name, Buffer.from([0]), found.id]);
    entries.push({ sortedAs: found.mode === '40000' ? Buffer.concat([name, Buffer.from('/')]) : name, line });
  }
  if (entries.length === 0) return null;
  entries.sort((left, right) => Buffer.compare(left.sortedAs, right.sortedAs));
  return idOf('tree', Buffer.concat(entries.map(({ line }) => line)), rules);
}

function entryOf(place: Buffer, path: string, rules: TreeRules): { mode: string; id: Buffer } | null {
  const commit = rules.submodules[path];
  if (commit !== undefined) return { mode: '160000', id: Buffer.from(commit, 'hex') };
  const stats = lstatSync(place);
  if (stats.isDirectory()) {
    const id = treeBelow(place, `${path}/`, rules);
    return id === null ? null : { mode: '40000', id };
  }
  if (stats.isSymbolicLink()) {
    return { mode: '120000', id: idOf('blob', readlinkSync(place, { encoding: 'buffer' }), rules) };
  }
  if (!stats.isFile()) throw new TypeError(`${path} is nothing that git knows`);
  return { mode: stats.mode & 0o100 ? '100755' : '100644', id: idOf('blob', readFileSync(place), rules) };
}

function idOf(type: 'blob' | 'tree', content: Buffer, { algorithm }: TreeRules): Buffer {
  return createHash(algorithm).update(`${type} ${content.byteLength}\0`).update(content).digest();
}
