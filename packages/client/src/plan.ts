/**
 * The plan: what a run spec compiles to. Items with their edges, normalised, with every default filled in and every
 * duration in milliseconds, so that nothing later needs to know how the author wrote it.
 */
import type { Digest, PlannedCondition, PlannedForEach, PlannedOutput, PlannedShape } from '@waybill/verify';

export type LockMode = 'shared' | 'exclusive';

/** By variable: the name of a secret, which the variable then holds; or one that stands in a file, whose path it holds. */
export type BlockSecrets = Record<string, string | { file: string }>;

/** When a block is ended for getting nowhere. Each is absent where it is not, or where its adapter has a number of its own. */
export interface PlanGuards {
  /** Without a byte on stdout or stderr. */
  stallMs?: number;
  /** On stdout and stderr together. */
  outputBytes?: number;
  /** What calls are answered with, all together. */
  toldBytes?: number;
  /** The same call, one after the other. */
  repeats?: number;
  /** In a row. */
  errors?: number;
}

export interface ScriptBlock {
  block: 'script';
  /** A string is run by `/bin/sh -c`; a list is an argv. */
  run: string | string[];
  lens?: 'gate' | 'verify';
  secrets?: BlockSecrets;
  timeoutMs?: number;
  guards?: PlanGuards;
}

export interface CommandBlock {
  block: 'agent';
  adapter: 'command';
  command: string[];
  secrets?: BlockSecrets;
  timeoutMs?: number;
  guards?: PlanGuards;
}

/** An agent that is given a prompt. Which keys go with which adapter is the schema's to say. */
export interface PromptedBlock {
  block: 'agent';
  adapter: 'claude-code' | 'codex' | 'bedrock';
  model: string;
  /** One of both at least; the file, of the workspace, comes first. */
  prompt?: string;
  promptFile?: string;
  /** Under outputs/. */
  reply?: string;
  program?: string;
  maxTurns?: number;
  tools?: string[];
  sandbox?: 'read-only' | 'workspace-write' | 'danger-full-access';
  secrets?: BlockSecrets;
  timeoutMs?: number;
  guards?: PlanGuards;
}

export type AgentBlock = CommandBlock | PromptedBlock;

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
  /** From each of the items that the one upstream item becomes. */
  each?: true;
}

export interface PlanRead {
  /** File name under inputs/. */
  key: string;
  sha256: Digest;
  sizeBytes: number;
}

export interface PlanGate {
  /** How many of the reviewers must approve. */
  approvals: number;
  /** Principals, sorted, unique; none: whoever submitted the run. */
  reviewers: string[];
  /** From the moment at which it waits; absent means never. */
  expiresMs?: number;
  /** Items whose outputs they decide about: sorted, unique. */
  reviews?: string[];
}

/** Limits of each block; absent means the platform's own. */
export interface PlanResources {
  cpuMs?: number;
  memoryBytes?: number;
  diskBytes?: number;
  inodes?: number;
  processes?: number;
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
  /** It runs nothing itself: it becomes items that run its pipeline, one for each output of another. */
  forEach?: PlannedForEach;
  /** Sorted by name, unique. */
  locks: { name: string; mode: LockMode }[];
  pipeline: Block[];
  /** With the values that it takes. */
  env: Record<string, string>;
  /** Names in the order in which they are laid over each other; their bytes are among `reads`. */
  capabilities?: string[];
  /** Names in their order, and what was taken: the variables are in `env`. */
  values?: { name: string; sha256: Digest }[];
  /** Its result depends on nothing but what it is made of and given, so that it may be used again; or it may leave intents; absent means `read`. */
  effect?: 'pure' | 'write';
  /** Sorted by key: files from outside of the run, as they were when it was submitted. */
  reads?: PlanRead[];
  /** Of a pure item: it runs whatever there is to use again. */
  reuse?: 'off';
  /** Name of the toolchain; absent means the one called `default`. */
  environment?: string;
  resources?: PlanResources;
  /** Hosts outside of the sandbox that its blocks ask for: sorted, unique. */
  egress?: string[];
  /** Each point is a head start in the queue, 0 to 100. */
  priority: number;
  /** Wall clock of one attempt. */
  timeoutMs: number;
  /** From the moment the run opened; absent means none but the run's own. */
  deadlineMs?: number;
  /** Milliseconds since the epoch; absent means at once. */
  notBeforeMs?: number;
  retry: { maxAttempts: number; backoffMs: number; maxBackoffMs: number };
  /** What the models of one attempt are reckoned to cost; absent: the deployment's price table says. */
  maxMicroUsd?: number;
  /** What it must leave to be done: sorted by name, each schema as its canonical JSON text. */
  outputs?: (Omit<PlannedOutput, 'schema'> & { schema?: string })[];
  /** The registered pipeline that it runs. */
  shape?: PlannedShape;
}

export type PlanSource = { kind: 'none' } | { kind: 'git'; bundle: Digest; commit: string; sizeBytes: number };

export interface Plan {
  name: string;
  labels: Record<string, string>;
  queue: string;
  source: PlanSource;
  /** Wall clock of the whole run. */
  wallClockMs?: number;
  /** Items may be added, up to so many together; `shared`: what they take from the run, as its spec has it, where it says anything. */
  openEnded?: { mostItems: number; shared?: object };
  /** Name of the endpoint of the deployment that is told when the run has ended. */
  callback?: string;
  /** What all attempts together may cost. */
  capMicroUsd?: number;
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
  /** In the first entry of a pure item: the digest of what it does. */
  recipe?: Digest;
  /** In the first entry of an item. */
  reads?: PlanRead[];
  effect?: 'write';
  forEach?: PlannedForEach;
  /** In the first entry of an item, as `outputs`, which have the digests of their schemas. */
  shape?: PlannedShape;
  outputs?: PlannedOutput[];
  more?: true;
}
