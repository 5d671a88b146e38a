import { createReadStream } from 'node:fs';
import { DirectoryTransport, type Transport } from '@waybill/client';
import type { TrustFile } from '@waybill/verify';
import { guardEngine } from './engine-guard.ts';
import { answered, type EngineOptions, type EnsuredEngine, ensureEngine } from './engine-process.ts';
import { readTrustFile } from './evidence.ts';
import type { StateDirectory } from './state-directory.ts';
import type { Target } from './target.ts';

/** The engine that works on a state directory, started when none does. */
export class EmbeddedTarget implements Target {
  readonly kind = 'embedded';
  readonly patienceMs = 30_000;
  readonly where: string;
  readonly trustPlace: string;
  readonly #home: StateDirectory;
  readonly #env: NodeJS.ProcessEnv;

  constructor(home: StateDirectory, env: NodeJS.ProcessEnv) {
    this.#home = home;
    this.#env = env;
    this.where = home.path;
    this.trustPlace = home.keysPath();
  }

  async open(): Promise<Transport> {
    this.#home.requireState();
    return new DirectoryTransport(this.#home.path);
  }

  async ensure(options: EngineOptions): Promise<EnsuredEngine> {
    this.#home.requireRoom();
    return ensureEngine(this.#home, { ...options, env: this.#env });
  }

  answered<T>(answer: Promise<T>): Promise<T> {
    return answered(this.#home, answer);
  }

  guard(options: EngineOptions, signal: AbortSignal): Promise<void> {
    return guardEngine(this.#home, { ...options, env: this.#env }, signal);
  }

  trust(): Promise<TrustFile> {
    return readTrustFile(this.trustPlace);
  }

  ledgerPlace(key: string): string {
    return this.#home.bundlePath(key);
  }

  openStagedLog(attemptId: string): AsyncIterable<Uint8Array> | null {
    const path = this.#home.stagedLogPath(attemptId);
    return path === null ? null : createReadStream(path);
  }

  isWorking(): boolean {
    return this.#home.engine() !== null;
  }
}
