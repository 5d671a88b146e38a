/** Where a command's work goes: to an engine on this machine, or to a deployment in AWS. The verbs are the same. */
import type { Transport, WaitOptions } from '@waybill/client';
import type { TrustFile } from '@waybill/verify';
import type { EngineOptions, EnsuredEngine } from './engine-process.ts';

export interface Target {
  readonly kind: 'embedded' | 'aws';
  /** For people: where runs are looked for. */
  readonly where: string;
  /** To read from it, or to write to one that `ensure` has made sure of. Throws what stands in the way. */
  open(): Promise<Transport>;
  /** As `open`, for what needs no engine to be written; on one machine the place is made when it is not there. */
  openNew(): Promise<Transport>;
  /** Makes sure that somebody is there to answer; resolves with the engine, or null where there is always one. */
  ensure(options: EngineOptions): Promise<EnsuredEngine | null>;
  /**
   * Waits for what only the other side can answer, and keeps it there. Throws RetryableError ENGINE_UNREACHABLE when it does not.
   * @param ask is told how long to wait, and when to give up before that
   */
  answered<T>(ask: (wait: WaitOptions) => Promise<T>): Promise<T>;
  /** Keeps somebody working until the signal aborts; resolves then. */
  guard(options: EngineOptions, signal: AbortSignal): Promise<void>;
  /** The target's own keys: they prove that nothing was changed since, and not who signed it. */
  trust(): Promise<TrustFile>;
  /** For people: where those keys come from. */
  readonly trustPlace: string;
  /** For people: where a ledger object is. */
  ledgerPlace(key: string): Promise<string>;
  /** Whether somebody works on runs at the moment. */
  isWorking(): boolean;
}
