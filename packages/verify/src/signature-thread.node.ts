/**
 * Signatures verified on a thread beside the running program, a batch at a time: where there is a second core,
 * thousands of them cost next to no time. What is asked for in one go is one batch; a few are left to the thread pool
 * of Node instead.
 */
import { type KeyObject, verify } from 'node:crypto';
import { Worker } from 'node:worker_threads';

export interface SignatureJob {
  /** Undefined for schemes that hash by themselves. */
  hash: string | undefined;
  key: KeyObject;
  spki: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
}

interface Asked extends SignatureJob {
  resolve(holds: boolean): void;
  reject(error: Error): void;
}

/** Fewer are not worth a thread. */
const MIN_BATCH = 16;
const MAX_BATCH = 256;
/** A thread that owes so many batches has enough to do: the next one is verified here, so that neither core waits. */
const MAX_OWED = 3;

/** Runs in the thread. It gets copies, and answers a batch with one byte for each of its signatures. */
const THREAD = `
const { createPublicKey, verify } = require('node:crypto');
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ hashes, keys, places, bytes }) => {
  const loaded = keys.map((spki) => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
  const holds = new Uint8Array(places.length / 5);
  for (let n = 0; n < holds.length; n++) {
    const [hash, key, start, split, end] = places.subarray(5 * n, 5 * n + 5);
    holds[n] = verify(hashes[hash], bytes.subarray(start, split), loaded[key], bytes.subarray(split, end)) ? 1 : 0;
  }
  parentPort.postMessage(holds);
});
`;

let asked: Asked[] = [];
interface Thread {
  worker: Worker;
  /** Batches that it has not answered, in the order in which it will. */
  owed: Asked[][];
}

let thread: Thread | undefined;

export function verifyBeside(job: SignatureJob): Promise<boolean> {
  return new Promise((resolve, reject) => {
    asked.push({ ...job, resolve, reject });
    if (asked.length === 1) queueMicrotask(handOver);
    else if (asked.length === MAX_BATCH) handOver();
  });
}

function handOver(): void {
  const batch = asked;
  asked = [];
  if (batch.length < MIN_BATCH) {
    for (const { hash, key, message, signature, resolve } of batch) {
      verify(hash, message, key, signature, (error, holds) => resolve(error === null && holds));
    }
  } else if ((thread?.owed.length ?? 0) < MAX_OWED) toThread(batch);
  else for (const { hash, key, message, signature, resolve } of batch) resolve(verify(hash, message, key, signature));
}

function toThread(batch: Asked[]): void {
  thread ??= startThread();
  // It keeps the program alive only while it owes an answer.
  if (thread.owed.push(batch) === 1) thread.worker.ref();
  // All in two arrays, which are handed over and not copied.
  const bytes = new Uint8Array(
    batch.reduce((sum, { message, signature }) => sum + message.length + signature.length, 0),
  );
  const places = new Uint32Array(5 * batch.length);
  const keys: Uint8Array[] = [];
  const hashes: (string | undefined)[] = [];
  let end = 0;
  for (const [n, { hash, spki, message, signature }] of batch.entries()) {
    const start = end;
    const split = start + message.length;
    end = split + signature.length;
    bytes.set(message, start);
    bytes.set(signature, split);
    places.set([placeOf(hash, hashes), placeOf(spki, keys), start, split, end], 5 * n);
  }
  thread.worker.postMessage({ hashes, keys, places, bytes }, [places.buffer, bytes.buffer]);
}

/** Where the list has it, at its end if it had not. */
function placeOf<T>(wanted: T, list: T[]): number {
  const place = list.indexOf(wanted);
  return place < 0 ? list.push(wanted) - 1 : place;
}

/**
 * What a thread owes is its own: an answer that comes after its end is for nobody, and never for what the next thread
 * was asked.
 */
function startThread(): Thread {
  const owed: Asked[][] = [];
  const worker = new Worker(THREAD, { eval: true, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
  worker.on('message', (holds: Uint8Array) => {
    for (const [n, { resolve }] of (owed.shift() ?? []).entries()) resolve(holds[n] === 1);
    if (owed.length === 0) worker.unref();
  });
  worker.on('error', (error: Error) => {
    if (thread?.worker === worker) thread = undefined;
    for (const { reject } of owed.splice(0).flat()) reject(error);
  });
  return { worker, owed };
}
