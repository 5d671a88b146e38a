/**
 * Reads a JSON document that somebody else wrote: every key must be known, every value of its kind and within its
 * bounds. The first contradiction throws TerminalError with the path of the value, in the words of the caller's code.
 */
import { type ErrorCode, TerminalError } from '@waybill/client/errors';
import { type Digest, isTime, parseCanonical } from '@waybill/verify';

/** Which document is read, for the error. */
export interface DocumentKind {
  code: ErrorCode;
  name: string;
  /** Where its author finds how to write it; the page of the mailbox protocol unless told. */
  fix?: string;
  /** Of the path in an error, which quotes keys; 300 unless told. */
  maxPathChars?: number;
}

const MAX_PATH_CHARS = 300;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const HEX_32 = /^[0-9a-f]{32}$/;

/** The top of a document from its bytes, which must be canonical JSON (RFC 8785). */
export function readDocument(bytes: Uint8Array, kind: DocumentKind): DocumentReader {
  try {
    return new DocumentReader(parseCanonical(bytes), kind.name, kind);
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    throw refusal(kind, kind.name, 'is not canonical JSON', error);
  }
}

export class DocumentReader {
  readonly #fields: Map<string, unknown>;
  readonly #path: string;
  readonly #kind: DocumentKind;

  constructor(value: unknown, path: string, kind: DocumentKind) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw refusal(kind, path, 'is not an object');
    }
    this.#fields = new Map(Object.entries(value));
    this.#path = path;
    this.#kind = kind;
  }

  has(key: string): boolean {
    return this.#fields.has(key);
  }

  /** For a value of which there are two kinds. */
  holdsObject(key: string): boolean {
    return typeof this.#fields.get(key) === 'object';
  }

  string(key: string, maxLength: number, pattern?: RegExp): string {
    const value = this.#take(key);
    if (typeof value !== 'string' || value.length > maxLength) this.refuse(key, `is not text of at most ${maxLength}`);
    if (pattern !== undefined && !pattern.test(value as string)) this.refuse(key, `does not match ${pattern.source}`);
    return value as string;
  }

  digest(key: string): Digest {
    return this.string(key, 71, DIGEST) as Digest;
  }

  /** A run or attempt id. */
  id(key: string): string {
    return this.string(key, 32, HEX_32);
  }

  /** ISO-8601 UTC with milliseconds, of a day that exists. */
  instant(key: string): string {
    const text = this.string(key, 24);
    if (!isTime(text)) this.refuse(key, 'is not a UTC time with milliseconds');
    return text;
  }

  integer(key: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(key);
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      this.refuse(key, `is not an integer from ${min} to ${max}`);
    }
    return value as number;
  }

  boolean(key: string): boolean {
    const value = this.#take(key);
    if (typeof value !== 'boolean') this.refuse(key, 'is neither true nor false');
    return value as boolean;
  }

  oneOf<T extends string | number>(key: string, values: readonly T[]): T {
    const value = this.#take(key);
    if (!values.includes(value as T)) this.refuse(key, `is none of ${values.join(', ')}`);
    return value as T;
  }

  object(key: string): DocumentReader {
    return new DocumentReader(this.#take(key), `${this.#path}.${key}`, this.#kind);
  }

  /** Null, or what `read` makes of the value. */
  nullable<T>(key: string, read: (reader: this) => T): T | null {
    if (this.#fields.get(key) !== null) return read(this);
    this.#fields.delete(key);
    return null;
  }

  objects(key: string, maxCount: number): DocumentReader[] {
    return this.#list(key, maxCount).map(
      (value, index) => new DocumentReader(value, `${this.#path}.${key}[${index}]`, this.#kind),
    );
  }

  strings(key: string, maxCount: number, maxLength: number): string[] {
    return this.#list(key, maxCount).map((value, index) => {
      if (typeof value !== 'string' || value.length > maxLength) {
        this.refuse(`${key}[${index}]`, `is not text of at most ${maxLength}`);
      }
      return value as string;
    });
  }

  textOrTexts(key: string, maxCount: number, maxLength: number): string | string[] {
    return Array.isArray(this.#fields.get(key)) ? this.strings(key, maxCount, maxLength) : this.string(key, maxLength);
  }

  /** An object whose keys are the author's, for a place where NUL ends a text. */
  texts(key: string, maxCount: number, maxLength: number): Record<string, string> {
    const value = this.#take(key);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.refuse(key, 'is not an object');
    const entries = Object.entries(value as object);
    if (entries.length > maxCount) this.refuse(key, `has more than ${maxCount} keys`);
    for (const [name, text] of entries) {
      if (typeof text !== 'string' || text.length > maxLength) {
        this.refuse(`${key}.${name}`, `is not text of at most ${maxLength}`);
      }
      if (name.includes('\0') || text.includes('\0')) this.refuse(key, 'holds a NUL character');
    }
    return Object.fromEntries(entries);
  }

  /** Anything; for parts that another parser judges. */
  verbatim(key: string): unknown {
    return this.#take(key);
  }

  /** Keys that nothing has asked for so far. */
  unread(): string[] {
    return [...this.#fields.keys()];
  }

  /** Returns the value built from this object, once no key is left: one that nobody read is one that nobody knows. */
  close<T>(value: T): T {
    const [unknown] = this.#fields.keys();
    if (unknown !== undefined) this.refuse(unknown, 'is not a known key');
    return value;
  }

  /** For what the caller finds wrong with a value that was read. */
  refuse(key: string, problem: string): never {
    throw refusal(this.#kind, `${this.#path}.${key}`.slice(0, this.#kind.maxPathChars ?? MAX_PATH_CHARS), problem);
  }

  #list(key: string, maxCount: number): unknown[] {
    const value = this.#take(key);
    if (!Array.isArray(value) || value.length > maxCount) this.refuse(key, `is not a list of at most ${maxCount}`);
    return value as unknown[];
  }

  #take(key: string): unknown {
    if (!this.#fields.has(key)) this.refuse(key, 'is missing');
    const value = this.#fields.get(key);
    this.#fields.delete(key);
    return value;
  }
}

function refusal(kind: DocumentKind, path: string, problem: string, cause?: unknown): TerminalError {
  return new TerminalError(
    { code: kind.code, path, problem, fix: kind.fix ?? `Write the ${kind.name} as the mailbox protocol describes it.` },
    { cause },
  );
}
