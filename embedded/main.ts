/** Runs the engine on a state directory until it is told to stop, or has been idle for long enough. */

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WaybillError } from '@waybill/client/errors';
import { composeEmbedded, type Embedded } from '#embedded/compose.ts';
import { createEngine, type Engine } from '#embedded/engine.ts';
import { factsOf, log } from '#embedded/engine-log.ts';
import { type EngineOptions, readEngineOptions } from '#embedded/engine-options.ts';
import { type Look, watchState, watchStore } from '#embedded/state-watch.ts';
import { endUnknown } from '#embedded/unknown-runs.ts';

const IDLE_POLL_MS = 250;
const STATE_LOOK_MS = 200;
/** How long an engine that is ending may keep its directory. */
const HAND_OVER_MS = 10_000;
const NOTICE = 'engine.json';
const A_DIRECTORY = 'Give --dir a directory, or a path at which there is nothing yet.';
const NO_DIRECTORY = 'it, or a part of its path, is a file, no directory';
const WRITABLE = 'Give --dir a directory that this user may write to, with room.';

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

function giveUp(error: unknown): never {
  log('error', 'the engine cannot go on', factsOf(error));
  process.exit(70);
}

function fixOf(isNoDirectory: boolean, isOfFile: boolean): string {
  if (isNoDirectory) return A_DIRECTORY;
  return isOfFile ? WRITABLE : 'Its `stack` in engine.log says where it comes from.';
}

async function run(options: EngineOptions, embedded: Embedded): Promise<void> {
  const {
    deps,
    store,
    inbox,
    mailbox,
    queues,
    spending,
    evidence,
    callbacks,
    secrets,
    isolationDetail,
    removeLeftovers,
  } = embedded;
  const { settings, heartbeatMs } = evidence;
  const engine = createEngine(deps, {
    queues,
    caps: spending.caps,
    evidence: settings,
    secrets,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    callbacks,
    selfCheck: true,
    status: true,
    log,
    onFatal: () => {
      endIfReplaced();
      process.exit(70);
    },
  });
  await engine.start();
  // A leftover that cannot be removed costs disk space; it must not keep the engine from running.
  await removeLeftovers().catch((error: unknown) => log('error', 'a leftover stays', factsOf(error)));
  const { isolation } = deps.worker;
  const about = {
    pid: process.pid,
    startedAt: new Date().toISOString(),
    ready: true,
    isolation,
    detail: isolationDetail,
  };
  // It reads every status: nobody needs to wait for that.
  endUnknown(deps, options.directory).catch((error: unknown) =>
    log('error', 'runs that are not known here may stand in the outbox as going on', factsOf(error)),
  );
  const notice = join(options.directory, NOTICE);
  for (let reason = ''; reason === ''; ) {
    writeFileSync(`${notice}.new`, `${JSON.stringify(about)}\n`);
    renameSync(`${notice}.new`, notice);
    log('info', 'ready', about);
    const done = await untilDone(engine, options.idleExitMs);
    rmSync(notice, { force: true });
    // Who submitted while the notice still stood relies on this engine.
    if (done !== 'idle' || (await engine.isIdle())) reason = done;
  }
  log('info', 'stopping', {});
  inbox.unwatch();
  await engine.stop();
  await mailbox.shutdown();
  await store.close();
}

const looks: Look[] = [];

/** At once: whatever it still wrote would be in the wrong place, or nowhere. */
function endIfReplaced(): void {
  for (const look of looks) {
    const error = look();
    if (error !== null) giveUp(error);
  }
}

/** Opens the state directory; waits for an engine that is just ending. Null when another one runs there. */
async function openState(options: EngineOptions): Promise<Embedded | null> {
  for (let waitedMs = 0; ; waitedMs += IDLE_POLL_MS) {
    try {
      return await composeEmbedded(options);
    } catch (error) {
      if (!(error instanceof WaybillError) || error.code !== 'ENGINE_RUNNING') throw error;
      if (existsSync(join(options.directory, NOTICE)) || waitedMs >= HAND_OVER_MS) return null;
      await sleep(IDLE_POLL_MS);
    }
  }
}

// What nobody waits for would end in Node's own words, of many lines. A log that cannot be written to ends nothing.
process.on('uncaughtException', giveUp);
process.stderr.on('error', () => {});
try {
  const options = { ...readEngineOptions(process.argv.slice(2), process.env), requireState: endIfReplaced };
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  looks.push(watchState(options.directory));
  setInterval(endIfReplaced, STATE_LOOK_MS);
  const embedded = await openState(options);
  looks.push(watchStore(join(options.directory, 'store.sqlite')));
  if (embedded === null) log('info', 'another engine runs on this directory', { directory: options.directory });
  else await run(options, embedded);
  process.exit(0);
} catch (error) {
  endIfReplaced();
  const known = error instanceof WaybillError ? error : null;
  const isOfFile = error instanceof Error && 'syscall' in error;
  const { code: system, path: file } = error as NodeJS.ErrnoException;
  const isNoDirectory = isOfFile && (system === 'EEXIST' || system === 'ENOTDIR');
  log('error', 'the engine cannot run', {
    code: known?.code ?? 'STORE_FAILED',
    path: known?.path ?? (isOfFile && file ? file : 'state directory'),
    problem: known?.problem ?? (isNoDirectory ? NO_DIRECTORY : error instanceof Error ? error.message : String(error)),
    fix: known?.fix ?? fixOf(isNoDirectory, isOfFile),
    ...(known || isOfFile ? {} : { stack: error instanceof Error ? error.stack : undefined }),
  });
  process.exit(known?.code === 'USAGE' ? 4 : 70);
}
