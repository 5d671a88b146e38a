/** Captured files as one framed object, streamed from where they are. */
import { createReadStream } from 'node:fs';
import { frameHeader } from '#core/outputs-frame.ts';
import type { CapturedFile } from './captured-file.ts';
import type { Body } from './mailbox-client.ts';

/** Throws TerminalError RESULT_INVALID for a bad name, or too many. */
export function frameOf(files: readonly CapturedFile[]): Body {
  const paths = new Map(files.map((file) => [file.name, file.path]));
  const framed = frameHeader(files.map(({ name, kind, sizeBytes, sha256 }) => ({ name, kind, sizeBytes, sha256 })));
  const header = Buffer.from(framed.header);
  const sizeBytes = framed.files.reduce((sum, file) => sum + file.sizeBytes, header.byteLength);
  async function* open(): AsyncGenerator<Uint8Array> {
    yield header;
    for (const { name } of framed.files) yield* createReadStream(paths.get(name) ?? '');
  }
  return { sizeBytes, open };
}
