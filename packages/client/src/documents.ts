/**
 * The documents that a client reads from the outbox: one receipt per submitted object, one status per run.
 * They are the same objects in a directory and in S3; clients never read the run store.
 */
import type { ClaimedEgress, Digest, JudgedIntent, RecordedOutput, ReusedFrom, SealedOutcome } from '@waybill/verify';
import type { Refusal } from './errors.ts';

export const RECEIPT_STATUSES = ['accepted', 'deduped', 'conflict', 'invalid', 'denied', 'too_large'] as const;
export type ReceiptStatus = (typeof RECEIPT_STATUSES)[number];

/** The answer to one submitted object: `outbox/<principal>/<submissionId>/receipt-<16 hex of the object's SHA-256>.json`. */
export interface Receipt {
  v: 1;
  status: ReceiptStatus;
  principal: string;
  submissionId: string;
  /** SHA-256 of the submitted bytes. */
  submission: Digest;
  /** The run that this submission is or would have been; absent when it never became one. */
  run?: string;
  /** Every reason at once; empty when accepted or deduped. */
  reasons: Refusal[];
  at: string;
}

export const ITEM_STATES = [
  'pending',
  'ready',
  'running',
  'suspended',
  'done',
  'failed',
  'skipped',
  'cancelled',
  'denied',
] as const;
export type ItemState = (typeof ITEM_STATES)[number];

export type RunState = 'open' | 'running' | 'suspended' | 'done' | 'failed' | 'cancelled';

/** How an attempt ended: the same words as in its sealed event. */
export type AttemptOutcome = SealedOutcome;

/** What an attempt left, as its sealed event names it. */
export type OutputRef = RecordedOutput;

export interface AttemptStatus {
  attempt: number;
  id: string;
  startedAt: string;
  endedAt?: string;
  outcome?: AttemptOutcome;
  reason?: string;
  exit?: number | null;
  costMicroUsd?: number;
  outputs: OutputRef[];
}

/** Why an item does not run yet; exactly what holds it, never a guess. */
export interface Waiting {
  /** Somebody paused the run or its queue, and nobody has resumed it. */
  paused?: 'run' | 'queue';
  /** Unfinished dependencies: the first ten, and how many there are. */
  deps?: { first: string[]; count: number };
  /**
   * Locks that it cannot have now: by whom they are held, and for whom one is kept that was overtaken often enough. Whom it is
   * kept for waits for another lock, so `holders` may be empty.
   */
  locks?: { name: string; holders: { run: string; item: string }[]; keptFor?: { run: string; item: string } }[];
  /** The queue's slots; with `gone` it is defined no more. Of a paused run `paused` says that the queue is, too. */
  queue?: { name: string; concurrency: number; held: number; state?: 'paused' | 'gone' };
  /** The queue has started as many as its rate allows: the next one starts then, if nothing else holds it. */
  rate?: { starts: number; perSeconds: number; next: string };
  /** Verdicts that are still to come: so many approve so far, and any of `reviewers` that has not may. */
  gate?: {
    approved: number;
    rejected: number;
    approvals: number;
    reviewers: string[];
    expires?: string;
    /** Items whose outputs they decide about, and the digest of these outputs. */
    reviews?: string[];
    reviewed?: Digest;
  };
  /** What its attempt asked of people; `sha256` is of the text. It goes on with their answer. */
  question?: { text: string; sha256: Digest; attempt: number };
  /** Back-off, or a time that the spec names. */
  notBefore?: string;
  /** Its queue waits for money, and this one comes first there. */
  behind?: { run: string; item: string };
  /** What it may cost does not fit under this cap now. The more is left again when others end, and when the window turns. */
  cap?: CapStatus;
}

/** A cap, and what is left of it: neither spent nor reserved. */
export interface CapStatus {
  cap: 'run' | 'day' | 'month' | 'account';
  limitMicroUsd: number;
  leftMicroUsd: number;
  /** When it is whole again. */
  turns?: string;
}

/** A cap of which less is left than one attempt reserves, or of which the whole would not do; or how many one item may become. */
export type Exceeded =
  | { cap: CapStatus['cap']; neededMicroUsd: number; leftMicroUsd: number; limitMicroUsd: number }
  | { outputs: number; max: number };

