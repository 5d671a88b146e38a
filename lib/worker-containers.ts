/**
 * The two containers of a task, as data: what the task definitions say, and what a bed does that starts them without an
 * engine. `wrapper` is our image and holds the lease URL. `blocks` is the image of an environment; its runner starts what
 * the wrapper orders over a socket, and holds nothing. See docs/formats/runner.md.
 */

/** Owner of everything in both containers, and of their volumes; no account of any host. */
export const WORKER_USER = { uid: 10_001, gid: 10_001, name: 'waybill' } as const;

/** Where both containers find Node and their bundle. */
const PROGRAM_HOME = '/opt/waybill';

/** In both containers; the directories below stand beside the socket's. */
export const RUNNER_SOCKET = '/waybill/run/runner.sock';

/** Volumes of the task's ephemeral storage. One for each directory: only so can a mount make one of them read-only. */
export const WORKER_VOLUMES = {
  run: '/waybill/run',
  workspace: '/waybill/workspace',
  inputs: '/waybill/inputs',
  outputs: '/waybill/outputs',
  home: '/waybill/home',
  job: '/waybill/.waybill',
  /** The wrapper's own: baseline, captured bytes, log. */
  private: '/var/lib/waybill',
  /** The blocks' own. */
  temporary: '/tmp',
} as const;

export type WorkerVolume = keyof typeof WORKER_VOLUMES;

export interface WorkerContainer {
  name: 'wrapper' | 'blocks';
  /** No shell is between it and the process: the wrapper's image has none. */
  entryPoint: readonly string[];
  user: string;
  readonlyRootFilesystem: true;
  /** The only one whose end ends the task. */
  essential: boolean;
  /** A reaper as process 1: blocks leave orphans. */
  initProcessEnabled: true;
  dropCapabilities: readonly ['ALL'];
  /** SIGTERM to SIGKILL. */
  stopTimeoutSeconds: number;
  mounts: readonly { volume: WorkerVolume; path: string; readOnly: boolean }[];
  /** Names with a value that is the same in every task. */
  environment: Readonly<Record<string, string>>;
  /** Names that the task definition fills in for its deployment. */
  deploymentEnvironment: readonly string[];
  /** Names that a launch sets, and nothing else. */
  launchEnvironment: readonly string[];
  /** Must have been started before this one, and is stopped after it. */
  startsAfter: 'blocks' | null;
}

function mounts(writable: readonly WorkerVolume[], readOnly: readonly WorkerVolume[]): WorkerContainer['mounts'] {
  return [
    ...writable.map((volume) => ({ volume, path: WORKER_VOLUMES[volume], readOnly: false })),
    ...readOnly.map((volume) => ({ volume, path: WORKER_VOLUMES[volume], readOnly: true })),
  ];
}

const EVERY_CONTAINER = {
  user: `${WORKER_USER.uid}:${WORKER_USER.gid}`,
  readonlyRootFilesystem: true,
  initProcessEnabled: true,
  dropCapabilities: ['ALL'],
} as const;

export const WRAPPER: WorkerContainer = {
  ...EVERY_CONTAINER,
  name: 'wrapper',
  entryPoint: [`${PROGRAM_HOME}/node`, `${PROGRAM_HOME}/worker.mjs`],
  essential: true,
  stopTimeoutSeconds: 120,
  mounts: mounts(['run', 'workspace', 'inputs', 'outputs', 'home', 'job', 'private'], []),
  environment: { TMPDIR: WORKER_VOLUMES.private, WAYBILL_RUNNER_SOCKET: RUNNER_SOCKET },
  // The pinned keys and origin, as WORKER_ENV in src/core/names.ts says, and the digest of the image of `blocks`.
  deploymentEnvironment: ['WAYBILL_KEYS', 'WAYBILL_ORIGIN', 'WAYBILL_ENVIRONMENT_IMAGE'],
  launchEnvironment: ['WAYBILL_ATTEMPT_ID', 'WAYBILL_LEASE_URL'],
  startsAfter: 'blocks',
};

export const BLOCKS: WorkerContainer = {
  ...EVERY_CONTAINER,
  name: 'blocks',
  entryPoint: [`${PROGRAM_HOME}/node`, `${PROGRAM_HOME}/runner.mjs`],
  // When it dies the wrapper says so, which a task that is being stopped might not.
  essential: false,
  stopTimeoutSeconds: 30,
  mounts: mounts(['run', 'workspace', 'outputs', 'home', 'temporary'], ['inputs', 'job']),
  environment: { WAYBILL_RUNNER_SOCKET: RUNNER_SOCKET },
  deploymentEnvironment: [],
  launchEnvironment: [],
  startsAfter: null,
};
