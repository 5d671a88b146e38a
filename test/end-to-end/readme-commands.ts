import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { repositoryFiles } from '../architecture/repository-files.ts';

/** What a reader types that a test cannot type as it stands; everything else runs exactly as it is written. */
export const MAPPED: readonly { command: RegExp; instead: string; why: string }[] = [
  { command: /^git clone /, instead: ':', why: 'the copy of the repository stands for the clone' },
  { command: /^cd waybill$/, instead: ':', why: 'the commands already run in the copy' },
  {
    command: /^npm (ci|install)$/,
    instead: 'npm ls --package-lock-only',
    why: 'installing again would need the network; that manifests and lock file agree is what can be wrong',
  },
  { command: /^npm test$/, instead: 'npm test -- --list', why: 'the tests would run themselves for ever' },
  { command: /^npm run (check|test:\w+)$/, instead: '$& -- --list', why: 'the tests would run themselves for ever' },
  { command: /^npm run bench$/, instead: 'npm run bench -- --list', why: 'it takes minutes' },
];

const COMMAND_TIMEOUT_MS = 120_000;

/** The commands of every fenced block, in order; continued lines are joined, prompts and comments are dropped. */
export function fencedCommands(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .replace(/\\\n\s*/g, '')
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

/** How a reader's shell finds the commands of the clone; the README has it, and what is typed after it stands on it. */
export const ON_PATH = 'export PATH="$PWD/node_modules/.bin:$PATH"';

/** Each command with the exports that stand before it, as in the shell that a reader goes on in. */
export function inOneShell(commands: readonly string[]): { command: string; typed: string }[] {
  const isExport = (command: string): boolean => command.startsWith('export ');
  return commands.map((command, n) => ({
    command,
    typed: [...commands.slice(0, n).filter(isExport), command].join('\n'),
  }));
}

/** Fences that look like commands and would escape the search above. */
export function strayFences(markdown: string): string[] {
  return [...markdown.matchAll(/^```(bash|shell|console|zsh|terminal)\b.*$/gm)].map(([fence]) => fence);
}

/** The command with each of its `&&` parts replaced where the list says so. */
export function asTyped(command: string): string {
  const parts = command.split(' && ').map((part) => {
    const mapped = MAPPED.find((entry) => entry.command.test(part));
    return mapped === undefined ? part : part.replace(mapped.command, mapped.instead);
  });
  return parts.join(' && ');
}

/** A copy of what git knows, with the installed packages linked in and the workspace packages its own. */
export function copyRepository(root: string): string {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), 'waybill-readme-')));
  for (const path of repositoryFiles(root)) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    copyFileSync(join(root, path), join(copy, path));
  }
  const installed = join(root, 'node_modules');
  mkdirSync(join(copy, 'node_modules', '.bin'), { recursive: true });
  for (const name of readdirSync(installed)) {
    if (name === '.bin') {
      for (const bin of readdirSync(join(installed, name))) {
        symlinkSync(readlinkSync(join(installed, name, bin)), join(copy, 'node_modules', name, bin));
      }
    } else if (name === '@waybill') {
      mkdirSync(join(copy, 'node_modules', name));
      for (const own of readdirSync(join(installed, name))) {
        symlinkSync(join(copy, 'packages', own), join(copy, 'node_modules', name, own));
      }
    } else symlinkSync(join(installed, name), join(copy, 'node_modules', name));
  }
  return copy;
}

export interface CommandResult {
  command: string;
  exit: number | null;
  output: string;
}

/** Runs one command in its own process group, and ends whatever it left behind. */
export function runCommand(cwd: string, command: string): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
    delete env.NODE_TEST_CONTEXT;
    const child = spawn('bash', ['-euo', 'pipefail', '-c', asTyped(command)], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const endGroup = (): void => {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch {
        // the group has already ended
      }
    };
    const timer = setTimeout(endGroup, COMMAND_TIMEOUT_MS);
    child.on('exit', (exit) => {
      clearTimeout(timer);
      endGroup();
      resolve({ command, exit, output });
    });
  });
}
