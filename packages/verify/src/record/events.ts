/**
 * The events of a run: what the engine writes, one transition each, and what the verifier replays. Keys that stand
 * directly in `data` are what the platform observed; what only the worker said stands under `claimed`.
 */
import type { Digest } from '../crypto/digest.ts';
import type { Operand, PlannedCondition } from './condition.ts';

export type Pseudonym = `hmac-sha256:${string}`;
export type Isolation = 'bubblewrap' | 'container' | 'none' | 'in-process';

export type SealedSource = { kind: 'none' } | { kind: 'git'; bundle: Digest; commit: string; sizeBytes: number };

export interface PlannedNeed {
  key: string;
  from: string[];
  select: 'patch' | { output: string };
  /** Of several sources: a failure of one is not made up for by another. */
  onError?: 'stop';
}

export interface PlannedLock {
  name: string;
  mode: 'shared' | 'exclusive';
}

/** Who decides an item that waits for people. */
export interface PlannedGate {
  /** How many of them must approve. */
  approvals: number;
  /** How many the plan names; 0: whoever submitted the run, alone. */
  reviewers: number;
  /** From the moment at which it waits. */
  expiresMs?: number;
}

/** One item of the plan; `more` says that the next entry goes on with the same item's deps. */
export interface PlannedItem {
  id: string;
  spec: Digest;
  /** Sorted, unique, over all entries of the item. */
  deps: string[];
  needs: PlannedNeed[];
  /** Sorted by name, unique; all in the first entry of the item. */
  locks: PlannedLock[];
  /** How many attempts may count against the item; the same in every entry of the item. */
  maxAttempts: number;
  /** In the first entry of the item: asked once all of its deps have ended. */
  when?: PlannedCondition;
  /** In the first entry of the item: those that only wait for it go on when it fails, and the run is not failed for it. */
  onError?: 'continue';
  /** In the first entry of the item: it is decided and never claimed. */
  gate?: PlannedGate;
  more?: true;
}

/** A lock as held by an attempt. Fences rise with every holder of the lock, shared or exclusive. */
export interface FencedLock extends PlannedLock {
  fence: number;
}

export interface AttemptClaim {
  item: string;
  /** From 1. */
  attempt: number;
  id: string;
  epoch: number;
  locks: FencedLock[];
}

export interface RecordedOutput {
  name: string;
  kind: 'patch' | 'output' | 'log';
  sha256: Digest;
  sizeBytes: number;
}

export interface ClaimedBlock {
  index: number;
  block: string;
  lens?: 'gate' | 'verify';
  exit: number | null;
  startedAt: string;
  endedAt: string;
}

export type SealedOutcome =
  | 'succeeded'
  | 'partial'
  | 'failed'
  | 'timed_out'
  | 'stalled'
  | 'lost'
  | 'policy_blocked'
  | 'contract_error'
  | 'deferred'
  | 'cancelled';

/**
 * Items by terminal state; attempts = claims; retries = claims after an item's first; unsandboxed = dispatches with
 * isolation `none`; reopened = how often an item was opened again, tolerated = those of `failed` whose plan lets that
 * pass: both absent where there is none.
 */
export interface RunCounts {
  items: number;
  done: number;
  failed: number;
  skipped: number;
  cancelled: number;
  denied: number;
  attempts: number;
  retries: number;
  unsandboxed: number;
  reopened?: number;
  tolerated?: number;
}

/** What the result document says; nothing when there is none. Its three judgements stand together or not at all. */
export interface ClaimedResult {
  outcome?: SealedOutcome;
  reason?: string;
  exit?: number | null;
  blocks: ClaimedBlock[];
  /** Digest of the worker's bundle. */
  worker?: Digest;
  /** Files that a capture left out. */
  excluded?: number;
}

export interface EventData {
  'run.opened': {
    name: string;
    queue: string;
    principal: Pseudonym;
    submission: Digest;
    plan: Digest;
    items: number;
    /** Number of deps of all items together. */
    edges: number;
    source: SealedSource;
    deadline?: string;
  };
  'run.planned': { part: number; parts: number; items: PlannedItem[] };
  /** What came of the condition of an item whose deps have ended; it is ready or skipped by that. `operands`: one a test. */
  'item.decided': { item: string; holds: boolean; operands: Operand[] };
  /** pending -> ready */
  'item.ready': { items: string[] };
  /** pending -> suspended, for each gate that waits for its reviewers now. */
  'item.suspended': { items: { id: string; reviewers: Pseudonym[]; expiresAt?: string }[] };
  /** ready -> running */
  'attempt.claimed': { queue: string; claims: AttemptClaim[] };
  /** The manifest's envelope is the next line of the container. */
  'attempt.dispatched': { item: string; attempt: number; id: string; manifest: Digest; isolation: Isolation };
  /** running -> done | ready | failed | cancelled */
  'attempt.settled': {
    item: string;
    attempt: number;
    id: string;
    epoch: number;
    /** The platform's judgement, as is `reason`. */
    outcome: SealedOutcome;
    /** `ok` when and only when it succeeded. */
    reason: string;
    next: 'done' | 'retry' | 'failed' | 'cancelled';
    /** Whether it counts against the item's retry budget. */
    spent: boolean;
    retryAt?: string;
    /** Exit code of a worker process that the platform saw end; null while a result speaks for it. */
    exit: number | null;
    /** The worker's result document; null when none came. */
    result: Digest | null;
    outputs: RecordedOutput[];
    /**
     * Payload digests of the statements on the next lines of the container, in this order: the provenance when there is
     * an output of kind `patch` or `output`, the test result when a block with a lens is claimed.
     */
    attestations: Digest[];
    claimed: ClaimedResult;
  };
  /** pending | ready | suspended -> a terminal state, without an attempt; `done` and `denied` are ends of gates alone. */
  'item.closed': {
    items: {
      id: string;
      state: 'done' | 'skipped' | 'cancelled' | 'failed' | 'denied';
      reason: string;
      cause?: string;
    }[];
  };
  /** failed -> pending, for a retry; skipped -> pending, for what it depends on. */
  'item.reopened': { items: string[] };
  /**
   * `pause` and `resume` are about the run, `retry` and `skip` about an item, `cancel` about either; `approve` and `reject`
   * are verdicts of a reviewer on a gate.
   */
  'control.accepted': {
    verb: 'approve' | 'cancel' | 'pause' | 'reject' | 'resume' | 'retry' | 'skip';
    item?: string;
    principal: Pseudonym;
    control: Digest;
  };
  'run.stopping': { reason: 'cancelled' | 'deadline_exceeded' };
  /** Always the last event. */
  'run.completed': { state: 'done' | 'failed' | 'cancelled'; counts: RunCounts };
}

export type EventType = keyof EventData;

/** What happened, before it has its place in the run. */
export type RunEvent = { [T in EventType]: { type: T; data: EventData[T] } }[EventType];
export type EventOf<T extends EventType> = Extract<RunEvent, { type: T }>;

/** What an event line carries beside the event. */
export interface EventFrame {
  v: 1;
  origin: string;
  run: string;
  /** Dense from 0. */
  seq: number;
  at: string;
  /** 128 random bits, so that a disclosed hash does not give its event away. */
  salt: string;
}

export type EventLine = EventFrame & RunEvent;
