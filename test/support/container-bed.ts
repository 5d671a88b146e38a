/**
 * The two containers of a task as two sandboxes: what lib/worker-containers.ts says of each, with its volumes as
 * directories. They share the network, as the containers of a task do, and else only the volumes that both mount.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKER_ENV } from '#core/names.ts';
import {
  BLOCKS,
  WORKER_USER,
  WORKER_VOLUMES,
  type WorkerContainer,
  type WorkerVolume,
  WRAPPER,
} from '../../lib/worker-containers.ts';
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

  start({ attemptId, leaseUrl }: Pick<PostedAttempt, 'attemptId' | 'leaseUrl'>, options: TaskOptions = {}): Task {
    const volumes = this.#volumes();
    const given = { ...this.bed.environmentOf(attemptId), [WORKER_ENV.leaseUrl]: leaseUrl };
    const wrapperEnv = { ...given, ...options.wrapper?.env };
    const blocks = this.#spawn(BLOCKS, volumes, options.blocks ?? {}, {});
    const wrapper = this.#spawn(WRAPPER, volumes, options.wrapper ?? {}, wrapperEnv);
    // The end of the essential container stops the others: politely, then by force.
    wrapper.once('exit', () => {
      terminate(blocks, 'runner.mjs');
      setTimeout(() => blocks.kill('SIGKILL'), STOP_BLOCKS_MS).unref();
    });
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

  /** The container of the blocks alone, until it ends by itself. */
  runBlocksAlone(options: ContainerOptions): Promise<{ exit: number | null; said: string }> {
    return endOf(this.#spawn(BLOCKS, this.#volumes(), options, {}));
  }

  #volumes(): string {
    const volumes = mkdtempSync(join(this.bed.directory, 'task-'));
    for (const volume of Object.keys(WORKER_VOLUMES)) mkdirSync(join(volumes, volume));
    this.#tasks.push(volumes);
    return volumes;
  }

  has({ volumes }: Task, volume: WorkerVolume, name: string): boolean {
    return existsSync(join(volumes, volume, name));
  }

  leave({ volumes }: Task, volume: WorkerVolume, name: string): void {
    writeFileSync(join(volumes, volume, name), '');
  }

  close(): void {
    for (const child of this.#open) child.kill('SIGKILL');
    for (const volumes of this.#tasks) {
      // Inputs stand where not even their owner may remove them.
      execFileSync('chmod', ['-R', 'u+rwX', volumes]);
      rmSync(volumes, { recursive: true, force: true });
    }
  }

  #spawn(
    container: WorkerContainer,
    volumes: string,
    { root, command, env }: ContainerOptions,
    given: Record<string, string>,
  ): ChildProcess {
    const variables = {
      PATH: '/toolchain/bin:/usr/local/bin:/usr/bin:/bin',
      ...container.environment,
      ...given,
      ...env,
    };
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

const STOP_BLOCKS_MS = 5_000;
const HOST_SYSTEM = [
  ...['--ro-bind', process.execPath, '/toolchain/bin/node'],
  ...['--ro-bind', '/usr', '/usr'],
  ...['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].flatMap((path) => ['--ro-bind-try', path, path]),
  ...['/etc/alternatives', '/etc/ld.so.cache', '/etc/passwd', '/etc/group'].flatMap((path) => [
    '--ro-bind-try',
    path,
    path,
  ]),
];

/** What the service sends a container that it stops. The sandbox passes no signal on, so it goes to the program itself. */
export function terminate(container: ChildProcess, program: 'worker.mjs' | 'runner.mjs'): void {
  try {
    const init = execFileSync('pgrep', ['-P', String(container.pid)], { encoding: 'utf8' }).trim();
    const pid = execFileSync('pgrep', ['-P', init, '-f', `/opt/waybill/${program}$`], { encoding: 'utf8' });
    process.kill(Number(pid), 'SIGTERM');
  } catch {
    // It is gone, or was not there yet; what comes then is force.
  }
}

function endOf(child: ChildProcess): Promise<{ exit: number | null; said: string }> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return new Promise((resolve) => child.once('close', (exit) => resolve({ exit, said })));
}
