/** Names of outputs and paths in patches: what may become a file name on the machine of whoever reads it. */
import { MAX_PATH_LENGTH, type OutputKind } from './mailbox-protocol.ts';

/** The one name of kind `patch`. */
export const PATCH_NAME = 'patch';
/** Everything under outputs/ is named by its path from the parent of outputs/. */
export const OUTPUT_PREFIX = 'outputs/';

const MAX_SEGMENT_LENGTH = 255;
/** Control characters, the backslash, and what makes a name read differently from how it is stored. */
const FORBIDDEN = /[\p{Cc}\p{Bidi_Control}\\\ufeff]/u;

/** Null when the relative path is safe to write below a directory, else what is wrong with it, in words. */
export function pathProblem(path: string): string | null {
  if (path.length === 0) return 'is empty';
  if (path.length > MAX_PATH_LENGTH) return `is longer than ${MAX_PATH_LENGTH} characters`;
  if (!path.isWellFormed()) return 'is not Unicode';
  if (FORBIDDEN.test(path)) return 'holds a backslash, a control character or a character that hides text';
  for (const segment of path.split('/')) {
    if (segment === '') return 'is absolute or has an empty segment';
    if (segment === '.' || segment === '..') return 'has a segment that leads elsewhere';
    if (segment.length > MAX_SEGMENT_LENGTH) return `has a segment longer than ${MAX_SEGMENT_LENGTH} characters`;
  }
  return null;
}

/** Null when `name` may name an output of this kind. */
export function outputNameProblem(name: string, kind: OutputKind): string | null {
  if (kind === 'patch') return name === PATCH_NAME ? null : `is not ${PATCH_NAME}`;
  return name.startsWith(OUTPUT_PREFIX) ? pathProblem(name) : `is not below ${OUTPUT_PREFIX}`;
}

/** A segment that is `.git`, also in the spellings that some file systems take for it. */
export function isGitDirectory(segment: string): boolean {
  const plain = segment
    .replace(/\p{Cf}/gu, '')
    .replace(/:.*$/s, '')
    .replace(/[. ]+$/, '');
  return /^(\.git|git~1)$/i.test(plain);
}
