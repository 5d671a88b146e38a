/**
 * Which characters a path or an output name may hold: none that a reader cannot see, or that moves what stands beside it.
 * The refused ones are listed by code point, not by category: a category follows the Unicode tables of the Node that
 * happens to run, and then two auditors could judge the same bundle differently.
 */
const MAX_PATH_CODE_POINTS = 1_024;

/**
 * C0 and C1 controls with DEL, the soft hyphen, zero width characters, directional marks, embeddings, overrides and
 * isolates, the line and paragraph separators, the byte order mark, and lone surrogates.
 */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/u;

/** Why the text cannot be a path in a record, or null. Says nothing about where the path leads. */
export function pathTextProblem(path: string): string | null {
  if (path === '') return 'is empty';
  // A code point takes at most two units, so that a long text is refused without being counted.
  if (path.length > 2 * MAX_PATH_CODE_POINTS || [...path].length > MAX_PATH_CODE_POINTS) {
    return `is longer than ${MAX_PATH_CODE_POINTS} characters`;
  }
  const codePoint = UNSEEN.exec(path)?.[0].codePointAt(0);
  if (codePoint === undefined) return null;
  return `holds the character U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
}
