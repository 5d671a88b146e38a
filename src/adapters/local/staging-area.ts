/**
 * What workers staged, as files: `<directory>/<attemptId>/{heartbeat.json,key,log,outputs,result,sealed}`. Every method throws
 * TerminalError OBJECT_MISSING for what is no attempt id: it names no directory, least of all one elsewhere.
 *
 * Nothing is waited for but syncs and streams: a few small files of an attempt are looked at and read in less time than another
 * thread takes to be asked.
 */
import { createReadStream, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { RetryableError, TerminalError } from '@waybill/client/errors';
import { parseHeartbeat } from '#core/result-document.ts';
import type { Clock } from '#ports/clock.ts';
import type { Staged } from '#ports/mailbox.ts';
import {
  discard,
  ignoreMissing,
  publishOnce,
  publishOver,
  type TemporaryFile,
  writeTemporary,
} from './durable-file.ts';

const MAX_HEARTBEAT_BYTES = 4 * 1024;
const ATTEMPT_ID = /^[0-9a-f]{32}$/;

type Bytes = AsyncIterable<Uint8Array>;
type Body = Bytes | Uint8Array;

export class StagingArea {
  readonly #directory: string;
  readonly #clock: Clock;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  async prepare(attemptId: string): Promise<void> {
    mkdirSync(this.#of(attemptId), { recursive: true, mode: 0o700 });
  }

  async remove(attemptId: string): Promise<void> {
    rmSync(this.#of(attemptId), { recursive: true, force: true });
  }

  /** Throws TerminalError RESULT_INVALID, and keeps nothing, unless the bytes are a heartbeat of this attempt. */
  async putHeartbeat(attemptId: string, body: Body): Promise<void> {
    const file = await writeTemporary(this.#of(attemptId), body, MAX_HEARTBEAT_BYTES);
    await refuseForeign(file, attemptId);
    // The file's time is the arrival by the engine's clock, so that it outlives the engine like the beat itself.
    const arrival = this.#clock.nowMs() / 1_000;
    await utimes(file.path, arrival, arrival);
    await publishOver(file, this.#of(attemptId, 'heartbeat.json'));
  }

  async putLog(attemptId: string, body: Body, maxBytes: number): Promise<void> {
    await publishOver(await writeTemporary(this.#of(attemptId), body, maxBytes), this.#of(attemptId, 'log'));
  }

  /** False when one stands already, which stays. */
  async putOnce(
    attemptId: string,
    name: 'key' | 'outputs' | 'result' | 'sealed',
    body: Body,
    maxBytes: number,
  ): Promise<boolean> {
    const path = this.#of(attemptId, name);
    if (isThere(path)) return false;
    return publishOnce(await writeTemporary(this.#of(attemptId), body, maxBytes), path);
  }

  async staged(attemptId: string): Promise<Staged> {
    const result = this.#of(attemptId, 'result');
    return { ...readHeartbeat(this.#of(attemptId, 'heartbeat.json')), result: readIfThere(result) };
  }

  /** Null when there is none. */
  read(attemptId: string, name: 'key' | 'sealed'): Promise<Uint8Array | null> {
    return readFile(this.#of(attemptId, name)).catch(ignoreMissing(null));
  }

  async take(attemptId: string, name: 'key' | 'sealed'): Promise<void> {
    await rm(this.#of(attemptId, name), { force: true });
  }

  /** Null when there is none. */
  async open(attemptId: string, name: 'outputs' | 'log'): Promise<Bytes | null> {
    const path = this.#of(attemptId, name);
    return isThere(path) ? createReadStream(path) : null;
  }

  #of(attemptId: string, ...name: string[]): string {
    if (ATTEMPT_ID.test(attemptId)) return join(this.#directory, attemptId, ...name);
    throw new TerminalError({
      code: 'OBJECT_MISSING',
      path: `staging/${attemptId}`.slice(0, 200),
      problem: 'is no attempt id',
      fix: 'Name an attempt by the id that its dispatch recorded.',
    });
  }
}

export function notStaged(attemptId: string): RetryableError {
  return new RetryableError({
    code: 'OBJECT_MISSING',
    path: `staging/${attemptId}/outputs`,
    problem: 'is not staged',
    fix: 'Wait for the worker, or settle the attempt without outputs.',
  });
}

async function refuseForeign(file: TemporaryFile, attemptId: string): Promise<void> {
  try {
    if (parseHeartbeat(await readFile(file.path)).attemptId === attemptId) return;
    throw new TerminalError({
      code: 'RESULT_INVALID',
      path: 'heartbeat.attemptId',
      problem: 'names another attempt',
      fix: 'Beat with the attempt id of the lease.',
    });
  } catch (error) {
    await discard(file);
    throw error;
  }
}

function readHeartbeat(path: string): Pick<Staged, 'heartbeat' | 'heartbeatAtMs'> {
  const found = statSync(path, { throwIfNoEntry: false });
  const bytes = found === undefined ? null : readIfThere(path);
  if (found === undefined || bytes === null) return { heartbeat: null, heartbeatAtMs: null };
  return { heartbeat: parseHeartbeat(bytes), heartbeatAtMs: Math.round(found.mtimeMs) };
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Null when there is none. */
function readIfThere(path: string): Buffer | null {
  return isThere(path) ? readFileSync(path) : null;
}
