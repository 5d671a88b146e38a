/** What is wrong with a document that a person wrote: reading goes on after each mistake, so that all are said at once. */
import { TerminalError } from '@waybill/client/errors';
import type { DocumentReader } from '#core/document-reader.ts';

const MOST_SAID = 20;

export class Mistakes {
  readonly #found: TerminalError[] = [];

  /** What `read` makes of a part of the document; undefined when that is refused with a TerminalError, which is kept. */
  reading<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      this.#found.push(error);
      return undefined;
    }
  }

  /** Keeps each key that nobody has asked for, once all of an object is read: nobody knows it. */
  unknownKeys(reader: DocumentReader): void {
    for (const key of reader.unread()) this.reading(() => reader.refuse(key, 'is not a known key'));
  }

  /**
   * Throws what was found, if anything: a TerminalError with the path of the first and the problems of all; its cause is the
   * list of them, one error each.
   */
  settle(): void {
    const all = this.#found.flatMap((error) => eachOf(error));
    const [first, ...others] = all;
    if (first === undefined) return;
    if (others.length === 0) throw first;
    const said = others.slice(0, MOST_SAID - 1).map(({ path, problem }) => `${path} ${problem}`);
    const unsaid = all.length - MOST_SAID;
    const problem = [first.problem, ...said, ...(unsaid > 0 ? [`and ${unsaid} more`] : [])].join('; ');
    const fix = [...new Set(all.map((error) => error.fix))].join(' ');
    throw new TerminalError({ code: first.code, path: first.path, problem, fix }, { cause: all });
  }
}

/** An error that stands for many, as those. */
export function eachOf(error: TerminalError): readonly TerminalError[] {
  return Array.isArray(error.cause) ? (error.cause as TerminalError[]) : [error];
}
