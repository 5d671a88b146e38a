/** Runs the engine on a state directory until it is told to stop, or has been idle for long enough. */

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { WaybillError } from '@waybill/client/errors';
import { composeEmbedded, type Embedded, type EmbeddedOptions } from '#embedded/compose.ts';
import { createEngine, type Engine } from '#embedded/engine.ts';

const IDLE_POLL_MS = 250;

interface Options extends EmbeddedOptions {
  idleExitMs: number | null;
}

function log(level: 'info' | 'error', message: string, facts: object = {}): void {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...facts })}\n`);
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string' },
      concurrency: { type: 'string' },
      'idle-exit-ms': { type: 'string' },
      'no-sandbox': { type: 'boolean', default: false },
      unsandboxed: { type: 'boolean', default: false },
    },
  });
  return {
    directory: resolve(values.dir ?? process.env.WAYBILL_HOME ?? '.waybill'),
    concurrency: wholeNumber('--concurrency', values.concurrency, 1, 1000) ?? Math.max(2, cpus().length),
    sandbox: values['no-sandbox'] ? 'none' : 'auto',
    allowUnsandboxedAgents: values.unsandboxed,
    idleExitMs: wholeNumber('--idle-exit-ms', values['idle-exit-ms'], 100, 86_400_000),
  };
}

function wholeNumber(name: string, text: string | undefined, min: number, max: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  log('error', `${name} takes a whole number from ${min} to ${max}`);
  process.exit(4);
}

/** Resolves when the engine was told to stop, or has had nothing to do for `idleExitMs`. */
async function untilDone(engine: Engine, idleExitMs: number | null): Promise<string> {
  return new Promise((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => done(signal));
    if (idleExitMs === null) return void setInterval(() => {}, 2 ** 30);
    let idleSinceMs = performance.now();
    setInterval(() => {
      void engine.isIdle().then((idle) => {
        if (!idle) idleSinceMs = performance.now();
        else if (performance.now() - idleSinceMs >= idleExitMs) done('idle');
      });
    }, IDLE_POLL_MS);
  });
}

async function run(options: Options, embedded: Embedded): Promise<void> {
  const { deps, store, inbox, mailbox, queues, isolationDetail, removeLeftovers } = embedded;
  const engine = createEngine(deps, {
    queues,
    selfCheck: true,
    status: true,
    log,
    onFatal: () => process.exit(70),
  });
  await engine.start();
  removeLeftovers();
  const about = {
    pid: process.pid,
    startedAt: new Date().toISOString(),
    ready: true,
    isolation: deps.worker.isolation,
    detail: isolationDetail,
  };
  const file = `${options.directory}/engine.json`;
  writeFileSync(`${file}.new`, `${JSON.stringify(about)}\n`);
  renameSync(`${file}.new`, file);
  log('info', 'ready', about);
  const reason = await untilDone(engine, options.idleExitMs);
  log('info', 'stopping', { reason });
  rmSync(file, { force: true });
  inbox.close();
  await engine.stop();
  await mailbox.shutdown();
  await store.close();
}

const options = readOptions();
try {
  await run(options, await composeEmbedded(options));
  process.exit(0);
} catch (error) {
  if (error instanceof WaybillError && error.code === 'ENGINE_RUNNING') {
    log('info', 'another engine runs on this directory', { directory: options.directory });
    process.exit(0);
  }
  const { code, path, problem, fix } =
    error instanceof WaybillError
      ? error
      : { code: 'STORE_FAILED', path: options.directory, problem: String(error), fix: 'See the log.' };
  log('error', 'the engine cannot run', { code, path, problem, fix });
  process.exit(70);
}
