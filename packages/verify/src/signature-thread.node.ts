/**
 * Signatures verified on a thread beside the running program, a batch at a time: where there is a second core, thousands of
 * them cost next to no time. What is asked for in one go is one batch; a few are left to the thread pool of Node instead.
 */
import { type KeyObject, verify } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { concatBytes } from './bytes.ts';

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

/** Runs in the thread. It gets copies, and answers a batch with one byte for each of its signatures. */
const THREAD = `
const { createPublicKey, verify } = require('node:crypto');
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ keys, jobs, bytes }) => {
  const loaded = keys.map((spki) => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
  const holds = jobs.map(({ hash, key, start, split, end }) => {
    return verify(hash, bytes.subarray(start, split), loaded[key], bytes.subarray(split, end)) ? 1 : 0;
  });
  parentPort.postMessage(Uint8Array.from(holds));
});
`;

let asked: Asked[] = [];
let thread: Worker | undefined;
/** Batches that the thread has not answered, in the order in which it will. */
const owed: Asked[][] = [];

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
  if (batch.length >= MIN_BATCH) {
    toThread(batch);
    return;
  }
  for (const { hash, key, message, signature, resolve } of batch) {
    verify(hash, message, key, signature, (error, holds) => resolve(error === null && holds));
  }
}

function toThread(batch: Asked[]): void {
  thread ??= startThread();
  // It keeps the program alive only while it owes an answer.
  if (owed.push(batch) === 1) thread.ref();
  const keys: Uint8Array[] = [];
  let end = 0;
  const jobs = batch.map(({ hash, spki, message, signature }) => {
    let key = keys.indexOf(spki);
    if (key < 0) key = keys.push(spki) - 1;
    const start = end;
    const split = start + message.length;
    end = split + signature.length;
    return { hash, key, start, split, end };
  });
  const bytes = concatBytes(batch.flatMap(({ message, signature }) => [message, signature]));
  thread.postMessage({ keys, jobs, bytes }, [bytes.buffer as ArrayBuffer]);
}

function startThread(): Worker {
  const started = new Worker(THREAD, { eval: true, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
  started.on('message', (holds: Uint8Array) => {
    for (const [n, { resolve }] of (owed.shift() ?? []).entries()) resolve(holds[n] === 1);
    if (owed.length === 0) started.unref();
  });
  started.on('error', (error: Error) => {
    thread = undefined;
    for (const { reject } of owed.splice(0).flat()) reject(error);
  });
  return started;
}
