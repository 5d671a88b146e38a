/**
 * Signatures are verified at once and on this thread: an answer from a pool of threads would come at a moment that no seed
 * decides. To be imported before anything that verifies; it is for the process of the simulation alone.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';

type Callback = (error: Error | null, holds: boolean) => void;
type Verify = (hash: unknown, message: unknown, key: unknown, signature: unknown, callback?: Callback) => unknown;

interface Batch {
  hashes: (string | undefined)[];
  keys: crypto.KeyObject[];
  ends: Uint32Array;
  bytes: Uint8Array;
}

const original = crypto.verify as (...args: unknown[]) => boolean;
/** By message and signature (a deployment has one key of a kind): a bundle is verified by its sequencer and by its auditor. */
const known = new Map<string, boolean>();
const MOST = 50_000;

function nameOf(message: Uint8Array, signature: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = signature;
  return crypto.hash('sha256', message, 'base64') + Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}

function verifyOnce(hash: unknown, message: Uint8Array, key: unknown, signature: Uint8Array): boolean {
  const name = nameOf(message, signature);
  const found = known.get(name);
  if (found !== undefined) return found;
  const holds = original(hash, message, key, signature);
  learn(name, holds);
  return holds;
}

function learn(name: string, holds: boolean): void {
  if (known.size >= MOST) known.clear();
  known.set(name, holds);
}

/** Whoever has signed says so: that this signature holds for this message need not be found out, and of no other is it said. */
export function signed(message: Uint8Array, signature: Uint8Array): Uint8Array {
  learn(nameOf(message, signature), true);
  return signature;
}

const verify: Verify = (hash, message, key, signature, callback) => {
  const holds = verifyOnce(hash, message as Uint8Array, key, signature as Uint8Array);
  return callback === undefined ? holds : callback(null, holds);
};

/** Public keys are read again and again from the same few bytes. */
const originalKey = crypto.createPublicKey;
const keys = new Map<string, crypto.KeyObject>();

function createPublicKey(from: Parameters<typeof originalKey>[0]): crypto.KeyObject {
  const der = typeof from === 'object' && 'key' in from && Buffer.isBuffer(from.key) ? from.key : null;
  if (der === null) return originalKey(from);
  const name = der.toString('latin1');
  const key = keys.get(name) ?? originalKey(from);
  keys.set(name, key);
  return key;
}

/** As signature-thread.node.ts speaks to its thread. */
class NoThread {
  #answer: (holds: Uint8Array) => void = () => {};

  on(event: string, listener: (holds: Uint8Array) => void): this {
    if (event === 'message') this.#answer = listener;
    return this;
  }

  /** It never comes online: nothing has to begin. */
  once(): this {
    return this;
  }

  postMessage({ hashes, keys, ends, bytes }: Batch): void {
    const holds = new Uint8Array(keys.length);
    let start = 0;
    for (let n = 0; n < holds.length; n += 1) {
      const [split = 0, end = 0] = [ends[2 * n], ends[2 * n + 1]];
      holds[n] = verifyOnce(hashes[n], bytes.subarray(start, split), keys[n], bytes.subarray(split, end)) ? 1 : 0;
      start = end;
    }
    queueMicrotask(() => this.#answer(holds));
  }

  ref(): void {}
  unref(): void {}
}

Object.assign(crypto, { verify, createPublicKey });
Object.assign(threads, { Worker: NoThread });
syncBuiltinESMExports();
