/** What simulated workers leave: files with names of their own, and the frame that carries them. */
import { canonicalize, concatBytes, digestOf } from '@waybill/verify';
import type { Job, OutputKind } from '#core/mailbox-protocol.ts';
import { CHECKPOINT_NAME } from '#core/output-name.ts';
import { frameHeader, indexWeight, MAX_INDEX_WEIGHT } from '#core/outputs-frame.ts';

/** Of what intents ask to have done. */
export const KINDS = ['publish.file', 'remove.file'] as const;
/** An attempt may leave these together with as many others as fit. */
const OTHERS = ['outputs/data', 'outputs/.waybill/intents/a.json', CHECKPOINT_NAME];
const NOTHING = new Uint8Array();
const encoder = new TextEncoder();

/** What it asks to have done outside; the deployment lets the first kind pass. */
export function intentsOf({ env, attemptId }: Job, data: Uint8Array): Record<string, Uint8Array> {
  const bound = [{ name: 'outputs/data', sha256: digestOf(data) }];
  const intents = Array.from({ length: Number(env.INTENDS ?? 0) }, (_, n) => [
    `.waybill/intents/${n}.json`,
    encoder.encode(canonicalize({ v: 1, kind: KINDS[n % KINDS.length], bound, params: { by: attemptId } })),
  ]);
  return Object.fromEntries(intents);
}

/** As many as one record holds beside whatever else an attempt leaves, or a few less; with names of any length. */
export function manyNames(bits: number): Record<string, Uint8Array> {
  const length = 10 + (bits % 90);
  const left = MAX_INDEX_WEIGHT - indexWeight(OTHERS.map((name) => ({ name })));
  const most = Math.floor(left / indexWeight([{ name: `outputs/${'x'.repeat(length)}` }]));
  const names = Array.from({ length: most - ((bits >>> 8) % 3) }, (_, n) => `${n}`.padStart(length, 'x'));
  return Object.fromEntries(names.map((name) => [name, NOTHING]));
}

/** What it was asked to split into. */
export function shardsOf({ env }: Job): Record<string, Uint8Array> {
  const names = Array.from({ length: Number(env.SHARDS ?? 0) }, (_, n) => `shards/${String(n).padStart(3, '0')}`);
  return Object.fromEntries(names.map((name) => [name, encoder.encode(name)]));
}

export function frameOf(outputs: Record<string, Uint8Array>, checkpoint?: Uint8Array): Uint8Array {
  // The header names them in this order, and the bytes follow it.
  const sorted = Object.entries(outputs).sort(([a], [b]) => (a < b ? -1 : 1));
  const files = sorted.map(([name, bytes]) => ({
    name: `outputs/${name}`,
    kind: 'output' as OutputKind,
    sizeBytes: bytes.byteLength,
    sha256: digestOf(bytes),
  }));
  const kept = checkpoint === undefined ? [] : [checkpoint];
  for (const bytes of kept)
    files.unshift({ name: CHECKPOINT_NAME, kind: 'checkpoint', sizeBytes: bytes.byteLength, sha256: digestOf(bytes) });
  return concatBytes([encoder.encode(frameHeader(files).header), ...kept, ...sorted.map(([, bytes]) => bytes)]);
}
