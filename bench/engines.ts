/** Who is measured, each round of each in a process of its own, and why somebody is absent. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Round } from './shapes.ts';

const HERE = import.meta.dirname;
/** On a busy machine a round takes minutes. */
const ROUND_TIMEOUT_MS = 600_000;

export interface MeasuredEngine {
  name: string;
  /** What makes its figures comparable, for the report. */
  about: string;
  /** Why it cannot be measured here, and what would help; null when it can. */
  absent(): string | null;
  round(scratch: string): Promise<Round>;
}

export const FLOOR = 'floor';
export const WAYBILL = 'Waybill';
export const IN_PROCESS = 'Waybill, submitted in process';
export const BULLMQ = 'BullMQ';

export const ENGINES: readonly MeasuredEngine[] = [
  {
    name: FLOOR,
    about: 'SQLite, one synced commit for each completion; W4: one synced file and name for each submission',
    absent: () => null,
    round: (scratch) => inChild(['floor-round.ts', scratch]),
  },
  {
    name: 'floor, shared commits',
    about: 'SQLite, one synced commit for each 100 completions',
    absent: () => null,
    round: (scratch) => inChild(['floor-round.ts', scratch, 'shared']),
  },
  {
    name: WAYBILL,
    about:
      'every event durable, each attempt with a signed manifest, the run sealed; W4: from the object of the client to the receipt',
    absent: () => null,
    round: (scratch) => inChild(['engine-round.ts', scratch]),
  },
  {
    name: IN_PROCESS,
    about: 'the use case `submit` called in the process of the engine: no object, no receipt, the run durable',
    absent: () => null,
    round: (scratch) => inChild(['engine-round.ts', scratch, 'in-process']),
  },
  {
    name: BULLMQ,
    about: 'Redis with appendfsync always; dependencies as flows, W3 with a barrier between layers; W4: Queue.add',
    absent: () => notInstalled('bullmq') ?? noRedis(),
    round: (scratch) => inChild(['peers/bullmq.js', scratch]),
  },
  {
    name: 'OpenWorkflow',
    about: 'SQLite with full syncs, one workflow with a step for each item, at most 1,000; W4: runWorkflow',
    absent: () => notInstalled('openworkflow'),
    round: (scratch) => inChild(['peers/openworkflow.js', scratch]),
  },
  {
    name: 'Restate',
    about:
      'its own server, log synced; one invocation with a durable step for each item, 100 at once, W3 with a barrier between layers; W4: a call that is sent for later',
    absent: () => notInstalled('@restatedev/restate-server'),
    round: (scratch) => inChild(['peers/restate.js', scratch]),
  },
];

function notInstalled(name: string): string | null {
  const isThere = existsSync(join(HERE, 'peers', 'node_modules', name));
  return isThere ? null : 'not installed: npm run bench:peers';
}

function noRedis(): string | null {
  const found = spawnSync('redis-server', ['--version'], { stdio: 'ignore' });
  return found.error ? 'no redis-server on the PATH: apt-get install redis-server' : null;
}

/** Runs a script of this folder, which prints its round as its last line. Throws when it fails. */
async function inChild([script = '', ...args]: string[]): Promise<Round> {
  const child = spawn(process.execPath, [join(HERE, script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: ROUND_TIMEOUT_MS,
    // As the command line starts the engine: whoever syncs files in the pool has as many at once.
    env: { UV_THREADPOOL_SIZE: '16', ...process.env },
  });
  let [output, trouble] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    trouble = (trouble + text).slice(-2_000);
  });
  const exit = await new Promise((resolve) => child.on('close', resolve));
  if (exit !== 0) throw new RangeError(`${script} ended with ${exit}: ${trouble}`);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Round;
}
