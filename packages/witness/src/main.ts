/** `waybill-witness`: runs a witness until it is told to stop, and prints what policies and auditors need of it. */
import process from 'node:process';
import { type Configuration, readConfiguration, USAGE } from './configuration.ts';
import { startWitness } from './server.ts';
import { openState } from './state.ts';
import { WitnessError } from './witness-error.ts';

const USAGE_EXIT = 4;
const FAILED_EXIT = 70;

/** Who stops reading (`| head`) ends nothing: a witness goes on without its reader. Output that is lost is an error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`waybill-witness: FAILED: ${error.message}\n`);
  process.exit(FAILED_EXIT);
});

/** Runs the command and resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    const configuration = readConfiguration(args);
    if (configuration.verb === 'serve') await serve(configuration);
    else print(configuration);
    return 0;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const { code, fix } = error instanceof WitnessError ? error : { code: 'FAILED', fix: '' };
    process.stderr.write(`waybill-witness: ${code}: ${problem}\n${fix === '' ? '' : `  fix: ${fix}\n`}`);
    return code === 'USAGE' ? USAGE_EXIT : FAILED_EXIT;
  }
}

async function serve({ state: directory, verb: _, ...settings }: Configuration): Promise<void> {
  const log = (message: string, facts: object): void => {
    process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), message, ...facts })}\n`);
  };
  const onError = (error: unknown): void =>
    log('error', { problem: error instanceof Error ? error.message : String(error) });
  const witness = await startWitness({ directory, ...settings, onError });
  log('ready', { url: witness.url, vkey: witness.vkey });
  const signal = await new Promise<string>((done) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => done(name));
  });
  log('stopping', { signal });
  await witness.stop();
}

function print({ verb, state: directory, name }: Configuration): void {
  const state = openState(directory, name);
  try {
    if (verb === 'vkey') process.stdout.write(`${state.vkey}\n`);
    else for (const conflict of state.conflicts()) process.stdout.write(`${JSON.stringify(conflict)}\n`);
  } finally {
    state.close();
  }
}
