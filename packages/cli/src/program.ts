/** The commander program, made from the table of verbs. */
import { readFileSync } from 'node:fs';
import { escapeText } from '@waybill/verify';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { chooseTarget, given } from './choose-target.ts';
import { reportError, usageError } from './error-report.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { stateDirectoryOf } from './state-directory.ts';
import { Terminal, type TextSink } from './terminal.ts';
import { requireText, unknownVerb, verbIn } from './typed-words.ts';
import { type Verb, VerbCall, type VerbOption } from './verb.ts';
import { COMMON_OPTIONS, VERBS } from './verbs.ts';

export interface Surroundings {
  out: TextSink;
  err: TextSink;
  env: NodeJS.ProcessEnv;
  interruption: () => AbortSignal;
}

const EXIT_CODES_HELP = `
Exit codes: 0 ok; 1 the run did not end as done, or something contradicts itself; 2 refused; 3 malformed;
4 usage, or what was named is not there; 5 engine unreachable; 70 internal error (WAYBILL_DEBUG=1 shows its stack); 130 interrupted.
audit verify: 0 verified, 1 failed, 2 insufficient, 3 malformed, 4 usage, 5 storage unreachable, 70 internal error.

A run is named by its id, the beginning of it, its submission id, or latest.`;

const { version: VERSION } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

type Options = Record<string, string | readonly string[] | boolean | undefined>;

/** Runs one command line and resolves with its exit code. */
export async function runProgram(args: readonly string[], surroundings: Surroundings): Promise<number> {
  let exit: number = EXIT.ok;
  const program = newCommand('waybill', surroundings)
    .description('Offloads work to isolated workers and proves what happened.')
    .enablePositionalOptions()
    .version(VERSION, '--version', 'print the version of this program')
    .addHelpText('after', EXIT_CODES_HELP);
  for (const option of COMMON_OPTIONS) addOption(program, option);
  for (const verb of VERBS) {
    addVerb(program, verb, surroundings, async (args, options) => {
      exit = await perform(verb, { args, before: program.opts(), options }, surroundings);
    });
  }
  try {
    requireText(args);
    await program.parseAsync([...args], { from: 'user' });
    return exit;
  } catch (error) {
    // what could not be understood says nothing of the mode but by the words themselves
    const terminal = terminalOf(surroundings, { json: args.includes('--json'), plain: args.includes('--plain') });
    if (!(error instanceof CommanderError)) return reportError(terminal, error);
    if (error.exitCode === 0) return helped(args, surroundings);
    if (error.code === 'commander.help') return EXIT.usage;
    const problem = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    return reportError(
      terminal,
      usageError('arguments', problem, `See \`${['waybill', ...verbIn(args)].join(' ')} --help\`.`),
    );
  }
}

/** The help of `waybill` stands in for that of a verb that there is none of, which is not to pass for its own. */
function helped(args: readonly string[], { err }: Surroundings): ExitCode {
  const unknown = unknownVerb(args);
  if (unknown !== null)
    err.write(`waybill: there is no verb ${escapeText(unknown)}; this is the help of what there is.\n`);
  return EXIT.ok;
}

/** What was typed: options before the verb, its arguments and its own options. */
interface Typed {
  args: readonly string[];
  before: Options;
  options: Options;
}

async function perform(verb: Verb, typed: Typed, surroundings: Surroundings): Promise<number> {
  const { before, options } = typed;
  const [json, plain] = [before.json ?? options.json, before.plain ?? options.plain];
  const terminal = terminalOf(surroundings, { json, plain });
  try {
    const handler = await verb.load();
    return await handler(callOf(verb, typed, terminal, surroundings));
  } catch (error) {
    return reportError(terminal, error);
  }
}

function callOf(
  verb: Verb,
  { args, before, options }: Typed,
  terminal: Terminal,
  surroundings: Surroundings,
): VerbCall {
  const { env, interruption } = surroundings;
  if (args.includes('')) throw usageError('arguments', 'one of them is empty', `See \`waybill ${verb.name} --help\`.`);
  const dir = given(before.dir, options.dir, 'dir');
  const home = stateDirectoryOf(dir, env);
  const words = {
    // a verb that is about a deployment says so by an option of its own
    target: given(before.target, options.target, 'target') ?? (options.deployed === true ? 'aws' : undefined),
    deployment: given(before.deployment, options.deployment, 'deployment'),
  };
  const target = chooseTarget(words, env, home);
  if (target.kind === 'aws' && verb.isEmbeddedOnly === true) {
    const fix = 'Leave out --target aws, or see docs/deploy.md for what a deployment has instead.';
    throw usageError('--target aws', `\`${verb.name}\` works on the files of a state directory`, fix);
  }
  return new VerbCall({ terminal, home, target, env, interruption }, args, {
    ...options,
    ...words,
    dir,
    json: before.json ?? options.json,
  });
}

function newCommand(name: string, { out, err }: Surroundings): Command {
  return new Command(name).exitOverride().configureOutput({
    writeOut: (text) => out.write(text),
    writeErr: (text) => err.write(text),
    outputError: () => {},
  });
}

function addVerb(
  program: Command,
  verb: Verb,
  surroundings: Surroundings,
  act: (args: readonly string[], options: Options) => Promise<void>,
): void {
  const words = verb.name.split(' ');
  const name = words.at(-1) ?? verb.name;
  const group = words.length > 1 ? groupOf(program, words[0] ?? '', surroundings) : program;
  const command = newCommand(name, surroundings).description(verb.summary);
  if (verb.args !== '') command.arguments(verb.args);
  for (const option of [...verb.options, ...COMMON_OPTIONS]) addOption(command, option);
  command.action(() => act(command.args, command.opts()));
  group.addCommand(command);
}

function addOption(command: Command, { flags, summary, isRepeated }: VerbOption): void {
  if (isRepeated)
    command.option(flags, summary, (value: string, before: readonly string[] = []) => [...before, notEmpty(value)]);
  else if (flags.includes('<')) command.option(flags, summary, onlyOne);
  else command.option(flags, summary);
}

/** An empty value is what an unset variable of a script leaves: `--dir "$STATE"` would be the current directory. */
function notEmpty(value: string): string {
  if (value !== '') return value;
  throw new InvalidArgumentError('It is empty.');
}

/** Of two values the later one would win without a word, of two files with keys for instance. */
function onlyOne(value: string, before: string | undefined): string {
  if (before === undefined) return notEmpty(value);
  throw new InvalidArgumentError('It was given before.');
}

function groupOf(program: Command, name: string, surroundings: Surroundings): Command {
  const known = program.commands.find((command) => command.name() === name);
  if (known !== undefined) return known;
  const verbs = VERBS.filter((verb) => verb.name.startsWith(`${name} `)).map((verb) => verb.name.split(' ').at(-1));
  const group = newCommand(name, surroundings).description(verbs.join(', '));
  program.addCommand(group);
  return group;
}

function terminalOf({ out, err, env }: Surroundings, options: Options): Terminal {
  return new Terminal({ out, err, env, json: options.json === true, plain: options.plain === true });
}
