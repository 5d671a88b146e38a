/**
 * The framed outputs object: `waybill-outputs/v1\n`, the canonical JSON of the index, `\n`, then the files' bytes one
 * after the other in the order of the index. Names ascend, so that no two are alike and a frame has one form.
 */
import { TerminalError } from '@waybill/client/errors';
import { canonicalize } from '@waybill/verify';
import { type DocumentKind, type DocumentReader, readDocument } from './document-reader.ts';
import {
  type JobLimits,
  MAX_CHECKPOINT_BYTES,
  OUTPUTS_MAGIC,
  type OutputKind,
  type OutputsIndex,
} from './mailbox-protocol.ts';
import { outputNameProblem } from './output-name.ts';

export type OutputEntry = OutputsIndex['files'][number];

/** One file of a frame. `bytes` must be read to its end before the next file is asked for. */
export interface OutputPart extends OutputEntry {
  bytes: AsyncIterable<Uint8Array>;
}

type FrameLimits = Pick<JobLimits, 'outputsBytes' | 'fileBytes' | 'files' | 'patchBytes'>;

const FRAME: DocumentKind = { code: 'RESULT_INVALID', name: 'outputs' };
const KINDS: readonly OutputKind[] = ['patch', 'output', 'checkpoint'];
/** Longest line of a frame: the largest index that `indexWeight` lets through, with room to spare. */
export const MAX_INDEX_BYTES: number = 256 * 1024;
/**
 * The outputs of an attempt are recorded in one event line of at most 65,535 bytes, next to its blocks. What a file takes
 * there: its name as JSON, and this for its kind, size and digest.
 */
export const ENTRY_BYTES: number = 160;
export const MAX_INDEX_WEIGHT: number = 48_000;
const LINE_FEED = 0x0a;

/** What the files take in the record of their attempt, in bytes: at most MAX_INDEX_WEIGHT. */
export function indexWeight(files: readonly Pick<OutputEntry, 'name'>[]): number {
  return files.reduce((sum, { name }) => sum + utf8Length(JSON.stringify(name)) + ENTRY_BYTES, 0);
}

/** The text before the bytes. `files` without offsets; sorted by name here. Throws TerminalError RESULT_INVALID for a bad name or too many. */
export function frameHeader(files: Omit<OutputEntry, 'offset'>[]): { header: string; files: OutputEntry[] } {
  let offset = 0;
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const placed = sorted.map((file) => {
    const at = offset;
    offset += file.sizeBytes;
    return { ...file, offset: at };
  });
  checkNames(placed);
  return { header: `${OUTPUTS_MAGIC}${canonicalize({ files: placed })}\n`, files: placed };
}

/**
 * Splits a frame as it streams by. Digests are not checked here: give each `sha256` to `Artifacts.put` as `expected`.
 * Throws TerminalError RESULT_INVALID for anything but one well-formed frame within the limits, at the first byte that
 * shows it; so what was yielded before must not count until the generator has ended.
 */
export async function* splitOutputs(
  frame: AsyncIterable<Uint8Array>,
  limits: FrameLimits,
): AsyncGenerator<OutputPart, void> {
  const source = new ByteSource(frame);
  const magic = await source.line(MAX_INDEX_BYTES);
  if (magic === null || `${String.fromCharCode(...magic.subarray(0, 64))}\n` !== OUTPUTS_MAGIC) {
    throw invalid('outputs', 'does not begin with the magic line');
  }
  const index = await source.line(MAX_INDEX_BYTES);
  if (index === null) throw invalid('outputs', 'has no index line, or one that is too long');
  for (const file of parseIndex(index, limits)) {
    let left = file.sizeBytes;
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const chunk = await source.take(left);
        if (chunk === null) throw invalid(file.name, `ends ${left} bytes early`);
        left -= chunk.byteLength;
        yield chunk;
      }
    };
    yield { ...file, bytes: bytes() };
    if (left > 0) throw invalid(file.name, 'was not read to its end');
  }
  if ((await source.take(1)) !== null) throw invalid('outputs', 'goes on after its last file');
}

