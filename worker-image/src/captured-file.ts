/** A file that the wrapper holds for the control plane, out of the reach of blocks. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { OutputEntry } from '#core/outputs-frame.ts';
import type { Body } from './mailbox-client.ts';

export interface CapturedFile extends Omit<OutputEntry, 'offset'> {
  /** Where the bytes are. */
  path: string;
}

export async function describeFile(name: string, kind: CapturedFile['kind'], path: string): Promise<CapturedFile> {
  return { name, kind, path, ...(await hashBody({ open: () => createReadStream(path) })) };
}

export async function hashBody(body: Pick<Body, 'open'>): Promise<Pick<CapturedFile, 'sha256' | 'sizeBytes'>> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of body.open()) {
    sizeBytes += chunk.byteLength;
    hash.update(chunk);
  }
  return { sha256: `sha256:${hash.digest('hex')}`, sizeBytes };
}
