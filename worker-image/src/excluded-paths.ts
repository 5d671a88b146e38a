/** The list of what a patch leaves out: complete, and short enough to be read. Paths are latin1 text, one character a byte. */
import { MAX_EXCLUDED, MAX_PATH_LENGTH } from '#core/mailbox-protocol.ts';
import { breach } from './attempt-ended.ts';

/** Keeps the list well inside a result of 256 KiB. */
const MAX_LIST_BYTES = 128 * 1024;

/**
 * `left/` stands for a directory of which nothing was captured. When the list would still be too long, `left/**` stands
 * for several paths below a directory of which some files were captured: still true, only less exact.
 * Throws AttemptEnded `excluded_too_many` when even the top of the tree has too many.
 */
export function summarizeExcluded(excluded: Iterable<string>, captured: Iterable<string>): string[] {
  const kept = new Set<string>();
  for (const path of captured) {
    for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) kept.add(path.slice(0, cut));
  }
  let list = [...new Set([...excluded].map((path) => highestUncaptured(path, kept)))];
  for (let depth = deepest(list) - 1; !fits(list) && depth > 0; depth--) {
    list = [...new Set(list.map((path) => truncate(path, depth)))];
  }
  if (!fits(list))
    throw breach('excluded_too_many', 'too many files are left out of the patch to be listed', 'workspace');
  return list.map((path) => Buffer.from(path, 'latin1').toString('utf8')).sort();
}

function highestUncaptured(path: string, kept: ReadonlySet<string>): string {
  for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) {
    if (!kept.has(path.slice(0, cut))) return path.slice(0, cut + 1);
  }
  return path;
}

function truncate(path: string, depth: number): string {
  const segments = path.split('/');
  return segments.length <= depth ? path : `${segments.slice(0, depth).join('/')}/**`;
}

function deepest(paths: string[]): number {
  return paths.reduce((most, path) => Math.max(most, path.split('/').length), 0);
}

function fits(list: string[]): boolean {
  const sizeBytes = list.reduce((sum, path) => sum + path.length, 0);
  return (
    list.length <= MAX_EXCLUDED && sizeBytes <= MAX_LIST_BYTES && list.every((path) => path.length <= MAX_PATH_LENGTH)
  );
}
