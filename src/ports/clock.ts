/**
 * Clock and chance, injected so that a test or a simulation owns both.
 *
 * Contract: `nowMs` never runs backwards within a process. Chance is cryptographically strong in production. `after`
 * calls back once, not before `delayMs`; the returned function cancels it. A timer never keeps a process alive by itself.
 */
export interface Clock {
  nowMs(): number;
  after(delayMs: number, run: () => void): () => void;
}

export interface Chance {
  /** `bytes` random bytes as lowercase hex. */
  hex(bytes: number): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}
