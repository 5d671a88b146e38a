/**
 * Reads a patch as `git diff --binary --full-index` writes it, without git: pure code over hostile bytes, so that nothing
 * beside signing rights runs a tool on what a worker sent. It names every file that the patch touches and refuses
 * whatever it does not understand completely, because what it skipped would be what a reviewer did not see.
 */
import { PatchLines } from './patch-lines.ts';
import { parseQuotedPath } from './patch-path.ts';
import { isGitDirectory, relativePathProblem } from './relative-path.ts';

export type FileMode = '100644' | '100755' | '120000';

export interface PatchFile {
  change: 'added' | 'modified' | 'deleted' | 'renamed' | 'copied';
  /** Where the file is after the patch; for a deletion, where it was. Bytes that are not UTF-8 stand as octal escapes. */
  path: string;
  /** Where a renamed or copied file comes from. */
  from?: string;
  /** Null for added files. */
  oldMode: FileMode | null;
  /** Null for deleted files. Equal to `oldMode` unless the mode changes; both null when the patch does not say. */
  newMode: FileMode | null;
  binary: boolean;
  /** Lines; 0 for binary files. */
  added: number;
  removed: number;
}

export interface Patch {
  files: PatchFile[];
}

const MODE = /^(100644|100755|120000)$/;
const INDEX = /^index ([0-9a-f]{40}|[0-9a-f]{64})\.\.([0-9a-f]{40}|[0-9a-f]{64})(?: (\d{6}))?$/;
const HUNK = /^@@ -(\d{1,10})(?:,(\d{1,10}))? \+(\d{1,10})(?:,(\d{1,10}))? @@/;
const BINARY_HUNK = /^(?:literal|delta) \d{1,15}$/;
const BASE85 = /^[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]*$/;
const MAX_FILES = 100_000;

/** Zero bytes are an empty patch. Throws TerminalError RESULT_INVALID, with the line, for anything git would not have written. */
export function parsePatch(bytes: Uint8Array): Patch {
  const lines = new PatchLines(bytes);
  const files: PatchFile[] = [];
  const seen = new Set<string>();
  while (!lines.atEnd()) {
    const file = parseFile(lines);
    // A file that becomes a link, or the reverse, is written as a deletion and, next to it, an addition.
    const before = files.at(-1);
    const replaces = file.change === 'added' && before?.change === 'deleted' && before.path === file.path;
    if (seen.has(file.path) && !replaces) throw lines.refuse(`changes ${file.path} twice`);
    seen.add(file.path);
    files.push(file);
    if (files.length > MAX_FILES) throw lines.refuse(`changes more than ${MAX_FILES} files`);
  }
  return { files };
}

interface Header {
  names: string;
  oldMode?: FileMode;
  newMode?: FileMode;
  created: boolean;
  deleted: boolean;
  moved?: { how: 'renamed' | 'copied'; from: string; to: string };
  indexed: boolean;
}

function parseFile(lines: PatchLines): PatchFile {
  const header = parseHeader(lines);
  const names = fileNames(header, lines);
  const body = parseBody(lines, header, names);
  const file: PatchFile = {
    change: header.created ? 'added' : header.deleted ? 'deleted' : (header.moved?.how ?? 'modified'),
    path: display(names.to, lines),
    oldMode: header.created ? null : (header.oldMode ?? null),
    newMode: header.deleted ? null : (header.newMode ?? header.oldMode ?? null),
    ...body,
  };
  if (header.moved !== undefined) file.from = display(names.from, lines);
  const says = header.indexed || header.moved !== undefined || header.newMode !== undefined;
  if (!says) throw lines.refuse(`names ${file.path} without a change`);
  return file;
}

/** The lines between `diff --git` and the change itself, each at most once. */
function parseHeader(lines: PatchLines): Header {
  const first = lines.text();
  if (!first.startsWith('diff --git ')) throw lines.refuse('is not the start of a file in a git diff');
  const header: Header = { names: first.slice('diff --git '.length), created: false, deleted: false, indexed: false };
  const seen = new Set<string>();
  for (;;) {
    const line = lines.peekText();
    const key = line === null ? null : headerKey(line);
    if (line === null || key === null) return header;
    if (seen.has(key)) throw lines.refuse(`repeats the line ${key}`);
    seen.add(key);
    lines.text();
    readHeaderLine(header, key, line.slice(key.length + 1), lines);
  }
}

const HEADER_KEYS = [
  'old mode',
  'new mode',
  'new file mode',
  'deleted file mode',
  'similarity index',
  'dissimilarity index',
  'rename from',
  'rename to',
  'copy from',
  'copy to',
  'index',
] as const;
type HeaderKey = (typeof HEADER_KEYS)[number];

function headerKey(line: string): HeaderKey | null {
  return HEADER_KEYS.find((key) => line.startsWith(`${key} `)) ?? null;
}

function readHeaderLine(header: Header, key: HeaderKey, value: string, lines: PatchLines): void {
  switch (key) {
    case 'old mode':
      header.oldMode = fileMode(value, lines);
      return;
    case 'new mode':
      header.newMode = fileMode(value, lines);
      return;
    case 'new file mode':
      header.created = true;
      header.newMode = fileMode(value, lines);
      return;
    case 'deleted file mode':
      header.deleted = true;
      header.oldMode = fileMode(value, lines);
      return;
    case 'rename from':
    case 'copy from':
      header.moved = { how: key === 'rename from' ? 'renamed' : 'copied', from: value, to: '' };
      return;
    case 'rename to':
    case 'copy to':
      if (header.moved?.how !== (key === 'rename to' ? 'renamed' : 'copied'))
        throw lines.refuse('moves to without from');
      header.moved.to = value;
      return;
    case 'similarity index':
    case 'dissimilarity index':
      if (!/^(100|\d{1,2})%$/.test(value)) throw lines.refuse('is not a percentage');
      return;
    case 'index': {
      const mode = INDEX.exec(`index ${value}`);
      if (mode === null) throw lines.refuse('abbreviates or garbles object names');
      header.indexed = true;
      if (mode[3] !== undefined) header.oldMode = fileMode(mode[3], lines);
    }
  }
}

