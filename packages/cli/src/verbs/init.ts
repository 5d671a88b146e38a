/** init: a run spec that runs as it is, made from what can be seen of the directory. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { usageError } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { makeFolder, saveFile, saveNew } from '../saved-file.ts';
import type { VerbCall } from '../verb.ts';
import { toned } from '../view/styled.ts';

const SPEC_FILE = 'waybill.yaml';

/** A directory name as a run name. */
export function runNameOf(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? 'first-run' : name;
}

function head(name: string): string {
  return `apiVersion: waybill/v1
kind: Run
metadata:
  name: ${JSON.stringify(name)}
spec:
`;
}

const WITH_SOURCE = `  # The commit that HEAD names is packed when you submit; uncommitted changes are not part of it.
  source:
    git:
      url: .
  items:
    # Works on a copy of the commit and hands back what it changed.
    - id: edit
      pipeline:
        - block: script
          run: |
            printf 'Files in this commit: %s\\n' "$(git ls-files | wc -l)" > WAYBILL.txt
        - block: capture
          what: patch
    # Gets the patch as a file, applies it to its own copy and checks it.
    - id: check
      needs:
        change: { from: edit, select: patch }
      pipeline:
        - block: script
          run: git apply "$WAYBILL_INPUTS/change"
        - block: script
          lens: verify
          run: grep -q '^Files in this commit' WAYBILL.txt
`;

const WITHOUT_SOURCE = `  items:
    # Leaves a file under outputs/, which the capture block hands on.
    - id: make
      pipeline:
        - block: script
          run: |
            seq 1 10 > "$WAYBILL_OUTPUTS/numbers.txt"
        - block: capture
          what: outputs
    # Gets that file, byte for byte, under inputs/.
    - id: check
      needs:
        numbers: { from: make, select: { output: numbers.txt } }
      pipeline:
        - block: script
          lens: verify
          run: test "$(awk '{ sum += $1 } END { print sum }' "$WAYBILL_INPUTS/numbers")" = 55
`;

/** The example for a directory that is a git repository, or is none. */
export function exampleSpec(name: string, isRepository: boolean): string {
  return `${head(name)}${isRepository ? WITH_SOURCE : WITHOUT_SOURCE}`;
}

function refuseOther(path: string): (error: unknown) => never {
  return (error) => {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? usageError(path, 'there is one already', 'Edit it, or replace it with --force.') : error;
  };
}

export async function init(call: VerbCall): Promise<ExitCode> {
  const directory = resolve(call.arg(0, '.'));
  const path = join(directory, SPEC_FILE);
  makeFolder(directory);
  const text = exampleSpec(runNameOf(directory), existsSync(join(directory, '.git')));
  if (call.flag('force')) await saveFile(path, text);
  else await saveNew(path, text).catch(refuseOther(path));
  call.terminal.emit({ written: path });
  call.terminal.say([
    [toned('good', 'written'), `  ${path}`],
    [toned('quiet', 'next   '), `  ${call.command(`run ${call.optionalArg(0) === undefined ? SPEC_FILE : path}`)}`],
  ]);
  return EXIT.ok;
}
