/**
 * The events of a run: what the engine writes, one transition each, and what the verifier replays. Keys that stand
 * directly in `data` are what the platform observed; what only the worker said stands under `claimed`.
 */
import type { Digest } from '../crypto/digest.ts';
import type { Operand, PlannedCondition } from './condition.ts';
import type { CapReached, ClaimedUsage, SettledCost } from './cost.ts';
import type { ClaimedEgress } from './egress.ts';
import type { IntentsJudged } from './intent.ts';

export type Pseudonym = `hmac-sha256:${string}`;
export type Isolation = 'bubblewrap' | 'container' | 'none' | 'in-process';

export type SealedSource = { kind: 'none' } | { kind: 'git'; bundle: Digest; commit: string; sizeBytes: number };

export interface PlannedNeed {
  key: string;
  from: string[];
  select: 'patch' | { output: string };
  /** Of several sources: a failure of one is not made up for by another. */
  onError?: 'stop';
  /** Of the one source, which becomes many: from each of these that is done. */
  each?: true;
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
  /** Items whose outputs they decide about; sorted, unique. */
  reviews?: string[];
}

/** What an item says that is done once for each output of another. */
export interface PlannedForEach {
  /** The item that leaves them. */
  from: string;
  /** How their paths under outputs/ begin: a folder with its `/`, or a part of a name. */
  outputs: string;
  /** The key under which each of the many is given its own. */
  as: string;
  /** When there are more, the item fails and becomes none of them. */
  max: number;
}

/** Bytes that an item is given as they were when the run was submitted. */
export interface PlannedRead {
  /** File name under inputs/. */
  key: string;
  sha256: Digest;
  sizeBytes: number;
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
  /** In the first entry of an item that is pure: the digest of what it does. */
  recipe?: Digest;
  /** In the first entry of the item, sorted by key: sources outside of the run, pinned when it was submitted. */
  reads?: PlannedRead[];
  /** In the first entry of the item: it may leave intents. */
  effect?: 'write';
  /** In the first entry of the item: it is never claimed, and becomes as many as there are outputs. They have its locks and attempts. */
  forEach?: PlannedForEach;
  /** In the first entry of the item: the registered pipeline that it runs. */
  shape?: PlannedShape;
  /** In the first entry of the item, sorted by name: what it must leave to be done. */
  outputs?: PlannedOutput[];
  more?: true;
}

export interface PlannedShape {
  /** Of pack and shape: `data/split`. */
  name: string;
  /** Digests of the whole folder, and of the shape in it. */
  pack: Digest;
  shape: Digest;
}

export interface PlannedOutput {
  /** Under outputs/; one that ends in `/` stands for all files below it. `patch` is the patch. */
  name: string;
  kind: 'csv' | 'json' | 'jsonl' | 'patch' | 'text';
  /** Digest of the JSON Schema that its values are held to. */
  schema?: Digest;
}

/** Why an attempt whose worker has succeeded is not done: an output is not what the item declares. */
export interface InvalidOutput {
  /** As declared. */
  output: string;
  /** `schema`: it breaks the keyword at `rule`, a JSON pointer into the schema. */
  problem: 'missing' | 'too_large' | 'not_json' | 'schema';
  rule?: string;
  /** Of a file of lines, from 1. */
  line?: number;
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
  /** What it may cost; absent where that is nothing. */
  reservedMicroUsd?: number;
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
 * pass, reused = those of `done` that took over what an earlier attempt had made: each absent where there is none.
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
  /** Of all attempts together; absent where they cost nothing. */
  costMicroUsd?: number;
  reused?: number;
}

export interface ClaimedSetup {
  capability: string;
  exit: number | null;
  startedAt: string;
  endedAt: string;
}

/** What the result document says; nothing when there is none. Its three judgements stand together or not at all. */
export interface ClaimedResult {
  outcome?: SealedOutcome;
  reason?: string;
  exit?: number | null;
  blocks: ClaimedBlock[];
  /** Setup scripts of capabilities, in the order in which they ran, before any block. */
  setup?: ClaimedSetup[];
  /** Digest of the worker's bundle. */
  worker?: Digest;
  /** Files that a capture left out. */
  excluded?: number;
  usage?: ClaimedUsage[];
  /** A block left something about its usage that could not be read. */
  usageUnread?: true;
  egress?: ClaimedEgress;
}

