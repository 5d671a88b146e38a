/** A command line as its words, looked at before or after commander has had its say. */
import { usageError } from './error-report.ts';
import { COMMON_OPTIONS, VERBS } from './verbs.ts';

/** Options that may stand before the verb, with a value behind them. */
const VALUED: ReadonlySet<string> = new Set(
  COMMON_OPTIONS.filter(({ flags }) => flags.includes('<')).map(({ flags }) => flags.split(' ')[0] ?? ''),
);

/** What Node reads for bytes that are no UTF-8: the name of another file than the one that was meant. */
const NO_TEXT = '\ufffd';

/** Throws TerminalError USAGE when the words, or the directory that paths are relative to, cannot be told for certain. */
export function requireText(args: readonly string[]): void {
  const broken = [...args, currentDirectory()].find((word) => word.includes(NO_TEXT));
  if (broken === undefined) return;
  const problem = 'the name is no UTF-8, so it cannot be told which is meant';
  throw usageError(broken, problem, 'Rename it, or use a link to it.');
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    throw usageError('.', 'the current directory is not there any more', 'Change to one that is.');
  }
}

/** The words that are neither options nor the values of those that may stand before the verb. */
export function wordsOf(args: readonly string[]): string[] {
  return args.filter((word, at) => !word.startsWith('-') && !VALUED.has(args[at - 1] ?? ''));
}

/** The words of the verb that was meant; none when it is not known. */
export function verbIn(args: readonly string[]): string[] {
  const words = wordsOf(args);
  const known = VERBS.find(({ name }) => name === words.slice(0, name.split(' ').length).join(' '));
  return known === undefined ? [] : known.name.split(' ');
}

/** What stands where a verb should, when it is none; null for a verb, a group of verbs, or nothing. */
export function unknownVerb(args: readonly string[]): string | null {
  const [first = 'help', second] = wordsOf(args);
  const ofGroup = VERBS.filter(({ name }) => name.startsWith(`${first} `));
  const asked = ofGroup.length > 0 && second !== undefined ? `${first} ${second}` : first;
  const isGroup = asked === first && ofGroup.length > 0;
  return asked === 'help' || isGroup || VERBS.some(({ name }) => name === asked) ? null : asked;
}
