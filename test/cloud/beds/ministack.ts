/**
 * The wiring bed: ministack on loopback, one process, with its own directory. Containers of ECS tasks run as local processes
 * (`emulator/`), Lambda functions as processes of our own Node.
 *
 * What it proves and what it does not is in docs/decisions/0015-wiring-bed.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createWriteStream,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bedFolder } from '../install.ts';
import { type RecordedCall, startRecorder, type WatchCalls } from './recorder.ts';
import { freePort } from './started-bed.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const START_TIMEOUT_MS = 30_000;

/** What the containers of one name run; `{volume}` is the directory that the containers of a task share. */
export interface ContainerProcess {
  command: readonly string[];
  environment?: Readonly<Record<string, string>>;
}

export interface Ministack {
  /** Of the recorder, which all callers but the emulator itself go through. */
  url: string;
  /** Every call since the start, as its caller sent it. */
  calls: readonly RecordedCall[];
  watch: WatchCalls;
  account: string;
  region: string;
  /** Of the account's root, who may do everything. */
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** Environment of a client with those credentials. */
  environment: Record<string, string>;
  /** `tasks/<task id>/` holds what each container wrote: `<name>.log`, `<name>.pid`. */
  directory: string;
  /** From the next start of a task on. A container without an entry does not start, as if its image could not be pulled. */
  setContainers(containers: Readonly<Record<string, ContainerProcess>>): void;
  /** Ends everything. With `keepLogs` what was written stays in `build/beds/`. */
  stop(outcome?: { keepLogs: boolean }): Promise<void>;
}

async function answers(port: number, child: ChildProcess, log: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new TypeError(`ministack ended with ${child.exitCode}: read ${log}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = new Socket().on('error', () => resolve(false));
      socket.connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new TypeError(`ministack did not answer within ${START_TIMEOUT_MS} ms: read ${log}`);
}

/** Containers have sessions of their own, so that a task can be ended as a whole: they do not die with the emulator. */
function endContainers(directory: string): void {
  for (const file of globSync('tasks/*/*.pid', { cwd: directory })) {
    try {
      process.kill(-Number(readFileSync(join(directory, file), 'utf8')), 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

const ACCOUNT = '000000000000';
const REGION = 'eu-west-1';
const ROOT_CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

/** What the tools of AWS read. */
function clientEnvironment(url: string): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: ROOT_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ROOT_CREDENTIALS.secretAccessKey,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ENDPOINT_URL: url,
  };
}

/**
 * @param more variables that its functions have too
 * @param url of the recorder, where the emulator believes to be reached: it puts that into the addresses of queues
 */
function spawnEmulator(
  directory: string,
  containersFile: string,
  port: number,
  { url, more }: { url: string; more: Readonly<Record<string, string>> },
): ChildProcess {
  return spawn(join(bedFolder('ministack'), 'bin', 'python'), [join(import.meta.dirname, 'emulator', 'serve.py')], {
    cwd: directory,
    env: {
      ...clientEnvironment(url),
      // The first node found runs the functions: ours, not the host's.
      PATH: [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
      HOME: directory,
      TMPDIR: join(directory, 'tmp'),
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      BIND_HOST: '127.0.0.1',
      MINISTACK_HOST: '127.0.0.1',
      GATEWAY_PORT: new URL(url).port,
      WAYBILL_BED_PORT: String(port),
      MINISTACK_REGION: REGION,
      LOG_LEVEL: 'INFO',
      // It would listen on every interface.
      IOT_MTLS_ENABLED: '0',
      // Signatures are checked, and policies of the caller and of the resource are evaluated.
      AUTH: 'true',
      WAYBILL_BED_DIRECTORY: directory,
      WAYBILL_BED_CONTAINERS: containersFile,
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

/** @param more variables of the emulator and of the functions */
export async function start(more: Readonly<Record<string, string>> = {}): Promise<Ministack> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-ministack-'));
  const containersFile = join(directory, 'containers.json');
  writeFileSync(containersFile, '{}');
  mkdirSync(join(directory, 'tmp'));
  const port = await freePort();
  const recorder = await startRecorder(port);
  const log = join(directory, 'ministack.log');
  const child = spawnEmulator(directory, containersFile, port, { url: recorder.url, more });
  const logged = createWriteStream(log);
  child.stdout?.pipe(logged, { end: false });
  child.stderr?.pipe(logged, { end: false });
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.pid !== undefined) {
      const exited = once(child, 'exit');
      process.kill(-child.pid, 'SIGKILL');
      await exited;
    }
    endContainers(directory);
    await recorder.stop();
    logged.end();
  };
  try {
    await answers(port, child, log);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    url: recorder.url,
    calls: recorder.calls,
    watch: recorder.watch,
    account: ACCOUNT,
    region: REGION,
    credentials: ROOT_CREDENTIALS,
    environment: clientEnvironment(recorder.url),
    directory,
    setContainers(containers) {
      writeFileSync(`${containersFile}.new`, JSON.stringify(containers));
      renameSync(`${containersFile}.new`, containersFile);
    },
    async stop(outcome) {
      await end();
      if (outcome?.keepLogs === true) {
        const kept = join(ROOT, 'build', 'beds');
        mkdirSync(kept, { recursive: true });
        rmSync(join(kept, 'ministack'), { recursive: true, force: true });
        renameSync(directory, join(kept, 'ministack'));
      } else rmSync(directory, { recursive: true, force: true });
    },
  };
}
