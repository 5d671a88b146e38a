/** Makes the small project that the headline run works on: a greeting program in shell, under git. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FILES: Readonly<Record<string, string>> = {
  'README.md': '# Greeter\n\nGreets people by name. `sh greet.sh Ada Grace`\n',
  'greet.sh': `#!/bin/sh
# Greets everybody who is named.
set -eu

greeting='Hello'
here=$(dirname "$0")

greet() {
  if [ -f "$here/messages/$1.txt" ]; then
    printf "$(cat "$here/messages/$1.txt")\\n" "$2"
  else
    printf '%s, %s!\\n' "$greeting" "$2"
  fi
}

for name in "$@"; do
  greet "\${GREET_LANGUAGE:-en}" "$name"
done
`,
  'messages/nl.txt': 'Goedendag, %s!\n',
  'test/check.sh': `#!/bin/sh
# What the whole project promises once all changes are in.
set -eu

expect() {
  if [ "$2" != "$3" ]; then
    echo "not ok: $1: expected '$2', got '$3'" >&2
    exit 1
  fi
  echo "ok: $1"
}

expect 'greets politely' 'Good day, Ada!' "$(sh greet.sh Ada | head -n 1)"
expect 'counts' 'Greeted 2.' "$(sh greet.sh Ada Grace | tail -n 1)"
expect 'speaks German' 'Guten Tag, Ada!' "$(GREET_LANGUAGE=de sh greet.sh Ada | head -n 1)"
expect 'speaks French' 'Bonjour, Ada !' "$(GREET_LANGUAGE=fr sh greet.sh Ada | head -n 1)"
expect 'has a changelog' '# Changes' "$(head -n 1 CHANGES.md)"
`,
};

/** The same files, author and time give the same commit on every machine. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'Example',
  GIT_AUTHOR_EMAIL: 'example@waybill.invalid',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Example',
  GIT_COMMITTER_EMAIL: 'example@waybill.invalid',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
};

/** Replaces what is at `directory`. */
export function makeRepository(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  const git = (...args: string[]): void => {
    execFileSync('git', args, {
      cwd: directory,
      env: { ...process.env, ...IDENTITY },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  git('init', '--quiet', '--initial-branch', 'main');
  git('add', '.');
  git('commit', '--quiet', '--message', 'Greet people by name');
}
