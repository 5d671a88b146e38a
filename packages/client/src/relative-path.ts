/** Paths below a directory: what may become a file name on the machine of whoever reads it. */
import { pathTextProblem } from '@waybill/verify';

const MAX_SEGMENT_LENGTH = 255;

/** Null when the relative path is safe to write below a directory, else what is wrong with it, in words. */
export function relativePathProblem(path: string): string | null {
  const problem = pathTextProblem(path);
  if (problem !== null) return problem;
  if (path.includes('\\')) return 'holds a backslash';
  for (const segment of path.split('/')) {
    if (segment === '') return 'is absolute or has an empty segment';
    if (segment === '.' || segment === '..') return 'has a segment that leads elsewhere';
    if (segment.length > MAX_SEGMENT_LENGTH) return `has a segment longer than ${MAX_SEGMENT_LENGTH} characters`;
  }
  return null;
}

/**
 * Null when a link at `path` leads to a place in the same folder, else what is wrong with it, in words. Steps back stand at its
 * beginning only: behind a name they would start from wherever that leads.
 */
export function linkProblem(path: string, target: string): string | null {
  const steps = /^(?:\.\.\/)*/.exec(target)?.[0].length ?? 0;
  const problem = relativePathProblem(target.slice(steps));
  if (problem !== null) return `is a link whose target ${problem}`;
  return steps / 3 < path.split('/').length ? null : 'is a link that leads out of the folder';
}

/** A segment that is `.git`, also in the spellings that some file systems take for it. */
export function isGitDirectory(segment: string): boolean {
  const plain = segment
    .replace(/\p{Cf}/gu, '')
    .replace(/:.*$/s, '')
    .replace(/[. ]+$/, '');
  return /^(\.git|git~1)$/i.test(plain);
}
