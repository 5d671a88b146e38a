/**
 * The plan: what a run spec compiles to. Items with their edges, normalised, with every default filled in and every
 * duration in milliseconds, so that nothing later needs to know how the author wrote it.
 */
import type { Digest, PlannedCondition } from '@waybill/verify';

export type LockMode = 'shared' | 'exclusive';

export interface ScriptBlock {
  block: 'script';
  /** A string is run by `/bin/sh -c`; a list is an argv. */
  run: string | string[];
  lens?: 'gate' | 'verify';
  timeoutMs?: number;
}

export interface AgentBlock {
  block: 'agent';
  adapter: 'command';
  command: string[];
  timeoutMs?: number;
}

export interface CaptureBlock {
  block: 'capture';
  what: 'patch' | 'outputs';
}

export type Block = ScriptBlock | AgentBlock | CaptureBlock;

export type Select = 'patch' | { output: string };

export interface PlanNeed {
  /** File name under inputs/. */
  key: string;
  /** Upstream items, in order of preference; one entry unless the author wrote `oneOf`. */
  from: string[];
  select: Select;
  /** Of several: a failure of one is not made up for by another. */
  onError?: 'stop';
}

export interface PlanGate {
  /** How many of the reviewers must approve. */
  approvals: number;
  /** Principals, sorted, unique; none: whoever submitted the run. */
  reviewers: string[];
  /** From the moment at which it waits; absent means never. */
  expiresMs?: number;
}

export interface PlanItem {
  id: string;
  /** dependsOn and needs together: sorted, unique. */
  deps: string[];
  /** Sorted by key. */
  needs: PlanNeed[];
  /** Asked once all dependencies have ended; its texts are digests. */
  when?: PlannedCondition;
  /** When it fails, those that only wait for it go on, and the run is not failed for it. */
  onError?: 'continue';
  /** It waits for people and runs nothing: its pipeline is empty. */
  gate?: PlanGate;
  /** Sorted by name, unique. */
  locks: { name: string; mode: LockMode }[];
  pipeline: Block[];
  env: Record<string, string>;
  /** Name of the toolchain; absent means the one called `default`. */
  environment?: string;
  /** Each point is a head start in the queue, 0 to 100. */
  priority: number;
  /** Wall clock of one attempt. */
  timeoutMs: number;
  /** From the moment the run opened; absent means none but the run's own. */
  deadlineMs?: number;
  /** Milliseconds since the epoch; absent means at once. */
  notBeforeMs?: number;
  retry: { maxAttempts: number; backoffMs: number; maxBackoffMs: number };
}

export type PlanSource = { kind: 'none' } | { kind: 'git'; bundle: Digest; commit: string; sizeBytes: number };

export interface Plan {
  name: string;
  labels: Record<string, string>;
  queue: string;
  source: PlanSource;
  /** Wall clock of the whole run. */
  wallClockMs?: number;
  items: PlanItem[];
  /** SHA-256 of the JCS bytes of each item, in the order of `items`. */
  itemDigests: Digest[];
  /** SHA-256 over JCS(entry) + "\n" of every entry of `planEntries`. */
  digest: Digest;
}

/** One item as it is sealed: at most 500 deps an entry; `more` says that the next entry goes on with the same item. */
export interface PlanEntry {
  id: string;
  spec: Digest;
  deps: string[];
  needs: PlanNeed[];
  /** In the first entry of an item. */
  locks: { name: string; mode: LockMode }[];
  maxAttempts: number;
  /** In the first entry of an item, as `needs`. */
  when?: PlannedCondition;
  onError?: 'continue';
  /** As PlanGate, with the number of those that are named. */
  gate?: Omit<PlanGate, 'reviewers'> & { reviewers: number };
  more?: true;
}
