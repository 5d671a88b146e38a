/** The flags of the modes that are about a whole log, as data: usage, parsing and the command line are made from them. */
import { parseArgs } from 'node:util';
import { UsageError } from './mode.ts';

export interface ModeFlag {
  name: string;
  /** How its value is shown; a flag without one is there or not. */
  value?: string;
  summary: string;
  /** May be given more than once. */
  isRepeated?: true;
}

const TRUST: readonly ModeFlag[] = [
  { name: 'keys', value: '<file>', summary: 'public keys (waybill-keys/v1), obtained from anywhere but the evidence' },
  { name: 'policy', value: '<file>', summary: 'a policy (waybill-policy/v1), of which the keys are used' },
];

export const LOG_FLAGS: readonly ModeFlag[] = [
  ...TRUST,
  { name: 'online', summary: 'allows an http or https URL as ledger: asks over the network' },
  {
    name: 'checkpoint',
    value: '<file>',
    summary: 'the signed checkpoint to begin with; default the newest of the ledger',
  },
  {
    name: 'bundles',
    value: '<path>',
    summary: "a directory of bundles, or one bundle; default the ledger's own runs/",
    isRepeated: true,
  },
  { name: 'no-bundles', summary: 'leave the bundles alone' },
  {
    name: 'max-silence',
    value: '<time>',
    summary: 'longest time without an entry, also since the newest: 90s, 15m, 24h, 7d',
  },
  { name: 'max-open', value: '<time>', summary: 'longest time that a run may be unsealed' },
  { name: 'max-age', value: '<time>', summary: 'greatest age of the newest entry' },
  { name: 'max-backwards', value: '<time>', summary: 'by how much a time may lie before an earlier one (default 10m)' },
  {
    name: 'state',
    value: '<file>',
    summary: 'heads that were verified before: compared and kept; made when not there',
  },
  {
    name: 'save-keys',
    value: '<file>',
    summary: 'writes the keys that follow from yours by the statements in the log',
  },
];

export const COMPARE_FLAGS: readonly ModeFlag[] = [
  ...TRUST,
  { name: 'ledger', value: '<ledger>', summary: 'the log in tiles, to lead from the smaller head to the larger' },
  { name: 'online', summary: 'allows an http or https URL as ledger: asks over the network' },
  { name: 'proof', value: '<file>', summary: 'a consistency proof instead: one base64 hash a line' },
  {
    name: 'save-proof',
    value: '<file>',
    summary: 'writes a fork that was found, for anyone to check (waybill-fork/v1)',
  },
];

export function flagLines(flags: readonly ModeFlag[]): string {
  return flags.map(({ name, value = '', summary }) => `  ${`--${name} ${value}`.padEnd(24)} ${summary}\n`).join('');
}

export type FlagValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

export interface ReadFlags {
  positionals: string[];
  values: FlagValues;
  text(name: string): string | undefined;
  all(name: string): string[] | undefined;
  has(name: string): boolean;
}

/** Throws UsageError, also for a flag that is given twice. `--json` is one of every mode's flags. */
export function readFlags(args: readonly string[], flags: readonly ModeFlag[], usage: string): ReadFlags {
  const { values, positionals, tokens = [] } = parse(args, flags, usage);
  requireOnce(flags, tokens, usage);
  return {
    positionals,
    values,
    text(name) {
      const value = values[name];
      return typeof value === 'string' ? value : undefined;
    },
    all(name) {
      const value = values[name];
      return Array.isArray(value) ? value.map(String) : undefined;
    },
    has: (name) => values[name] === true,
  };
}

function parse(args: readonly string[], flags: readonly ModeFlag[], usage: string): ReturnType<typeof parseArgs> {
  const options = flags.map(({ name, value, isRepeated = false }) => {
    return [name, value === undefined ? { type: 'boolean' } : { type: 'string', multiple: isRepeated }] as const;
  });
  try {
    return parseArgs({
      args: [...args],
      tokens: true,
      allowPositionals: true,
      options: { ...Object.fromEntries(options), json: { type: 'boolean' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? plainly(error.message) : 'wrong arguments', usage, error);
  }
}

/** Without Node's advice on names that begin with a dash. */
function plainly(problem: string): string {
  return problem.split(/\. To specify |\n/, 1)[0] as string;
}

/** Of two values the later one would win without a word, of two files with keys for instance. */
function requireOnce(
  flags: readonly ModeFlag[],
  tokens: readonly { kind: string; name?: string }[],
  usage: string,
): void {
  for (const { name, value, isRepeated = false } of flags) {
    const given = tokens.filter((token) => token.kind === 'option' && token.name === name).length;
    if (value !== undefined && !isRepeated && given > 1) throw new UsageError(`give --${name} once`, usage);
  }
}
