/** The lines of a patch, as bytes: content may be in any encoding, only what git itself writes is text. */
import { TerminalError } from './errors.ts';

const LINE_FEED = 0x0a;
const NO_NEWLINE = '\\ No newline at end of file';
/** Longer than any header line can be with both names quoted; content lines are never turned into text. */
const MAX_TEXT_BYTES = 20_000;

export type Sign = '+' | '-' | ' ' | '\\';

export class PatchLines {
  readonly #bytes: Uint8Array;
  #at = 0;
  #line = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next line without consuming it; null at the end. What is not ASCII reads as U+FFFD and matches nothing. */
  peekText(): string | null {
    if (this.atEnd()) return null;
    return this.#decode(this.#at, Math.min(this.#lineEnd(), this.#at + MAX_TEXT_BYTES));
  }

  /** Consumes a line that git wrote: ASCII, since it quotes every other byte. */
  text(): string {
    const line = this.textAnyEncoding();
    if (line.includes('\ufffd')) throw this.refuse('holds bytes that git would have quoted');
    return line;
  }

  /** Consumes a line whose tail may be content in any encoding, such as the heading of a hunk. */
  textAnyEncoding(): string {
    const start = this.#at;
    const end = this.#advance();
    if (end - start > MAX_TEXT_BYTES) throw this.refuse('is longer than any line that git writes');
    return this.#decode(start, end);
  }

  /** Consumes a content line of a hunk and answers its first character. */
  sign(): Sign {
    const start = this.#at;
    const end = this.#advance();
    const sign = String.fromCharCode(this.#bytes[start] ?? 0);
    if (sign === '+' || sign === '-' || sign === ' ') return sign;
    if (this.#decode(start, Math.min(end, start + NO_NEWLINE.length + 1)) === NO_NEWLINE) return '\\';
    throw this.refuse('is not a line of a hunk');
  }

  /** Consumes the note that the last line of a hunk has no line feed, when it is there. */
  skipNoNewline(): void {
    if (this.peekText() === NO_NEWLINE) this.#advance();
  }

  refuse(problem: string): TerminalError {
    return new TerminalError({
      code: 'RESULT_INVALID',
      path: `patch:${this.#line}`,
      problem,
      fix: 'Capture the patch with git diff --binary --full-index.',
    });
  }

  #lineEnd(): number {
    const end = this.#bytes.indexOf(LINE_FEED, this.#at);
    return end === -1 ? this.#bytes.length : end;
  }

  #advance(): number {
    this.#line++;
    if (this.atEnd()) throw this.refuse('is missing');
    const end = this.#lineEnd();
    if (end === this.#bytes.length) throw this.refuse('does not end with a line feed');
    this.#at = end + 1;
    return end;
  }

  #decode(start: number, end: number): string {
    let text = '';
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] as number;
      text += byte < 0x80 ? String.fromCharCode(byte) : '\ufffd';
    }
    return text;
  }
}