export interface ItemStatus {
  id: string;
  state: ItemState;
  /** Reason code when it ended other than done, snake_case. */
  reason?: string;
  /** What exactly was wrong, for people; in no evidence. */
  detail?: string;
  /** Why it is not known what models an attempt used, of the last of which that holds: for people, in no evidence. */
  usageProblem?: string;
  /** What blocks of the last attempt that says so reached outside of the sandbox, and were refused. */
  egress?: ClaimedEgress;
  /** Why it was not in the plan: an item became many, or the object of this digest added it. */
  addedBy?: { item: string } | { control: Digest };
  /** The bound that it did not fit under. */
  exceeded?: Exceeded;
  /** The item that caused it, when another did. */
  cause?: string;
  /** It failed, and its plan lets that pass: of a run that has ended. */
  isLetPass?: true;
  progress?: { block: number; of: number; label: string };
  waiting?: Waiting;
  /** What its next attempt goes on from, and which attempt has left that. */
  checkpoint?: { attempt: number; sizeBytes: number };
  /** It ran nothing and took over what this attempt had made, perhaps in another run. */
  reused?: { from: ReusedFrom; outputs: OutputRef[]; isUnsandboxed?: true };
  /** Of all its attempts that have ended. */
  costMicroUsd?: number;
  /** What its models come to, by their names; of that `cutMicroUsd` is not charged, being more than one attempt may be. */
  modelMicroUsd?: Record<string, number>;
  cutMicroUsd?: number;
  /** What was said to the intents that it left. */
  intents?: JudgedIntent[];
  attempts: AttemptStatus[];
}

/** Attempts, and what an attempt was followed by another for; absent where that never happened. */
export interface AttemptCounts {
  attempts: number;
  /** It had failed, or somebody had it tried again. */
  retries: number;
  /** It had asked something, and was answered. */
  questions?: number;
  /** Somebody sent its item back to the queue. */
  requeues?: number;
  /** Its worker was lost: no fault of the item. */
  lost?: number;
  /** No worker could be launched then. */
  putOff?: number;
}

/** Why a run counts as aborted that the store of its directory does not know; no log says so. */
export const NOT_IN_STORE = 'not_in_store';

/** `outbox/<principal>/<submissionId>/status.json`, replaced whole, at most a few times a second. */
export interface RunStatus {
  v: 1;
  run: string;
  name: string;
  queue: string;
  principal: string;
  submissionId: string;
  state: RunState;
  at: string;
  openedAt: string;
  /** What is open of it then is ended. */
  deadlineAt?: string;
  /** Of a run that more items may be added to, until somebody closes it. */
  openEnded?: 'open' | 'closed';
  /** Items that were added to it are being written and begun; on one machine others wait meanwhile. */
  extending?: true;
  /** Since when nothing of it is started; absent while it is not paused. */
  pausedAt?: string;
  completedAt?: string;
  sealedAt?: string;
  /** It will never be sealed here: an operator said so, the store was lost, or it does not know the run. */
  aborted?: { at: string; reason: string };
  counts: Record<ItemState, number> & AttemptCounts & { items: number };
  items: ItemStatus[];
  /** Of all attempts that have ended. */
  costMicroUsd?: number;
  /** Of the run and of the deployment, when this was written; absent where nobody has set one and nothing has been reserved yet. */
  caps?: CapStatus[];
  /** Loud things: blocks that ran without a sandbox. */
  warnings: string[];
  /** Set once sealed: ledger key and digest of the audit bundle. */
  bundle?: { key: string; sha256: Digest };
}

/** A run that a schedule has started, and what the inbox answered to it. */
export interface SlotStatus {
  /** The time that was planned; of a trigger, when it was asked for. */
  at: string;
  how: 'slot' | 'trigger';
  submissionId: string;
  run: string;
  /** Absent until it is answered. */
  status?: ReceiptStatus;
  /** Why there is no run. */
  reasons: Refusal[];
}

export interface ScheduleStatus {
  name: string;
  queue: string;
  cron: string;
  timeZone: string;
  missed: 'skip' | 'latest' | { all: number };
  /** Of the document that was added, which is an artifact. */
  definition: Digest;
  paused: boolean;
  addedAt: string;
  /** The next three times, when it was written; none while it is paused. */
  next: string[];
  /** The newest twenty, oldest first. */
  slots: SlotStatus[];
  /** The last slots that were missed and passed over, by the rule: the first and the last of them. */
  passedOver?: { from: string; to: string };
}

/** `outbox/<principal>/schedules.json`, replaced whole: all schedules of the principal, by name. */
export interface ScheduleList {
  v: 1;
  principal: string;
  at: string;
  schedules: ScheduleStatus[];
}
