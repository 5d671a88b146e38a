/** The entries of a deployment's log: one when a run opens, one when it is sealed. */
import type { Digest } from './digest.ts';
import { count, digest, hex32, origin, time } from './scalars.ts';
import { choose, closed, oneOf, type Shape } from './shape.ts';

export interface RunOpenedEntry {
  v: 1;
  origin: string;
  type: 'run.opened';
  at: string;
  /** Dense from 0 over the runs of the deployment, so that a missing run shows. */
  runSeq: number;
  run: string;
  /** Leaf hash of the run's first event. */
  event: Digest;
}

export interface RunSealedEntry {
  v: 1;
  origin: string;
  type: 'run.sealed';
  at: string;
  runSeq: number;
  run: string;
  size: number;
  root: Digest;
  /** SHA-256 of the seal's DSSE payload. */
  seal: Digest;
}

export type LogEntry = RunOpenedEntry | RunSealedEntry;

const frame = { v: oneOf(1), origin, at: time, runSeq: count, run: hex32 };

export const runOpenedEntry: Shape<RunOpenedEntry> = closed({ ...frame, type: oneOf('run.opened'), event: digest });
export const runSealedEntry: Shape<RunSealedEntry> = closed({
  ...frame,
  type: oneOf('run.sealed'),
  size: count,
  root: digest,
  seal: digest,
});

export const logEntry: Shape<LogEntry> = choose((entry): Shape<LogEntry> | undefined => {
  if (entry.type === 'run.opened') return runOpenedEntry as Shape<LogEntry>;
  return entry.type === 'run.sealed' ? (runSealedEntry as Shape<LogEntry>) : undefined;
});
