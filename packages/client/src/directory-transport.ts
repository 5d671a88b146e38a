import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@waybill/verify';
import { lastChangedMs } from './accepted-run.ts';
import { mismatch, missing, tooLarge, unreadable } from './artifact-refusals.ts';
import { DirectoryRegistry } from './directory-registry.ts';
import type { Receipt, RunStatus, ScheduleList } from './documents.ts';
import { RetryableError, WaybillError } from './errors.ts';
import { fileHints } from './file-hints.ts';
import {
  checkAttemptId,
  checkLedgerKey,
  checkPrincipal,
  checkQueue,
  checkSubmissionId,
  digestHex,
  isSubmissionId,
} from './object-names.ts';
import { type DocumentPlace, receiptFrom, schedulesFrom, statusFrom } from './outbox-documents.ts';
import type { RegistryObjects } from './registry-entry.ts';
import type { PutResult, SubmissionRef, Transport } from './transport.ts';
import { writeOnce } from './write-once.ts';

export interface DirectoryTransportOptions {
  /** How long a lost hint can delay an answer. */
  pollMs?: number;
}

const DEFAULT_POLL_MS = 250;

const MOVE_AWAY =
  'Restore it from a copy, or move it away: what it says is then not shown, and evidence stays in ledger/.';

/** Transport over a state directory on this machine; the principal is the owner of the files it writes. */
export class DirectoryTransport implements Transport {
  readonly principal: string;
  readonly registry: RegistryObjects;
  readonly #root: string;
  readonly #pollMs: number;

  constructor(root: string, options: DirectoryTransportOptions = {}) {
    this.#root = root;
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.principal = `uid-${process.getuid?.() ?? 0}`;
    this.registry = new DirectoryRegistry(root, (act) => this.#guarded(act));
  }

  putUpload(digest: Digest, path: string): Promise<void> {
    return this.#guarded(async () => {
      const hex = digestHex(digest);
      const target = this.#path('uploads', this.principal, hex);
      if ((await stat(target).catch(absent(null))) !== null) return;
      await writeOnce(target, this.#staging(), async (file) => {
        const found = await copyInto(file, path);
        if (found !== hex) throw mismatch(digest);
      });
    });
  }

  putSubmission(queue: string, submissionId: string, bytes: Uint8Array): Promise<PutResult> {
    return this.#guarded(async () => {
      const target = this.#path('inbox', checkQueue(queue), this.principal, `${checkSubmissionId(submissionId)}.json`);
      for (;;) {
        if (await writeOnce(target, this.#staging(), (file) => file.writeFile(bytes))) return 'written';
        const present = await readOrNull(target);
        // Null: it was answered and taken away in between; the name is free again.
        if (present !== null) return present.equals(bytes) ? 'same' : 'other';
      }
    });
  }

  readReceipt(ref: SubmissionRef, submission: Digest): Promise<Receipt | null> {
    const name = `receipt-${digestHex(submission).slice(0, 16)}.json`;
    return this.#readDocument(join(this.#outbox(ref), name), receiptFrom);
  }

  readStatus(ref: SubmissionRef): Promise<RunStatus | null> {
    return this.#readDocument(join(this.#outbox(ref), 'status.json'), statusFrom);
  }

  readSchedules(): Promise<ScheduleList | null> {
    return this.#readDocument(this.#path('outbox', this.principal, 'schedules.json'), schedulesFrom);
  }

  listRuns(limit: number): Promise<SubmissionRef[]> {
    return this.#guarded(async () => {
      const names = await readdir(this.#path('outbox', this.principal)).catch(absent<string[]>([]));
      const found = await Promise.all(
        names.filter(isSubmissionId).map(async (submissionId) => {
          const ref = { principal: this.principal, submissionId };
          const changedMs = await lastChangedMs(this.#outbox(ref), ref);
          return changedMs === null ? null : { ref, changedMs };
        }),
      );
      return found
        .filter((one) => one !== null)
        .sort((a, b) => b.changedMs - a.changedMs)
        .slice(0, limit)
        .map(({ ref }) => ref);
    });
  }

  openArtifact(digest: Digest, maxBytes: number = Number.POSITIVE_INFINITY): Promise<AsyncIterable<Uint8Array>> {
    return this.#guarded(async () => {
      const hex = digestHex(digest);
      const path = this.#path('artifacts', 'sha256', hex.slice(0, 2), hex);
      const found = await stat(path).catch(absent(null));
      if (found === null) throw missing(digest);
      if (found.size > maxBytes) throw tooLarge(digest, found.size, maxBytes);
      return checkedStream(path, digest, hex);
    });
  }

  openLedger(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    return this.#guarded(async () => {
      const path = this.#path('ledger', checkLedgerKey(key));
      const found = await stat(path).catch(absent(null));
      return found?.isFile() ? createReadStream(path) : null;
    });
  }

  openLiveLog(attemptId: string, from: number): Promise<AsyncIterable<Uint8Array> | null> {
    return this.#guarded(async () => {
      const path = this.#path('staging', checkAttemptId(attemptId), 'log');
      const file = await open(path, 'r').catch(absent(null));
      // The one that is open stays whole, whatever replaces it.
      return file === null ? null : file.createReadStream({ start: from });
    });
  }

  changes(ref: SubmissionRef, signal: AbortSignal): AsyncIterable<void> {
    return fileHints(this.#outbox(ref), this.#pollMs, signal);
  }

  #readDocument<T>(path: string, from: (bytes: Uint8Array, place: DocumentPlace) => T): Promise<T | null> {
    return this.#guarded(async () => {
      const bytes = await readOrNull(path);
      return bytes === null ? null : from(bytes, { path, fix: MOVE_AWAY });
    });
  }

  #outbox({ principal, submissionId }: SubmissionRef): string {
    return this.#path('outbox', checkPrincipal(principal), checkSubmissionId(submissionId));
  }

  /** In the client's own area: an inbox lists what it holds. */
  #staging(): string {
    return this.#path('uploads', this.principal);
  }

  #path(...parts: string[]): string {
    return join(this.#root, ...parts);
  }

  async #guarded<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof WaybillError) throw cause;
      const problem = `the state directory cannot be used: ${(cause as Error).message}`;
      const fix = 'Check that it exists, is yours and has room.';
      throw new RetryableError({ code: 'STORE_FAILED', path: this.#root, problem, fix }, { cause });
    }
  }
}

async function readOrNull(path: string): Promise<Buffer | null> {
  return readFile(path).catch(absent(null));
}

function absent<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return instead;
    throw error;
  };
}

/** Copies a file and resolves with the SHA-256 of what was copied. */
async function copyInto(target: FileHandle, path: string): Promise<string> {
  const hash = createHash('sha256');
  const source = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause);
  });
  for await (const chunk of source.createReadStream()) {
    hash.update(chunk);
    await target.writeFile(chunk);
  }
  return hash.digest('hex');
}

async function* checkedStream(path: string, digest: Digest, hex: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== hex) throw mismatch(digest);
}
