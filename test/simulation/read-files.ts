/** Files that items read: the client has packed and uploaded them before it submits. */
import { digestOf } from '@waybill/verify';
import type { ItemDraft } from '../support/run-spec.ts';
import { PRINCIPALS } from './deed.ts';
import type { Buckets } from './object-stores.ts';

export type Reads = NonNullable<ItemDraft['reads']>;

const KEYS = ['words', 'rules', 'tree'] as const;
const encoder = new TextEncoder();

/** One that nobody has uploaded: who submits it is refused. */
export const NEVER_UPLOADED: Reads = { lost: { sha256: digestOf('never uploaded'), sizeBytes: 5 } };

function bytesOf(key: string): Uint8Array {
  return encoder.encode(`what ${key} was when it was packed`);
}

/** Those of the files under whose keys `isWanted` says so. */
export function readsOf(isWanted: () => boolean): Reads {
  const wanted = KEYS.filter(isWanted).map((key) => {
    const bytes = bytesOf(key);
    return [key, { sha256: digestOf(bytes), sizeBytes: bytes.byteLength }] as const;
  });
  return Object.fromEntries(wanted);
}

/** By everybody, who have the same files. */
export function uploadAll(buckets: Buckets): void {
  for (const key of KEYS) {
    const bytes = bytesOf(key);
    for (const principal of PRINCIPALS) buckets.uploads.set(`${principal}/${digestOf(bytes)}`, bytes);
  }
}