function parseIndex(line: Uint8Array, limits: FrameLimits): OutputEntry[] {
  const root = readDocument(line, FRAME);
  const files = root.close(root.objects('files', limits.files).map(readEntry));
  checkNames(files);
  let total = 0;
  for (const file of files) {
    if (file.offset !== total) throw invalid(file.name, 'does not start where the file before it ends');
    total += file.sizeBytes;
    if (file.sizeBytes > mostBytes(file.kind, limits)) throw invalid(file.name, 'is larger than the job allows');
  }
  if (total > limits.outputsBytes) throw invalid('outputs', 'are together larger than the job allows');
  return files;
}

function mostBytes(kind: OutputKind, { patchBytes, fileBytes }: FrameLimits): number {
  if (kind === 'checkpoint') return MAX_CHECKPOINT_BYTES;
  return kind === 'patch' ? patchBytes : fileBytes;
}

function readEntry(reader: DocumentReader): OutputEntry {
  return reader.close({
    name: reader.string('name', 4_096),
    kind: reader.oneOf('kind', KINDS),
    offset: reader.integer('offset', 0),
    sizeBytes: reader.integer('sizeBytes', 0),
    sha256: reader.digest('sha256'),
  });
}

/** Names must ascend, and a file may not also be the directory of another file. */
function checkNames(files: OutputEntry[]): void {
  if (indexWeight(files) > MAX_INDEX_WEIGHT) throw invalid('outputs', 'are too many for one record');
  const names = new Set<string>();
  let before = '';
  for (const { name, kind } of files) {
    const problem = outputNameProblem(name, kind);
    if (problem !== null) throw invalid(name, problem);
    if (name <= before) throw invalid(name, 'is not in ascending order');
    // A directory sorts before what is below it, so it would have been seen.
    for (let cut = name.lastIndexOf('/'); cut > 0; cut = name.lastIndexOf('/', cut - 1)) {
      if (names.has(name.slice(0, cut))) throw invalid(name, 'lies below a name that is a file');
    }
    names.add(name);
    before = name;
  }
}

/** Bytes of well-formed text in UTF-8; there is no encoder without a platform. */
function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0;
    length += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x1_0000 ? 3 : 4;
  }
  return length;
}

function invalid(path: string, problem: string): TerminalError {
  return new TerminalError({
    code: 'RESULT_INVALID',
    path: path.slice(0, 300),
    problem,
    fix: 'Frame the outputs as the mailbox protocol describes.',
  });
}

/** Hands out a stream in the pieces that are asked for, without copying what passes through whole. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Between 1 and `maxBytes` bytes; null at the end of the stream. */
  async take(maxBytes: number): Promise<Uint8Array | null> {
    if (this.#rest.byteLength === 0 && !(await this.#more())) return null;
    const piece = this.#rest.subarray(0, maxBytes);
    this.#rest = this.#rest.subarray(piece.byteLength);
    return piece;
  }

  /** Bytes up to the next line feed, which is consumed; null when none comes within `maxBytes`. */
  async line(maxBytes: number): Promise<Uint8Array | null> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const end = this.#rest.indexOf(LINE_FEED);
      const piece = end === -1 ? this.#rest : this.#rest.subarray(0, end);
      length += piece.byteLength;
      if (length > maxBytes) return null;
      pieces.push(piece);
      this.#rest = this.#rest.subarray(end === -1 ? piece.byteLength : end + 1);
      if (end !== -1) return concat(pieces, length);
      if (!(await this.#more())) return null;
    }
  }

  async #more(): Promise<boolean> {
    do {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#rest = next.value;
    } while (this.#rest.byteLength === 0);
    return true;
  }
}

function concat(pieces: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
