/** What every transport says of bytes that are not there, are too many, or are others than their digest says. */
import type { Digest } from '@waybill/verify';
import { TerminalError } from './errors.ts';

export function mismatch(digest: Digest): TerminalError {
  const fix = 'Do not use these bytes; the file was changed or damaged.';
  return new TerminalError({ code: 'OBJECT_DIGEST_MISMATCH', path: digest, problem: 'the bytes are others', fix });
}

export function missing(digest: Digest): TerminalError {
  const fix = 'Check the digest, and that this is the deployment that made it.';
  return new TerminalError({ code: 'OBJECT_MISSING', path: digest, problem: 'there is no such artifact', fix });
}

/** @param path its digest, or its key */
export function tooLarge(path: string, sizeBytes: number, maxBytes: number): TerminalError {
  const problem = `it has ${sizeBytes} bytes, more than ${maxBytes}`;
  return new TerminalError({ code: 'OBJECT_TOO_LARGE', path, problem, fix: 'Save it to a file instead.' });
}

export function unreadable(path: string, cause: { code?: string | undefined }): TerminalError {
  const problem = `the file cannot be read (${cause.code ?? 'unknown'})`;
  const fix = 'Check the path and its permissions.';
  return new TerminalError({ code: 'FILE_UNREADABLE', path, problem, fix }, { cause });
}
