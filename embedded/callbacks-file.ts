/** `callbacks.json` of a state directory: whom specs may name to be told of the end of a run, where they are, and the files of their keys. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CallbackEndpoint } from '#adapters/http/callbacks.ts';
import { CALLBACK_KEY_BYTES, callbackKeyOf } from '#core/callback.ts';
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';
import { Mistakes } from '#core/mistakes.ts';

export const CALLBACKS_FIX = 'docs/how-to/be-told-of-the-end.md says what it may hold.';

/** Group and others. */
const NOT_FOR_OTHERS = 0o077;
const MAX_ENDPOINTS = 100;
const NAME = /^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** By name. Throws TerminalError USAGE with the paths of all that is wrong. */
export function readCallbacksFile(directory: string, document: unknown): Map<string, CallbackEndpoint> {
  const kind: DocumentKind = { code: 'USAGE', name: 'callbacks.json', fix: CALLBACKS_FIX };
  const root = new DocumentReader(document, kind.name, kind);
  const mistakes = new Mistakes();
  const found = new Map<string, CallbackEndpoint>();
  for (const name of root.unread()) {
    const endpoint = mistakes.reading(() => {
      if (!NAME.test(name)) root.refuse(name, 'is no name');
      return readEndpoint(directory, root.object(name));
    });
    if (endpoint !== undefined) found.set(name, endpoint);
  }
  mistakes.reading(() => {
    if (found.size > MAX_ENDPOINTS) root.refuse('', `has more than ${MAX_ENDPOINTS} names`);
  });
  mistakes.settle();
  return found;
}

function readEndpoint(directory: string, reader: DocumentReader): CallbackEndpoint {
  const text = reader.string('url', 2_048);
  const url = URL.canParse(text) ? new URL(text) : reader.refuse('url', 'is no address');
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.has(url.hostname));
  if (!isSafe) reader.refuse('url', 'is neither https nor on this machine');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    reader.refuse('url', 'holds a user, a password or a fragment');
  const file = resolve(directory, reader.string('keyFile', 4_096));
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile()) return reader.refuse('keyFile', 'is no file');
  if ((stat.mode & NOT_FOR_OTHERS) !== 0) reader.refuse('keyFile', 'may be read by others than its owner');
  const { least, most } = CALLBACK_KEY_BYTES;
  const key = callbackKeyOf(readFileSync(file)) ?? reader.refuse('keyFile', `does not hold ${least} to ${most} bytes`);
  return reader.close({ url, key });
}
