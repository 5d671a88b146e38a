/**
 * What travels between the control plane and a worker. The same bytes locally and in AWS: only the URLs differ.
 * A worker has no identity; it is given one lease URL and everything else follows from what is read there.
 */
import type { EgressPolicy } from '@waybill/client/egress';
import type { Block } from '@waybill/client/plan';
import type { ClaimedEgress, ClaimedUsage, Digest, DsseEnvelope } from '@waybill/verify';

/**
 * How a block is kept from the machine it runs on. `container`: in another container than the worker, which alone holds
 * the lease. `in-process` is an executor inside the engine (benchmarks).
 */
export const ISOLATIONS = ['bubblewrap', 'container', 'none', 'in-process'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

export interface JobLimits {
  /** All outputs together. */
  outputsBytes: number;
  /** One output. */
  fileBytes: number;
  /** Number of outputs. */
  files: number;
  logBytes: number;
  patchBytes: number;
}

/** What a block may take of the machine that it runs on. */
export interface JobResources {
  /** Processor time of all its processes; absent means as much as fits into its wall clock. */
  cpuMs?: number;
  /** What only memory holds, of all its processes. */
  memoryBytes: number;
  /** What workspace, outputs, home and temporary directory hold; also the longest single file. */
  diskBytes: number;
  /** Files and directories in them. */
  inodes: number;
  /** At a time, with their threads. */
  processes: number;
  /** Of one process. */
  openFiles: number;
}

/** The lists are kept apart: a host passes that both name, and that is not denied. */
export interface JobEgress extends EgressPolicy {
  /** What the item asks for. */
  ask: string[];
}

/** What to do. The dispatch manifest pins its digest; it holds no URL, so blocks may read it. */
export interface Job {
  v: 1;
  attemptId: string;
  run: string;
  item: string;
  attempt: number;
  pipeline: Block[];
  env: Record<string, string>;
  /** Inputs that are capabilities, by the ends of their keys, in the order in which they are laid over each other. */
  capabilities?: string[];
  timeoutMs: number;
  limits: JobLimits;
  /** With which the worker is given a session: sorted, unique. */
  models?: string[];
  /** Of each block, which runs with isolation `bubblewrap` or, elsewhere, not at all. */
  resources?: JobResources;
  egress?: JobEgress;
  isolation: Isolation;
}

export interface LeaseInput {
  key: string;
  url: string;
  sha256: Digest;
  sizeBytes: number;
}

export interface LeaseSource {
  url: string;
  sha256: Digest;
  sizeBytes: number;
  commit: string;
}

/** URLs of two objects: the key to which secrets shall be sealed, and these. Each of them is written once. */
export interface LeaseChannel {
  putKey: string;
  deleteKey: string;
  getSealed: string;
  deleteSealed: string;
}

/**
 * A worker reads its lease at least this often, however seldom it beats: a beat is a write, which costs twelve times what a
 * reading does, and a cancel should not wait for it.
 */
export const MAX_LOOK_MS = 30_000;

/** The document behind the lease URL: a projection of the attempt, read again after each heartbeat and between them. */
export interface Lease {
  v: 1;
  attemptId: string;
  manifest: DsseEnvelope;
  job: Job;
  inputs: LeaseInput[];
  source?: LeaseSource;
  put: { heartbeat: string; log: string; outputs: string; result: string };
  /** Where a block of the job names secrets, or the worker is given a session with a model. */
  channel?: LeaseChannel;
  heartbeatMs: number;
  expiresAt: string;
  cancel: boolean;
  next: string;
}

export interface Heartbeat {
  v: 1;
  attemptId: string;
  seq: number;
  at: string;
  progress?: { block: number; of: number; label: string };
}

/** What a worker may say about how an attempt ended; the control plane has the last word. */
export const CLAIMED_OUTCOMES = [
  'succeeded',
  'partial',
  'failed',
  'timed_out',
  'stalled',
  'policy_blocked',
  'contract_error',
  'deferred',
  'cancelled',
] as const;
export type ClaimedOutcome = (typeof CLAIMED_OUTCOMES)[number];

export interface BlockEvidence {
  index: number;
  block: Block['block'];
  lens?: 'gate' | 'verify';
  exit: number | null;
  startedAt: string;
  endedAt: string;
}

export interface SetupEvidence {
  capability: string;
  exit: number | null;
  startedAt: string;
  endedAt: string;
}

/** The output sentinel: PUT once, after the outputs. Names files; the control plane hashes bytes again. */
export interface Result {
  v: 1;
  attemptId: string;
  epoch: number;
  outcome: ClaimedOutcome;
  /** snake_case; `ok` when succeeded. */
  reason: string;
  exit: number | null;
  /** What it asks of people, with the outcome `deferred` for `needs_input` and only there: lines of text. */
  question?: string;
  blocks: BlockEvidence[];
  /** Setup scripts of capabilities, in the order in which they ran, before any block. */
  setup?: SetupEvidence[];
  outputs: { sha256: Digest; sizeBytes: number } | null;
  log: { sha256: Digest; sizeBytes: number; truncated: boolean } | null;
  /** Base64 of what is too small for an object of its own, and then is not staged: the framed outputs, the log. */
  inline?: Partial<Record<'outputs' | 'log', string>>;
  /** Workspace paths that the patch leaves out, with nothing silent. */
  excluded: string[];
  worker: Digest;
  /** What blocks say they used of models. */
  usage?: ClaimedUsage[];
  /** A block left something there that could not be read. */
  usageUnread?: true;
  /** What was wrong with it, for people; never sealed. */
  usageProblem?: string;
  /** What blocks reached outside of their sandbox through the worker, and what they were refused. */
  egress?: ClaimedEgress;
}

export const MAX_USAGE_PROBLEM = 300;

/** Entries of what was reached outside: more is counted together. */
export const MAX_EGRESS_SEEN = 32;

/** Entries of one usage file, and of all of an attempt. */
export const MAX_USAGE = 32;
export const MAX_USAGE_BYTES: number = 64 * 1024;

export const MAX_RESULT_BYTES: number = 256 * 1024;

/** Longest outputs and longest log that travel in the result, in bytes of each. */
export const MAX_INLINE_BYTES: number = 32 * 1024;

/** Longest result that something travels in: well under the limit, whatever else it has to say. */
export const MAX_LADEN_RESULT_BYTES: number = 192 * 1024;

/** Longest question. */
export const MAX_QUESTION_CHARS = 4_096;

/** Most paths that a result lists as left out, and the longest of them. More is a contract error, never a shorter list. */
export const MAX_EXCLUDED = 1_000;
export const MAX_PATH_LENGTH = 1_024;

/** Of kind `checkpoint` there is one, in the frame and in no record of outputs: bytes that only workers read. */
export type OutputKind = 'patch' | 'output' | 'checkpoint';

/** Longest checkpoint. */
export const MAX_CHECKPOINT_BYTES: number = 64 * 1024 * 1024;

export interface OutputsIndex {
  files: { name: string; kind: OutputKind; offset: number; sizeBytes: number; sha256: Digest }[];
}

/** First line of the framed outputs object; the JCS index and a newline follow, then the bytes. */
export const OUTPUTS_MAGIC = 'waybill-outputs/v1\n';

/** Exit codes of the worker process; the result object says more. */
export const WORKER_EXIT = {
  finished: 0,
  failed: 1,
  policyBlocked: 10,
  needsInput: 20,
  timedOut: 30,
  contractError: 40,
  cancelled: 143,
} as const;
