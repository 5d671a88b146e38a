/** `waybill-verify`: verifies evidence offline. The first word chooses the mode; without one it is `verify`. */
import * as compare from './modes/compare.ts';
import * as item from './modes/item.ts';
import * as log from './modes/log.ts';
import { type Io, type Mode, TERMINAL, UsageError } from './modes/mode.ts';
import * as verify from './modes/verify.ts';
import { escapeText } from './verdict/report.ts';

/** A bundle that is called like a mode is named with a slash: `./verify`. */
const MODES: ReadonlyMap<string, { run: Mode; USAGE: string }> = new Map([
  ['verify', verify],
  ['item', item],
  ['log', log],
  ['compare', compare],
]);
const USAGE_ERROR = 4;
const INTERNAL_ERROR = 70;

/** Throws UsageError, for a caller that has its own way to report one. */
export async function runMode(args: readonly string[], io: Io): Promise<number> {
  const [word = '', ...rest] = args;
  const mode = MODES.get(word);
  if (!args.includes('--help') && !args.includes('-h')) {
    return mode === undefined ? verify.run(args, io) : mode.run(rest, io);
  }
  io.out((mode ?? verify).USAGE);
  return 0;
}

/** Runs the command and resolves with its exit code. */
export async function main(args: readonly string[], io: Io = TERMINAL): Promise<number> {
  try {
    return await runMode(args, io);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    const problem = error instanceof Error ? error.message : String(error);
    io.err(`waybill-verify: ${isUsage ? problem : escapeText(problem)}\n`);
    if (isUsage && error.usage !== '') io.err(`\n${error.usage}`);
    return isUsage ? USAGE_ERROR : INTERNAL_ERROR;
  }
}
