/** Runs the command line tool of an agent to its end and reads what it says; it lives in the sandbox of the block. */
import { spawn } from 'node:child_process';
import { AgentEnded } from '../agent-endings.ts';
import { objectOf } from '../json-values.ts';
import { lineReader } from '../runner-protocol.ts';
import { type AgentEnd, type EventReader, unclear } from './cli-events.ts';
import { show } from './shown.ts';

export interface CliCommand {
  argv: string[];
  /** Of the command; the environment of the block in addition to it. */
  env: Record<string, string>;
  cwd: string;
  prompt: string;
}

const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** A process that the tool left behind may hold its output open; what the tool itself said is there long before. */
const LAST_WORDS_MS = 2_000;

/** Throws AgentEnded. What is no JSON object goes into the log as it is: tools say a word of their own now and then. */
export async function runCliAgent({ argv, env, cwd, prompt }: CliCommand, events: EventReader): Promise<AgentEnd> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  const isEnded = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => {
      // One that runs may have asked its model, whatever goes wrong with it.
      if (child.pid !== undefined) reject(new AgentEnded('agent_failed', `${file} cannot be ended`, cause));
      else reject(new AgentEnded('agent_missing', `${file} cannot be started`, cause));
    });
    child.once('exit', () => setTimeout(() => child.stdout.destroy(), LAST_WORDS_MS).unref());
    child.once('close', resolve);
  });
  // A tool that ends without reading it says why on stderr.
  child.stdin.on('error', () => {}).end(prompt);
  let broken: unknown = null;
  const end = (error: unknown): void => {
    broken ??= error;
    child.kill('SIGKILL');
    child.stdout.destroy();
  };
  const read = lineReader(MAX_LINE_BYTES, (line) => {
    if (broken !== null) return;
    try {
      for (const text of linesOf(line, events)) show(text);
    } catch (error) {
      end(error);
    }
  });
  child.stdout.on('data', (bytes: Buffer) => {
    if (!read(bytes)) end(unclear(`it wrote a line of more than ${MAX_LINE_BYTES} bytes`));
  });
  const exit = await isEnded;
  if (broken === null) read(Buffer.from('\n'));
  if (broken !== null) throw broken;
  return events.end(exit);
}

function linesOf(line: Uint8Array, events: EventReader): string[] {
  const text = new TextDecoder().decode(line);
  if (text.trim() === '') return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [text];
  }
  return events.take(objectOf(value));
}
