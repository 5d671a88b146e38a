/** secret: what blocks may be given by name. A value comes in by a pipe or a file, never by an argument, and never out again. */
import { requireKeepable, SecretFolder } from '@waybill/client/secret-folder';
import { SECRET_BYTES } from '@waybill/client/secret-value';
import { escapeText } from '@waybill/verify';
import { usageError } from '../error-report.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { problemOf } from '../kept-secrets.ts';
import { openNamed, readUpTo } from '../named-file.ts';
import type { VerbCall } from '../verb.ts';
import { type Line, toned } from '../view/styled.ts';

/** Of the longest end of a line. */
const END_BYTES = 2;

export async function secretSet(call: VerbCall): Promise<ExitCode> {
  const name = call.arg(0);
  const file = call.text('from');
  if (file === undefined && process.stdin.isTTY) {
    throw usageError(
      'stdin',
      'it is a terminal, which would show the value',
      'Pipe the value in, or name a file with --from.',
    );
  }
  const bytes = file === undefined ? process.stdin : openNamed(file, 'Name a file that you may read.');
  const value = withoutEnd(await readUpTo(bytes, SECRET_BYTES.most + END_BYTES));
  // What is refused leaves nothing behind, a directory neither.
  requireKeepable(name, value);
  call.home.requireRoom();
  call.home.make();
  call.home.writing(() => new SecretFolder(call.home.path).set(name, value));
  call.terminal.emit({ secret: name, set: true });
  call.terminal.say([[toned('good', 'kept'), `  ${name}: given to blocks that name it, from their next attempt on`]]);
  return EXIT.ok;
}

export async function secretList(call: VerbCall): Promise<ExitCode> {
  call.home.requireState();
  const folder = new SecretFolder(call.home.path);
  const found = folder.list().map((secret) => ({ secret, wrong: problemOf(folder, secret) }));
  for (const { secret, wrong } of found) call.terminal.emit({ secret, ...wrong });
  const lines = found.flatMap(({ secret, wrong }): Line[] =>
    wrong === null
      ? [[secret]]
      : [
          [secret, toned('bad', `  ${escapeText(wrong.problem)}`)],
          ['  fix: ', escapeText(wrong.fix)],
        ],
  );
  call.terminal.say(lines.length === 0 ? [[toned('quiet', 'no secrets')]] : lines);
  return EXIT.ok;
}

export async function secretRemove(call: VerbCall): Promise<ExitCode> {
  const name = call.arg(0);
  call.home.requireState();
  if (!new SecretFolder(call.home.path).remove(name)) {
    throw usageError(name, 'is not kept here', `\`${call.command('secret list')}\` shows those that are.`);
  }
  call.terminal.emit({ secret: name, removed: true });
  call.terminal.say([[toned('good', 'removed'), `  ${name}: revoke it where it came from, too`]]);
  return EXIT.ok;
}

/** The line feed that ends a file is none of the value. */
function withoutEnd(value: Buffer): Buffer {
  const end = value.at(-1) === 0x0a ? (value.at(-2) === 0x0d ? 2 : 1) : 0;
  return value.subarray(0, value.length - end);
}
