/**
 * Batches of signatures verified on a thread beside the running program: where there is a second core, thousands of them
 * cost next to no time. Small batches are left to the thread pool of Node instead.
 */
import { type KeyObject, verify } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { concatBytes } from './crypto/bytes.ts';

export interface SignatureJob {
  /** Undefined for schemes that hash by themselves. */
  hash: string | undefined;
  key: KeyObject;
  message: Uint8Array;
  signature: Uint8Array;
}

/** Fewer are not worth a thread. */
const MIN_BATCH = 16;
/** A thread that owes so many batches has enough to do: the next one is verified here, so that neither core waits. */
const MAX_OWED = 4;

/** Runs in the thread. It answers a batch with one byte for each of its signatures. */
const THREAD = `
const { verify } = require('node:crypto');
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ hashes, keys, ends, bytes }) => {
  const holds = new Uint8Array(keys.length);
  let start = 0;
  for (let n = 0; n < holds.length; n++) {
    const split = ends[2 * n];
    const end = ends[2 * n + 1];
    holds[n] = verify(hashes[n], bytes.subarray(start, split), keys[n], bytes.subarray(split, end)) ? 1 : 0;
    start = end;
  }
  parentPort.postMessage(holds);
});
`;

interface Thread {
  worker: Worker;
  /** Batches that it has not answered, in the order in which it will. */
  owed: { resolve(holds: boolean[]): void; reject(error: Error): void }[];
}

let thread: Thread | undefined;

/** Has the thread ready for when so many signatures come, if they are worth it. */
export function startBeside(count: number): void {
  if (count >= MIN_BATCH) thread ??= startThread();
}

/** Whether each of the signatures holds. */
export async function verifyBeside(jobs: readonly SignatureJob[]): Promise<boolean[]> {
  if (jobs.length < MIN_BATCH) return Promise.all(jobs.map(verifyInPool));
  thread ??= startThread();
  if (thread.owed.length < MAX_OWED) return verifyInThread(thread, jobs);
  return jobs.map(({ hash, key, message, signature }) => verify(hash, message, key, signature));
}

function verifyInPool({ hash, key, message, signature }: SignatureJob): Promise<boolean> {
  return new Promise((resolve) => {
    verify(hash, message, key, signature, (error, holds) => resolve(error === null && holds));
  });
}

function verifyInThread({ worker, owed }: Thread, jobs: readonly SignatureJob[]): Promise<boolean[]> {
  // All in two arrays, which are handed over and not copied.
  const bytes = concatBytes(jobs.flatMap(({ message, signature }) => [message, signature]));
  const ends = new Uint32Array(2 * jobs.length);
  let end = 0;
  for (const [n, { message, signature }] of jobs.entries()) {
    ends[2 * n] = end += message.length;
    ends[2 * n + 1] = end += signature.length;
  }
  const batch = { hashes: jobs.map(({ hash }) => hash), keys: jobs.map(({ key }) => key), ends, bytes };
  worker.postMessage(batch, [ends.buffer, bytes.buffer as ArrayBuffer]);
  return new Promise((resolve, reject) => {
    // It keeps the program alive only while it owes an answer.
    if (owed.push({ resolve, reject }) === 1) worker.ref();
  });
}

/**
 * What a thread owes is its own: an answer that comes after its end is for nobody, and never for what the next thread
 * was asked.
 */
function startThread(): Thread {
  const owed: Thread['owed'] = [];
  const worker = new Worker(THREAD, { eval: true, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
  worker.unref();
  // What a thread needs to begin keeps the program alive again, so that one which nobody asks anything would never let it end.
  worker.once('online', () => {
    if (owed.length === 0) worker.unref();
  });
  worker.on('message', (holds: Uint8Array) => {
    owed.shift()?.resolve(Array.from(holds, (each) => each === 1));
    if (owed.length === 0) worker.unref();
  });
  worker.on('error', (error: Error) => {
    if (thread?.worker === worker) thread = undefined;
    for (const { reject } of owed.splice(0)) reject(error);
  });
  return { worker, owed };
}
