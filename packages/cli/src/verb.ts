/** What a verb is: one entry of the table in verbs.ts, and a handler that gets everything it may use. */
import type { Transport } from '@waybill/client';
import { usageError } from './error-report.ts';
import type { ExitCode } from './exit-codes.ts';
import { programWord } from './program-word.ts';
import type { StateDirectory } from './state-directory.ts';
import type { Target } from './target.ts';
import type { Terminal } from './terminal.ts';

export interface VerbOption {
  /** As commander reads them: `-o, --output <file>`. */
  flags: string;
  summary: string;
  /** May be given more than once. */
  isRepeated?: true;
}

export interface Verb {
  /** `run`, or group and verb: `audit verify`. */
  name: string;
  /** As commander reads them: `<run> [item]`. */
  args: string;
  summary: string;
  options: readonly VerbOption[];
  /** It works on the files of a state directory and has no meaning for a deployment. */
  isEmbeddedOnly?: true;
  load: () => Promise<Handler>;
}

/** Resolves with the exit code; `audit verify` has the verifier's own codes. */
export type Handler = (call: VerbCall) => Promise<ExitCode | number>;

type OptionValue = string | readonly string[] | boolean | undefined;

export class VerbCall {
  readonly terminal: Terminal;
  readonly home: StateDirectory;
  readonly target: Target;
  readonly env: NodeJS.ProcessEnv;
  /** From now on the person's wish to stop aborts this signal instead of ending the process; a second one ends it. */
  readonly interruption: () => AbortSignal;
  readonly #args: readonly (string | undefined)[];
  readonly #options: Readonly<Record<string, OptionValue>>;

  constructor(
    place: Pick<VerbCall, 'terminal' | 'home' | 'target' | 'env' | 'interruption'>,
    args: readonly (string | undefined)[],
    options: Readonly<Record<string, OptionValue>>,
  ) {
    this.terminal = place.terminal;
    this.home = place.home;
    this.target = place.target;
    this.env = place.env;
    this.interruption = place.interruption;
    this.#args = args;
    this.#options = options;
  }

  /** An argument that the table declares as required, or the default. */
  arg(index: number, otherwise = ''): string {
    return this.#args[index] ?? otherwise;
  }

  optionalArg(index: number): string | undefined {
    return this.#args[index];
  }

  /** The value of `--name <value>`, by its name as it is typed. */
  text(name: string): string | undefined {
    const value = this.#option(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** The value of an option, and of a repeated one all of them. */
  all(name: string): string | readonly string[] | undefined {
    const value = this.#option(name);
    return typeof value === 'boolean' ? undefined : value;
  }

  flag(name: string): boolean {
    return this.#option(name) === true;
  }

  /** Whether `--no-name` was given. */
  refuses(name: string): boolean {
    return this.#option(name) === false;
  }

  /** commander keeps them by their camel-case names. */
  #option(name: string): OptionValue {
    return this.#options[name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase())];
  }

  /** A whole number within the range. Throws TerminalError USAGE. */
  count(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw usageError(
      `--${name}`,
      `${text} is no whole number from ${least} to ${most}`,
      'Give a number in that range.',
    );
  }

  /** What was registered, opened only when something asks for it. */
  readonly registry = async (): Promise<Transport['registry']> => (await this.target.open()).registry;

  /** As `registry`, for who submits nothing. Throws TerminalError FILE_UNREADABLE where there is nothing to look into. */
  readonly registryThere = async (): Promise<Transport['registry']> => {
    if (this.target.kind === 'embedded') this.home.requireDirectory();
    return this.registry();
  };

  /** How a command has to be typed to reach the same target. */
  readonly command = (verb: string): string => {
    const options = ['target', 'deployment', 'dir'].flatMap((name) => {
      const value = this.text(name);
      return value === undefined ? [] : [` --${name} ${quoted(value)}`];
    });
    return `${quoted(programWord(this.env))} ${verb}${options.join('')}`;
  };
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
