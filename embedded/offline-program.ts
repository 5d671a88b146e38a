/** What the programs share that change a state directory while no engine works on it. */
import { accessSync, constants, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Refusal, TerminalError, WaybillError } from '@waybill/client/errors';

/**
 * The state directory that is meant. Throws TerminalError USAGE when there are no keys in it to go on with, STORE_FAILED where nothing can
 * be written, before anything is tried: a store would call that an error of the disk.
 */
export function stateDirectory(dir: string | undefined): string {
  const directory = resolve(dir ?? process.env.WAYBILL_HOME ?? '.waybill');
  if (existsSync(join(directory, 'keys', 'public.json'))) return requireWritable(directory);
  throw new TerminalError({
    code: 'USAGE',
    path: '--dir',
    problem: `${directory} holds no keys that this user can read: no engine has worked there yet, or it is somebody else’s`,
    fix: 'Name another directory. Where keys/ was lost, restore it first: without it nothing can be signed for this log.',
  });
}

function requireWritable(directory: string): string {
  try {
    accessSync(directory, constants.W_OK);
    return directory;
  } catch (cause) {
    const problem = `nothing can be written there (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`;
    const fix =
      'Let this user write there; where its file system is read-only, mount it for writing, or copy the directory.';
    throw new TerminalError({ code: 'STORE_FAILED', path: directory, problem, fix }, { cause });
  }
}

/** Prints what the work came to as one JSON value, or `{error}`, and lets the process end with 0 or 1. */
export async function answer(work: () => Promise<object>): Promise<void> {
  try {
    process.stdout.write(`${JSON.stringify(await work())}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: refusalOf(error) })}\n`);
    process.exitCode = 1;
  }
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof WaybillError)) {
    if (process.env.WAYBILL_DEBUG === '1') console.error(error);
    const problem = error instanceof Error ? error.message : String(error);
    const fix = 'WAYBILL_DEBUG=1 shows where it comes from.';
    return { code: 'STORE_FAILED', path: 'state directory', problem, fix };
  }
  const { code, path, problem } = error;
  // Nothing of this is done through an engine, and one that a command started ends by itself.
  const fix = code === 'ENGINE_RUNNING' ? 'Stop that engine, or wait ten seconds after its last run.' : error.fix;
  return { code, path, problem, fix };
}
