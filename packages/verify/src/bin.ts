/** `waybill-verify`: verifies evidence offline. The first word chooses the mode; without one it is `verify`. */
import { run as compare } from './modes/compare.ts';
import { run as item } from './modes/item.ts';
import { run as log } from './modes/log.ts';
import { type Io, type Mode, TERMINAL, UsageError } from './modes/mode.ts';
import { run as verify } from './modes/verify.ts';
import { escapeText } from './verdict/report.ts';

/** A bundle that is called like a mode is named with a slash: `./verify`. */
const MODES: ReadonlyMap<string, Mode> = new Map([
  ['verify', verify],
  ['item', item],
  ['log', log],
  ['compare', compare],
]);
const USAGE_ERROR = 4;
const INTERNAL_ERROR = 70;

/** Runs the command and resolves with its exit code. */
export async function main(args: readonly string[], io: Io = TERMINAL): Promise<number> {
  const [word, ...rest] = args;
  const mode = MODES.get(word ?? '');
  try {
    return mode === undefined ? await verify(args, io) : await mode(rest, io);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    const problem = error instanceof Error ? error.message : String(error);
    io.err(`waybill-verify: ${isUsage ? problem : escapeText(problem)}\n`);
    if (isUsage && error.usage !== '') io.err(`\n${error.usage}`);
    return isUsage ? USAGE_ERROR : INTERNAL_ERROR;
  }
}