/** The attempt that made what is used again. */
export interface ReusedFrom {
  run: string;
  item: string;
  attempt: number;
  id: string;
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
    /** What all attempts together may cost. */
    capMicroUsd?: number;
    /** Items may be added until it is closed; so many may there be then. */
    openEnded?: { mostItems: number };
  };
  'run.planned': { part: number; parts: number; items: PlannedItem[] };
  /** An item becomes these, one for each output, in the order of their names; all that is not said here follows from its plan. */
  'items.spawned': { item: string; items: { id: string; spec: Digest }[] };
  /** Somebody added items: the entries of the object `control`, in parts. */
  'run.extended': { control: Digest; part: number; parts: number; items: PlannedItem[] };
  /** What came of the condition of an item whose deps have ended; it is ready or skipped by that. `operands`: one a test. */
  'item.decided': { item: string; holds: boolean; operands: Operand[] };
  /**
   * pending -> done: nothing was started, since an attempt at the same recipe with the same inputs had succeeded before. Its
   * provenance is the next line of the container.
   */
  'item.reused': {
    item: string;
    key: Digest;
    /** What would have run the item. */
    executable: Digest | 'in-process';
    isolation: Isolation;
    /** Of the attempt, without its log. */
    outputs: RecordedOutput[];
    from: ReusedFrom;
    /** Payload digest of the attempt's provenance. */
    provenance: Digest;
  };
  /** pending -> ready; suspended -> ready, once what it asked is answered */
  'item.ready': { items: string[] };
  /** pending -> suspended, for each gate that waits for its reviewers now. */
  'item.suspended': { items: { id: string; reviewers: Pseudonym[]; expiresAt?: string; reviewed?: Digest }[] };
  /** ready -> running */
  'attempt.claimed': {
    queue: string;
    claims: AttemptClaim[];
    /** Digest of the price table by which something is reserved. */
    prices?: Digest;
  };
  /** The manifest's envelope is the next line of the container. */
  'attempt.dispatched': { item: string; attempt: number; id: string; manifest: Digest; isolation: Isolation };
  /** The attempt was given what its manifest names, sealed for it alone: by name, and once. */
  'secrets.released': { item: string; attempt: number; id: string; secrets: string[] };
  /** running -> done | ready | suspended | failed | cancelled */
  'attempt.settled': {
    item: string;
    attempt: number;
    id: string;
    epoch: number;
    /** The platform's judgement, as is `reason`. */
    outcome: SealedOutcome;
    /** `ok` when and only when it succeeded. */
    reason: string;
    next: 'done' | 'retry' | 'suspended' | 'failed' | 'cancelled';
    /** Digest of what it asks of people, where the item waits for them. */
    question?: Digest;
    /** Where the reason is `output_invalid`. */
    invalid?: InvalidOutput;
    /** Digest of what it left for a later attempt of its item to go on from. */
    checkpoint?: Digest;
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
    /** Absent where it cost nothing. */
    cost?: SettledCost;
    /** The platform saw that nothing of it ran, so that it costs nothing of what it had reserved. */
    neverStarted?: true;
  };
  /** Stands behind the attempt by which it came about. */
  'cap.reached': CapReached;
  /** pending | ready | suspended -> a terminal state, without an attempt; `denied` is an end of gates and of caps, `done` of gates and of items that became many. */
  'item.closed': {
    items: {
      id: string;
      state: 'done' | 'skipped' | 'cancelled' | 'failed' | 'denied';
      reason: string;
      cause?: string;
      /** What it wanted to reserve, where no rest of the cap could pay that. */
      neededMicroUsd?: number;
    }[];
  };
  /** failed -> pending, for a retry; skipped -> pending, for what it depends on. */
  'item.reopened': { items: string[] };
  /**
   * `pause`, `resume`, `extend` and `close` are about the run, `requeue`, `retry` and `skip` about an item, `cancel` about
   * either; `approve` and `reject` are verdicts of a reviewer on a gate; `answer` is what an item asked for, by its digest.
   */
  'control.accepted': {
    verb:
      | 'answer'
      | 'approve'
      | 'cancel'
      | 'close'
      | 'extend'
      | 'pause'
      | 'reject'
      | 'requeue'
      | 'resume'
      | 'retry'
      | 'skip';
    item?: string;
    principal: Pseudonym;
    control: Digest;
    answer?: Digest;
    /** What was looked at, where the verdict says so. */
    reviewed?: Digest;
  };
  'run.stopping': { reason: 'cancelled' | 'deadline_exceeded' };
  /** What was said to the intents that an attempt left, in the decision that made its item done. */
  'intents.judged': IntentsJudged;
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
