/** Commands that some test files cannot do without, and that a fresh machine may lack. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** By the beginning of the path. Whatever else needs a command skips its own tests. */
const NEEDS: readonly (readonly [path: string, ...commands: string[]])[] = [
  // An authority for time stamps, made by openssl, is among what an auditor trusts there.
  ['embedded/evidence-file', 'openssl'],
  ['src/adapters/http/timestamp-authority', 'openssl'],
  ['test/conformance/timestamp-authority', 'openssl'],
  ['test/end-to-end/audit-a-log', 'jq', 'openssl'],
  ['test/end-to-end/run-a-witness', 'curl', 'jq'],
  ['test/end-to-end/use-secrets', 'openssl'],
  ['test/end-to-end/verify-a-time-stamp', 'openssl'],
  ['test/evidence/disclosure-attacks', 'openssl'],
  ['test/evidence/documented-commands', 'jq', 'openssl'],
  ['test/evidence/flips', 'openssl'],
  ['test/evidence/honest-runs', 'openssl'],
  ['test/evidence/known-weaknesses', 'openssl'],
  ['test/evidence/tamper', 'openssl'],
  ['test/evidence/tiers', 'openssl'],
  ['test/evidence/timestamp', 'openssl'],
  ['test/evidence/verify-script', 'openssl'],
  ['test/sandbox/escape-suite', 'perl', 'pgrep', 'unshare'],
  ['test/sandbox/limits', 'perl'],
  ['worker-image/src/sandbox-processes', 'perl'],
];

/** @param file relative to the repository; the commands that it needs and that no folder of PATH has */
export function missingCommands(file: string, path: string = process.env.PATH ?? ''): string[] {
  const [, ...commands] = NEEDS.find(([prefix]) => file.startsWith(prefix)) ?? [''];
  return commands.filter((command) => placeOf(command, path) === undefined);
}

/** The first file of that name in a folder of PATH that can be run. */
export function placeOf(command: string, path: string = process.env.PATH ?? ''): string | undefined {
  return path
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find(isCommand);
}

function isCommand(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