function fileMode(text: string, lines: PatchLines): FileMode {
  if (!MODE.test(text)) throw lines.refuse(`has the mode ${text.slice(0, 20)}, which is no file or symbolic link`);
  return text as FileMode;
}

interface Names {
  from: string;
  to: string;
}

/** The two names in git's written form, without `a/` and `b/`, checked against each other wherever they are repeated. */
function fileNames(header: Header, lines: PatchLines): Names {
  if (header.created && header.deleted) throw lines.refuse('both creates and deletes a file');
  if (header.moved !== undefined) {
    const { from, to } = header.moved;
    if (header.created || header.deleted || from === '' || to === '') throw lines.refuse('moves a file halfway');
    if (header.names !== `${prefixed('a', from)} ${prefixed('b', to)}`)
      throw lines.refuse('names other files than it moves');
    return { from, to };
  }
  // Both names are the same here, so the line has one middle, however many spaces the name has.
  const half = (header.names.length - 1) / 2;
  const name = unprefixed('a', header.names.slice(0, half));
  if (name === null || header.names !== `${prefixed('a', name)} ${prefixed('b', name)}`) {
    throw lines.refuse('names two files without a rename');
  }
  return { from: name, to: name };
}

function prefixed(side: 'a' | 'b', name: string): string {
  return name.startsWith('"') ? `"${side}/${name.slice(1)}` : `${side}/${name}`;
}

function unprefixed(side: 'a' | 'b', written: string): string | null {
  if (written.startsWith(`"${side}/`)) return `"${written.slice(3)}`;
  return written.startsWith(`${side}/`) ? written.slice(2) : null;
}

function display(written: string, lines: PatchLines): string {
  const path = parseQuotedPath(written);
  if (path === null) throw lines.refuse('names a path that is quoted wrongly');
  const problem = relativePathProblem(path.judged);
  if (problem !== null) throw lines.refuse(`names a path that ${problem}`);
  if (path.judged.split('/').some(isGitDirectory)) throw lines.refuse('reaches into a .git directory');
  return path.shown;
}

type Body = Pick<PatchFile, 'binary' | 'added' | 'removed'>;

function parseBody(lines: PatchLines, header: Header, names: Names): Body {
  const next = lines.peekText();
  if (next === null || next.startsWith('diff --git ')) return { binary: false, added: 0, removed: 0 };
  if (!header.indexed) throw lines.refuse('changes content without naming the objects');
  if (next === 'GIT binary patch') {
    lines.text();
    // Forward and reverse; git reads both, and only the first is applied.
    parseBinaryHunk(lines);
    if (BINARY_HUNK.test(lines.peekText() ?? '')) parseBinaryHunk(lines);
    return { binary: true, added: 0, removed: 0 };
  }
  const from = header.created ? '/dev/null' : prefixed('a', names.from);
  const to = header.deleted ? '/dev/null' : prefixed('b', names.to);
  expectName(lines, '--- ', from);
  expectName(lines, '+++ ', to);
  const body: Body = { binary: false, added: 0, removed: 0 };
  do parseHunk(lines, body);
  while (HUNK.test(lines.peekText() ?? ''));
  return body;
}

/** Git ends a name that holds a space with a tab, for readers that would split it. */
function expectName(lines: PatchLines, marker: string, name: string): void {
  const line = lines.text();
  const expected = `${marker}${name}`;
  if (line !== expected && !(line === `${expected}\t` && name.includes(' '))) {
    throw lines.refuse('names another file than its header');
  }
}

function parseHunk(lines: PatchLines, body: Body): void {
  const head = HUNK.exec(lines.textAnyEncoding());
  if (head === null) throw lines.refuse('is not a hunk');
  let oldLeft = Number(head[2] ?? 1);
  let newLeft = Number(head[4] ?? 1);
  if (oldLeft + newLeft === 0) throw lines.refuse('is a hunk of no lines');
  while (oldLeft > 0 || newLeft > 0) {
    const sign = lines.sign();
    if (sign === '\\') continue;
    if (sign !== '+') oldLeft--;
    if (sign !== '-') newLeft--;
    if (sign === '+') body.added++;
    if (sign === '-') body.removed++;
    if (oldLeft < 0 || newLeft < 0) throw lines.refuse('goes on after the lines its hunk announces');
  }
  lines.skipNoNewline();
}

function parseBinaryHunk(lines: PatchLines): void {
  if (!BINARY_HUNK.test(lines.text())) throw lines.refuse('is not a binary hunk');
  for (let line = lines.text(); line !== ''; line = lines.text()) {
    const first = line.charCodeAt(0);
    const length = first >= 97 && first <= 122 ? first - 70 : first >= 65 && first <= 90 ? first - 64 : 0;
    if (length === 0 || line.length - 1 !== Math.ceil(length / 4) * 5 || !BASE85.test(line.slice(1))) {
      throw lines.refuse('is not a line of a binary hunk');
    }
  }
}
