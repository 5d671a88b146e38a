/**
 * The two containers of a task as two sandboxes: what lib/worker-containers.ts says of each, with its volumes as
 * directories. They share the network, as the containers of a task do, and else only the volumes that both mount.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WORKER_ENV } from '#core/names.ts';
import { BLOCKS, WORKER_USER, WORKER_VOLUMES, type WorkerContainer, WRAPPER } from '../../lib/worker-containers.ts';
import { buildRunner, buildWorker } from '../../worker-image/build.ts';
import type { AttemptSpec } from './signed-lease.ts';
import type { AttemptEnd, PostedAttempt, WorkerBed } from './worker-bed.ts';

export interface ContainerOptions {
  /** In addition to what the data says, for controls that must go wrong. */
  env?: Record<string, string>;
  /** Instead of the entry point. */
  command?: readonly string[];
  /** An assembled root file system; the system of the host without it. */
  root?: string;
}

export interface Task {
  wrapper: ChildProcess;
  blocks: ChildProcess;
  /** Where the volumes are on this machine. */
  volumes: string;
  /** Exit codes and last words of both. */
  ended: Promise<{ exit: number | null; said: string; blocks: { exit: number | null; said: string } }>;
}

export interface TaskOptions {
  wrapper?: ContainerOptions;
  blocks?: ContainerOptions;
}

export class ContainerBed {
  readonly bed: WorkerBed;
  readonly #programs: string;
  readonly #tasks: string[] = [];
  readonly #open = new Set<ChildProcess>();

  private constructor(bed: WorkerBed, programs: string) {
    this.bed = bed;
    this.#programs = programs;
  }

  static async open(bed: WorkerBed): Promise<ContainerBed> {
    const programs = join(bed.directory, 'programs');
    mkdirSync(programs);
    await buildWorker(join(programs, 'worker.mjs'));
    await buildRunner(join(programs, 'runner.mjs'));
    copyFileSync(process.execPath, join(programs, 'node'));
    // Who may run a program but not read it cannot look into its process either.
    chmodSync(join(programs, 'node'), 0o111);
    return new ContainerBed(bed, programs);
  }

  start({ attemptId, leaseUrl }: PostedAttempt, options: TaskOptions = {}): Task {
    const volumes = mkdtempSync(join(this.bed.directory, 'task-'));
    for (const volume of Object.keys(WORKER_VOLUMES)) mkdirSync(join(volumes, volume));
    this.#tasks.push(volumes);
    const given = { ...this.bed.environmentOf(attemptId), [WORKER_ENV.leaseUrl]: leaseUrl };
    const wrapperEnv = { ...given, ...options.wrapper?.env };
    const blocks = this.#spawn(BLOCKS, volumes, options.blocks ?? {}, {});
    const wrapper = this.#spawn(WRAPPER, volumes, options.wrapper ?? {}, wrapperEnv);
    // A task ends with its essential container; a runner that lost its wrapper is gone before that.
    wrapper.once('exit', () => setTimeout(() => blocks.kill('SIGKILL'), STOP_BLOCKS_MS).unref());
    const ended = Promise.all([endOf(wrapper), endOf(blocks)]).then(([own, other]) => ({ ...own, blocks: other }));
    return { wrapper, blocks, volumes, ended };
  }

  async run(spec: AttemptSpec, options: TaskOptions = {}): Promise<AttemptEnd & { task: Awaited<Task['ended']> }> {
    const attempt = await this.bed.post({ isolation: 'container', ...spec });
    const task = this.start(attempt, options);
    const ended = await task.ended;
    const { attemptId } = attempt;
    const notice = { attemptId, cause: 'exited' as const, exit: ended.exit, detail: ended.said };
    return { notice, task: ended, ...(await this.bed.collect(attemptId)) };
  }

  close(): void {
    for (const child of this.#open) child.kill('SIGKILL');
    for (const volumes of this.#tasks) rmSync(volumes, { recursive: true, force: true });
  }

  #spawn(
    container: WorkerContainer,
    volumes: string,
    { root, command, env }: ContainerOptions,
    given: Record<string, string>,
  ): ChildProcess {
    const variables = { PATH: '/usr/local/bin:/usr/bin:/bin:/opt/waybill', ...container.environment, ...given, ...env };
    const argv = [
      ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
      ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
      ...['--uid', String(WORKER_USER.uid), '--gid', String(WORKER_USER.gid)],
      ...(root === undefined ? HOST_SYSTEM : ['--ro-bind', root, '/']),
      ...(root === undefined ? ['--ro-bind', this.#programs, '/opt/waybill'] : []),
      ...['--proc', '/proc', '--dev', '/dev'],
      ...container.mounts.flatMap(({ volume, path, readOnly }) => [
        readOnly ? '--ro-bind' : '--bind',
        join(volumes, volume),
        path,
      ]),
      ...['--remount-ro', '/', '--chdir', '/', '--clearenv'],
      ...Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value]),
      ...['--', ...(command ?? container.entryPoint)],
    ];
    const child = spawn('bwrap', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#open.add(child);
    child.once('exit', () => this.#open.delete(child));
    return child;
  }
}

const STOP_BLOCKS_MS = 2_000;
const HOST_SYSTEM = [
  ...['--ro-bind', '/usr', '/usr'],
  ...['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].flatMap((path) => ['--ro-bind-try', path, path]),
  ...['/etc/alternatives', '/etc/ld.so.cache', '/etc/passwd', '/etc/group'].flatMap((path) => [
    '--ro-bind-try',
    path,
    path,
  ]),
];

function endOf(child: ChildProcess): Promise<{ exit: number | null; said: string }> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return new Promise((resolve) => child.once('close', (exit) => resolve({ exit, said })));
}
