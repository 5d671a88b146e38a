/** Names and numbers that more than one place must agree on. Read from the environment only in composition roots. */

import type { JobLimits, JobResources } from '#core/mailbox-protocol.ts';

/**
 * Environment of a worker process. On a machine that it shares with others every process of the same user can read it,
 * so the lease URL is in it only where the worker has a container of its own.
 */
export const WORKER_ENV = {
  attemptId: 'WAYBILL_ATTEMPT_ID',
  keys: 'WAYBILL_KEYS',
  origin: 'WAYBILL_ORIGIN',
  unsandboxed: 'WAYBILL_UNSANDBOXED',
  leaseUrl: 'WAYBILL_LEASE_URL',
  /** The runner in the container of the blocks; the directories that both share stand beside the socket's. */
  runnerSocket: 'WAYBILL_RUNNER_SOCKET',
  /** Digest of the image of that container. */
  environmentImage: 'WAYBILL_ENVIRONMENT_IMAGE',
  /** Path of models.json, where the operator of this machine lets agents to models. */
  models: 'WAYBILL_MODELS',
  /** Blocks are not to have the device nodes of the host, since the trial of this machine had others. */
  ownDevices: 'WAYBILL_OWN_DEVICES',
} as const;

/** Pseudo queue of the inbox that holds control objects; no real queue can start with `@`. */
export const CONTROL_QUEUE = '@control';

/** A row of a set holds at most this many ids: two levels hold the 10,000 items of the largest run. */
export const MAX_SET_IDS = 100;

/** Every transaction of the engine stays below this, so that it fits DynamoDB's 100 with room for two homes' extras. */
export const MAX_ENGINE_ACTIONS = 80;

/** Rows of an admission that are written together: far below what a store takes, since it writes more beside them. */
export const MAX_ADMISSION_BYTES = 2_000_000;

/** Of one deployment: what is in force is one row, and one document of the ledger. */
export const MAX_SCHEDULES = 100;

/** A waiting item may be overtaken this often on a lock that it leaves free; then the lock is kept for it. */
export const MAX_OVERTAKES = 8;

/** What a point of priority is worth: the whole range of a hundred is an hour. */
export const PRIORITY_HEAD_START_MS = 36_000;

/** Beyond the attempt's timeout: materialising inputs before, staging outputs after. */
export const ATTEMPT_GRACE_MS = 120_000;

/** TERM to KILL. */
export const STOP_GRACE_MS = 5_000;

/** Attempts lost to infrastructure do not spend the item's budget; this many in one item fail it. */
export const MAX_INFRASTRUCTURE_RETRIES = 5;
export const INFRASTRUCTURE_BACKOFF_MS = 250;
export const MAX_INFRASTRUCTURE_BACKOFF_MS = 30_000;

/** A launch for which there was no room is put off for minutes, as often as it takes. */
export const DEFERRAL_BACKOFF_MS = 60_000;
export const MAX_DEFERRAL_BACKOFF_MS = 600_000;
/** After one, a queue gets back as many slots as it has left in this time. */
export const SLOT_REGROWTH_MS = 60_000;

export const JOB_LIMITS: Readonly<JobLimits> = {
  fileBytes: 256 * 1024 * 1024,
  // More do not fit into the record of an attempt, however short their names; see MAX_INDEX_WEIGHT.
  files: 300,
  logBytes: 4 * 1024 * 1024,
  outputsBytes: 512 * 1024 * 1024,
  patchBytes: 64 * 1024 * 1024,
};

/** What a block may take where nothing else is asked for: a bound for accidents, well above what builds and tests need. */
export const JOB_RESOURCES: Readonly<JobResources> = {
  memoryBytes: 8 * 1024 ** 3,
  diskBytes: 16 * 1024 ** 3,
  inodes: 1_000_000,
  processes: 2_048,
  openFiles: 16_384,
};

/** Why a run was aborted that had been open when its store was lost. */
export const STORE_LOST = 'store_lost';

/** What a model may be called, in settings and in what blocks say they used. */
export const MODEL_NAME: RegExp = /^[!-~]{1,128}$/;
