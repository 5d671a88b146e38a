/** The two containers of a task as sandboxes on this machine: what lib/worker-containers.ts says of each, its volumes as directories. */
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '@waybill/verify';
import { WORKER_ENV } from '#core/names.ts';
import { BLOCKS, WORKER_USER, WORKER_VOLUMES, type WorkerContainer, WRAPPER } from '../../lib/worker-containers.ts';
import { buildRunner, buildWorker } from '../../worker-image/build.ts';
import type { ContainerProcess } from './beds/ministack.ts';

/** In the image of the wrapper, where a scenario puts it. */
export const MODELS = 'models.json';

const HOST_SYSTEM = [
  ...['--ro-bind', '/usr', '/usr'],
  ...['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].flatMap((path) => ['--ro-bind-try', path, path]),
  ...['/etc/alternatives', '/etc/ld.so.cache', '/etc/passwd', '/etc/group'].flatMap((path) => [
    '--ro-bind-try',
    path,
    path,
  ]),
];

/** @param image variables of the image, beside its path */
function processOf(container: WorkerContainer, programs: string, image: Record<string, string> = {}): ContainerProcess {
  const volumes = Object.keys(WORKER_VOLUMES).map((volume) => `{volume}/${volume}`);
  const sandbox = [
    // Not --die-with-parent: the parent is a thread of the emulator, which ends when the task is started.
    ...['bwrap', '--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
    ...['--cap-drop', 'ALL', '--uid', String(WORKER_USER.uid), '--gid', String(WORKER_USER.gid)],
    ...HOST_SYSTEM,
    ...['--ro-bind', programs, '/opt/waybill', '--proc', '/proc', '--dev', '/dev'],
    ...container.mounts.flatMap(({ volume, path, readOnly }) => [
      readOnly ? '--ro-bind' : '--bind',
      `{volume}/${volume}`,
      path,
    ]),
    ...['--remount-ro', '/', '--chdir', '/', '--', ...container.entryPoint],
  ];
  return {
    // SIGTERM is for the program inside, which takes it back; a sandbox that died of it would take the program along.
    command: ['sh', '-c', `mkdir -p ${volumes.join(' ')} && trap '' TERM && exec "$@"`, 'sh', ...sandbox],
    // What the task definition says comes from the emulator; an image has a path besides.
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin:/opt/waybill', ...image },
  };
}

export interface WorkerPrograms {
  worker: Digest;
  containers: Record<'wrapper' | 'blocks', ContainerProcess>;
}

/** @param directory where the bundles and a Node are put */
export async function workerProcesses(directory: string): Promise<WorkerPrograms> {
  mkdirSync(directory, { recursive: true });
  const worker = await buildWorker(join(directory, 'worker.mjs'));
  await buildRunner(join(directory, 'runner.mjs'));
  copyFileSync(process.execPath, join(directory, 'node'));
  // Who may run a program but not read it cannot look into its process either.
  chmodSync(join(directory, 'node'), 0o111);
  const wrapper = processOf(WRAPPER, directory, { [WORKER_ENV.models]: `/opt/waybill/${MODELS}` });
  return { worker, containers: { wrapper, blocks: processOf(BLOCKS, directory) } };
}
