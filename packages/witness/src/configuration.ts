/** What a witness is told at its start: flags, and a JSON file whose values the flags override. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { WitnessError } from './witness-error.ts';

export const USAGE = `Usage: waybill-witness [serve] --state <dir> [--name <name>] [--log <vkey>]... [--host <host>] [--port <port>] [--config <file>]
       waybill-witness vkey --state <dir> [--name <name>]
       waybill-witness conflicts --state <dir>

  serve             cosign checkpoints until told to stop
  vkey              print the verifier key of this witness, for policies; makes the key if there is none
  conflicts         print what was refused and may convict a log, one JSON object a line

  --state <dir>     where the key and the state are kept; made at the first start
  --name <name>     key name, such as witness.example.org/w1; needed at the first start only
  --log <vkey>      verifier key of a log to witness; repeat it for more logs, or for more keys of one log
  --host, --port    where to listen (127.0.0.1 and 7380)
  --config <file>   the same as JSON: {"state", "name", "logs": [], "host", "port"}

Exit codes: 0 told to stop, 4 usage, 70 the witness cannot run
`;

const DEFAULTS = { host: '127.0.0.1', port: 7380, logs: [] as string[] };

export interface Configuration {
  verb: 'serve' | 'vkey' | 'conflicts';
  state: string;
  name?: string;
  logs: string[];
  host: string;
  port: number;
}

/** Throws WitnessError `USAGE`. */
export function readConfiguration(args: readonly string[]): Configuration {
  const { values, positionals } = parse(args);
  const verb = (['serve', 'vkey', 'conflicts'] as const).find((known) => known === (positionals[0] ?? 'serve'));
  if (verb === undefined || positionals.length > 1) throw usage(`no such verb: ${positionals.join(' ')}`);
  const { port, log, config, ...flags } = values;
  const file = config === undefined ? {} : readFile(config);
  const given = {
    ...flags,
    ...(port === undefined ? {} : { port: portOf(port) }),
    ...(log === undefined ? {} : { logs: log }),
  };
  const { state, ...rest } = { ...DEFAULTS, ...file, ...given };
  if (state === undefined) throw usage('--state is missing');
  if (verb === 'serve' && rest.logs.length === 0) throw usage('there is no log to witness');
  return { verb, state, ...rest };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        state: { type: 'string' },
        name: { type: 'string' },
        log: { type: 'string', multiple: true },
        host: { type: 'string' },
        port: { type: 'string' },
        config: { type: 'string' },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : 'wrong arguments');
  }
}

/** One check for each key that the file may have. */
const FILE_KEYS: Readonly<Record<string, (value: unknown) => boolean>> = {
  state: isText,
  name: isText,
  host: isText,
  port: isPort,
  logs: (value) => Array.isArray(value) && value.every(isText),
};

function readFile(path: string): Partial<Omit<Configuration, 'verb'>> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw usage(`${path}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw usage(`${path} is not a JSON object`);
  const wrong = Object.entries(value).find(([key, each]) => !(Object.hasOwn(FILE_KEYS, key) && FILE_KEYS[key]?.(each)));
  if (wrong !== undefined) throw usage(`${path}: ${wrong[0]} is unknown or has a wrong value`);
  return value;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
}

function portOf(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || !isPort(Number(text))) throw usage('--port is a whole number up to 65535');
  return Number(text);
}

function usage(problem: string): WitnessError {
  return new WitnessError('USAGE', problem, 'waybill-witness --help shows the arguments.');
}
