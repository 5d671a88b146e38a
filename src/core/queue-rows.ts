/** Rows of queues and locks: who holds what, and who waits for it. `rows.ts` has their keys. */
import type { LockMode } from '@waybill/client/plan';
import type { Purse } from '#core/money-rows.ts';
import type { QueueDefinition } from '#core/queue-definition.ts';
import type { StartBucket } from '#core/start-rate.ts';

export interface QueueRow extends QueueDefinition {
  /** Ids of the attempts that hold a slot. */
  holders: string[];
  /** There was no room for a worker at this time, when this many held a slot; see slotsOf. */
  narrowed?: { slots: number; sinceMs: number };
  /** What is left to start at its rate. Absent: it is full. */
  bucket?: StartBucket;
  /** What it may reserve without asking the ledger. */
  purse?: Purse;
}

/** Every queue that was ever defined; one that is defined no more has a concurrency of 0. */
export interface QueuesRow {
  names: string[];
}

export interface ReadyRow {
  run: string;
  item: string;
}

export interface LockHolder {
  attempt: string;
  run: string;
  item: string;
}

export interface LockRow {
  mode: LockMode;
  holders: LockHolder[];
  /** Grows with every acquisition. */
  fence: number;
  /** The waiter that comes first, and how often it was overtaken on this lock. */
  head?: { rank: string; overtaken: number };
}

export interface LockWaitRow {
  run: string;
  item: string;
  queue: string;
  mode: LockMode;
}

/** What was given back, for those that wait for it. */
export interface TodoLocksRow {
  names: string[];
  /** A run with a cap of which something is free. */
  run?: string;
  /** Queues that wait for money of the deployment. */
  queues?: string[];
  /** A cap is passed: before anything else, what lies free in purses goes back. */
  takeBack?: true;
}
