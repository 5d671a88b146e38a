/** The commander program, made from the table of verbs. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { reportError, usageError } from './error-report.ts';
import { EXIT } from './exit-codes.ts';
import { DEFAULT_DIRECTORY, StateDirectory } from './state-directory.ts';
import { Terminal, type TextSink } from './terminal.ts';
import { type Verb, VerbCall } from './verb.ts';
import { COMMON_OPTIONS, VERBS } from './verbs.ts';

export interface Surroundings {
  out: TextSink;
  err: TextSink;
  env: NodeJS.ProcessEnv;
  interruption: () => AbortSignal;
}

const EXIT_CODES_HELP = `
Exit codes: 0 ok; 1 the run did not end as done, or something contradicts itself; 2 refused; 3 malformed; 4 usage;
5 engine unreachable; 70 internal error (WAYBILL_DEBUG=1 shows its stack); 130 interrupted.
audit verify: 0 verified, 1 failed, 2 insufficient, 3 malformed, 4 usage, 5 storage unreachable, 70 internal error.

A run is named by its id, the beginning of it, its submission id, or latest.`;

type Options = Record<string, string | readonly string[] | boolean | undefined>;

/** Runs one command line and resolves with its exit code. */
export async function runProgram(args: readonly string[], surroundings: Surroundings): Promise<number> {
  let exit: number = EXIT.ok;
  const program = newCommand('waybill', surroundings)
    .description('Offloads work to isolated workers and proves what happened.')
    .addHelpText('after', EXIT_CODES_HELP);
  for (const verb of VERBS) {
    addVerb(program, verb, surroundings, async (call) => {
      exit = await perform(verb, call);
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(terminalOf(surroundings, {}), error);
    if (error.exitCode === 0) return EXIT.ok;
    const problem = error.message.replace(/^error: /, '');
    if (error.code === 'commander.help') return EXIT.usage;
    return reportError(terminalOf(surroundings, {}), usageError('arguments', problem, 'See `waybill --help`.'));
  }
}

async function perform(verb: Verb, call: VerbCall): Promise<number> {
  try {
    const handler = await verb.load();
    return await handler(call);
  } catch (error) {
    return reportError(call.terminal, error);
  }
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
  perform: (call: VerbCall) => Promise<void>,
): void {
  const words = verb.name.split(' ');
  const name = words.at(-1) ?? verb.name;
  const group = words.length > 1 ? groupOf(program, words[0] ?? '', surroundings) : program;
  const command = newCommand(name, surroundings).description(verb.summary);
  if (verb.args !== '') command.arguments(verb.args);
  for (const { flags, summary, isRepeated } of [...verb.options, ...COMMON_OPTIONS]) {
    if (isRepeated)
      command.option(flags, summary, (value: string, before: readonly string[] = []) => [...before, value]);
    else if (flags.includes('<')) command.option(flags, summary, onlyOne);
    else command.option(flags, summary);
  }
  command.action(async () => {
    const options: Options = command.opts();
    const directory = options.dir ?? surroundings.env.WAYBILL_HOME ?? DEFAULT_DIRECTORY;
    const place = {
      terminal: terminalOf(surroundings, options),
      home: new StateDirectory(String(directory)),
      env: surroundings.env,
      interruption: surroundings.interruption,
    };
    await perform(new VerbCall(place, command.args, options));
  });
  group.addCommand(command);
}

/** Of two values the later one would win without a word, of two files with keys for instance. */
function onlyOne(value: string, before: string | undefined): string {
  if (before === undefined) return value;
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
