import { DirectoryTransport, type Transport, type WaitOptions } from '@waybill/client';
import type { TrustFile } from '@waybill/verify';
import { answered, guardEngine } from './engine-guard.ts';
import { type EngineOptions, type EnsuredEngine, ensureEngine } from './engine-process.ts';
import { readTrustFile } from './evidence.ts';
import type { StateDirectory } from './state-directory.ts';
import type { Target } from './target.ts';

const PATIENCE_MS = 30_000;

/** The engine that works on a state directory, started when none does. */
export class EmbeddedTarget implements Target {
  readonly kind = 'embedded';
  readonly where: string;
  readonly trustPlace: string;
  readonly #home: StateDirectory;
  readonly #env: NodeJS.ProcessEnv;
  /** As an engine was asked for: one that has to be started again gets the same. */
  #options: EngineOptions = {};

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

  async openNew(): Promise<Transport> {
    this.#home.requireRoom();
    this.#home.make();
    return new DirectoryTransport(this.#home.path);
  }

  async ensure(options: EngineOptions): Promise<EnsuredEngine> {
    this.#home.requireRoom();
    this.#options = options;
    return ensureEngine(this.#home, { ...options, env: this.#env });
  }

  answered<T>(ask: (wait: WaitOptions) => Promise<T>): Promise<T> {
    const askFor = (signal: AbortSignal): Promise<T> => ask({ timeoutMs: PATIENCE_MS, signal });
    return answered(this.#home, askFor, { ...this.#options, env: this.#env });
  }

  guard(options: EngineOptions, signal: AbortSignal): Promise<void> {
    return guardEngine(this.#home, { ...options, env: this.#env }, signal);
  }

  trust(): Promise<TrustFile> {
    return readTrustFile(this.trustPlace);
  }

  async ledgerPlace(key: string): Promise<string> {
    return this.#home.bundlePath(key);
  }

  isWorking(): boolean {
    return this.#home.engine() !== null;
  }
}
