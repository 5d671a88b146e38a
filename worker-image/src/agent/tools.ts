/** What a model may do in the block that asks it. Nothing here confines anything: that is what the sandbox is for. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { AgentEvent } from './cli-events.ts';

export interface ToolPlaces {
  workspace: string;
  outputs: string;
}

export interface ToolResult {
  text: string;
  isError: boolean;
  /** The block has asked something of people, and ends. */
  isAsking?: true;
}

interface Tool {
  description: string;
  /** Names of texts that it takes; those with `?` may be left out. */
  takes: Readonly<Record<string, string>>;
  use(input: Record<string, string>, places: ToolPlaces): Promise<Omit<ToolResult, 'isError'>>;
}

/** Of one result. */
const MAX_RESULT_BYTES = 48 * 1024;
const MAX_ENTRIES = 1_000;
const COMMAND_MS = 600_000;
/** What is left of a command may still say this long. */
const LAST_WORDS_MS = 250;

const TOOLS: Readonly<Record<string, Tool>> = {
  ask: {
    description: 'Ask the people who started this a question. The work ends, and begins anew with their answer.',
    takes: { question: 'The question, at most 4,096 characters.' },
    async use({ question = '' }, { outputs }) {
      await writeFile(join(outputs, 'question.txt'), question);
      return { text: 'asked', isAsking: true };
    },
  },
  list: {
    description: 'List a directory.',
    takes: { path: 'The directory, relative to the workspace.' },
    async use({ path = '.' }, { workspace }) {
      const entries = await readdir(resolve(workspace, path), { withFileTypes: true });
      const names = entries.map((entry) => `${entry.name}${entry.isDirectory() ? '/' : ''}`).sort();
      const left = names.length - MAX_ENTRIES;
      return { text: [...names.slice(0, MAX_ENTRIES), ...(left > 0 ? [`(${left} more)`] : [])].join('\n') };
    },
  },
  read: {
    description: `Read a text file, at most ${MAX_RESULT_BYTES} bytes of it.`,
    takes: { path: 'The file, relative to the workspace.', 'from?': 'Byte to begin at, counted from 0.' },
    async use({ path = '', from = '0' }, { workspace }) {
      const file = await openPlain(resolve(workspace, path), constants.O_RDONLY);
      try {
        const { bytesRead, buffer } = await file.read(
          Buffer.alloc(MAX_RESULT_BYTES),
          0,
          MAX_RESULT_BYTES,
          Number(from),
        );
        const { size } = await file.stat();
        const end = Number(from) + bytesRead;
        const more = end < size ? `\n(the file goes on from byte ${end} to ${size})` : '';
        return { text: `${buffer.toString('utf8', 0, bytesRead)}${more}` };
      } finally {
        await file.close();
      }
    },
  },
  run: {
    description: 'Run a command with /bin/sh in the workspace, and get its exit code and the end of what it said.',
    takes: { command: 'The command.' },
    use: async ({ command = '' }, { workspace }) => ({ text: await runCommand(command, workspace) }),
  },
  write: {
    description: 'Write a text file; what was in it is gone.',
    takes: { path: 'The file, relative to the workspace.', text: 'All of its text.' },
    async use({ path = '', text = '' }, { workspace }) {
      const file = resolve(workspace, path);
      await mkdir(dirname(file), { recursive: true });
      const open = await openPlain(file, constants.O_WRONLY | constants.O_CREAT);
      await open
        .truncate()
        .then(() => open.writeFile(text))
        .finally(() => open.close());
      return { text: `written: ${Buffer.byteLength(text)} bytes` };
    },
  },
};

export const EVERY_TOOL: readonly string[] = Object.keys(TOOLS);

/** As the protocol describes tools to a model. */
export function toolConfig(names: readonly string[]): object {
  const tools = names.flatMap((name) => {
    const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
    return tool === undefined
      ? []
      : [{ toolSpec: { name, description: tool.description, inputSchema: { json: schemaOf(tool) } } }];
  });
  return { tools };
}

function schemaOf({ takes }: Tool): object {
  const fields = Object.entries(takes).map(([key, description]) => [
    key.replace('?', ''),
    { type: 'string', description },
  ]);
  const required = Object.keys(takes).filter((key) => !key.endsWith('?'));
  return { type: 'object', properties: Object.fromEntries(fields), required, additionalProperties: false };
}

/** Never throws for what a model asks: it is told what is wrong. */
export async function useTool(
  name: string,
  input: AgentEvent,
  allowed: readonly string[],
  places: ToolPlaces,
): Promise<ToolResult> {
  const tool = allowed.includes(name) ? TOOLS[name] : undefined;
  if (tool === undefined) return { text: `there is no tool ${JSON.stringify(name)}`, isError: true };
  const problem = inputProblem(tool, input);
  if (problem !== null) return { text: problem, isError: true };
  try {
    return { ...(await tool.use(input as Record<string, string>, places)), isError: false };
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), isError: true };
  }
}

function inputProblem({ takes }: Tool, input: AgentEvent): string | null {
  const known = Object.keys(takes);
  for (const key of known) {
    const name = key.replace('?', '');
    if (input[name] === undefined ? !key.endsWith('?') : typeof input[name] !== 'string') return `${name} is no text`;
  }
  const other = Object.keys(input).find((name) => !known.includes(name) && !known.includes(`${name}?`));
  return other === undefined ? null : `${other} is not known here`;
}

/** A pipe would keep whoever opens it waiting for its other end, and the block with it. */
async function openPlain(path: string, flags: number): Promise<FileHandle> {
  const file = await open(path, flags | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new RangeError(`${path} is no plain file`);
}

/** What it leaves running ends with it, but for what has left its group: that ends with the block, and nobody waits for it. */
async function runCommand(command: string, cwd: string): Promise<string> {
  const child = spawn('/bin/sh', ['-c', command], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = Buffer.alloc(0);
  let lostBytes = 0;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      const all = Buffer.concat([said, bytes]);
      lostBytes += Math.max(0, all.length - MAX_RESULT_BYTES);
      said = all.subarray(-MAX_RESULT_BYTES);
    });
  }
  const kill = (): void => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // Nothing of it is left.
    }
  };
  const timer = setTimeout(kill, COMMAND_MS);
  const exit = await new Promise<number | string>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('exit', (code, signal) => {
      kill();
      const drop = setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream.destroy();
      }, LAST_WORDS_MS);
      child.once('close', () => {
        clearTimeout(drop);
        done(code ?? signal ?? 'lost');
      });
    });
  });
  clearTimeout(timer);
  const cut = lostBytes > 0 ? `(${lostBytes} bytes before this are left out)\n` : '';
  return `exit ${exit}\n${cut}${said.toString('utf8')}`;
}
