/** Cuts a stream of bytes into lines, holding at most one line. */
import { concatBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';

const NEWLINE = 0x0a;

interface SizeLimits {
  lineBytes: number;
  fileBytes: number;
}

export class LineSplitter {
  readonly #limits: SizeLimits;
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #fileBytes = 0;

  constructor(limits: SizeLimits) {
    this.#limits = limits;
  }

  /** The lines that this chunk ends, without their newlines. Throws EvidenceError `LIMIT`. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    this.#fileBytes += chunk.length;
    if (this.#fileBytes > this.#limits.fileBytes) {
      throw new EvidenceError('LIMIT', `the file is longer than ${this.#limits.fileBytes} bytes`);
    }
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      this.#mustFit(piece.length);
      yield this.#restBytes === 0 ? piece : concatBytes([...this.#rest, piece]);
      this.#rest = [];
      this.#restBytes = 0;
    }
    const piece = chunk.subarray(start);
    this.#mustFit(piece.length);
    // Copied, because the caller may use the chunk's memory again.
    if (piece.length > 0) this.#rest.push(Uint8Array.from(piece));
    this.#restBytes += piece.length;
  }

  /** Throws EvidenceError `CONTAINER` when the stream ended inside a line. */
  finish(): void {
    if (this.#restBytes > 0) throw new EvidenceError('CONTAINER', 'the file ends inside a line');
  }

  #mustFit(moreBytes: number): void {
    if (this.#restBytes + moreBytes > this.#limits.lineBytes) {
      throw new EvidenceError('LIMIT', `a line is longer than ${this.#limits.lineBytes} bytes`);
    }
  }
}
