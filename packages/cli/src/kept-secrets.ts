/** Secrets that a file names, looked for where the engine of this machine keeps them: it would miss one only when an attempt has begun. */
import { existsSync } from 'node:fs';
import { type Refusal, SpecRefused, TerminalError } from '@waybill/client';
import { SecretFolder } from '@waybill/client/secret-folder';
import { SECRET_FIX, secretProblem } from '@waybill/client/secret-value';
import type { PlacedWarning } from './error-report.ts';
import { type ExtensionFile, placed, type SpecFile } from './spec-file.ts';
import type { VerbCall } from './verb.ts';

interface NamedSecret {
  path: string;
  secret: string;
}

function namedIn({ items }: SpecFile | ExtensionFile): NamedSecret[] {
  return items.flatMap(({ pipeline }, item) =>
    pipeline.flatMap((block, n) =>
      Object.entries(('secrets' in block && block.secrets) || {}).map(([variable, named]) => ({
        path: `spec.items[${item}].pipeline[${n}].secrets.${variable}`,
        secret: typeof named === 'string' ? named : named.file,
      })),
    ),
  );
}

function ledBackIn(planned: SpecFile | ExtensionFile): (refusal: Refusal) => Refusal {
  return 'named' in planned ? (refusal) => refusal : planned.written.ledBack;
}

/** Throws SpecRefused with those that no block could be given, and what `requirePlace` throws. Says nothing of what this process cannot see. */
export function requireSecrets(
  { target, home }: Pick<VerbCall, 'target' | 'home'>,
  file: string,
  planned: SpecFile | ExtensionFile,
): void {
  const folder = new SecretFolder(home.path);
  if (target.kind !== 'embedded') return;
  home.requirePlace();
  if (folder.isForeign()) return;
  const refusals = namedIn(planned).flatMap(({ path, secret }): Refusal[] => {
    const found = problemOf(folder, secret);
    if (found === null) return [];
    return [{ code: 'SECRET_UNAVAILABLE', path, problem: `the secret ${secret} ${found.problem}`, fix: found.fix }];
  });
  if (refusals.length > 0) throw new SpecRefused(placed(file, planned.bytes, refusals.map(ledBackIn(planned))));
}

/** Those that nobody could look for here, and why; throws as `requireSecrets` does of others. */
export function unseenSecrets(
  call: Pick<VerbCall, 'target' | 'home'>,
  file: string,
  planned: SpecFile | ExtensionFile,
): PlacedWarning[] {
  const why = hiddenBy(call);
  if (why === null) {
    requireSecrets(call, file, planned);
    return [];
  }
  const unseen = namedIn(planned).map(({ path, secret }): Refusal => {
    const problem = `nobody looked whether the secret ${secret} is kept: ${call.home.path}: ${why}`;
    const fix = 'Name the state directory of the engine that is to run it, with --dir or WAYBILL_HOME.';
    return ledBackIn(planned)({ code: 'SECRET_UNAVAILABLE', path, problem, fix });
  });
  return placed(
    file,
    planned.bytes,
    unseen.map(({ path, problem, fix }) => ({ path, problem, fix })),
  );
}

/** Null: they can be looked for, or are not kept here at all. */
function hiddenBy({ target, home }: Pick<VerbCall, 'target' | 'home'>): string | null {
  if (target.kind !== 'embedded') return null;
  if (!existsSync(home.path)) return 'there is no such directory';
  home.requirePlace();
  return new SecretFolder(home.path).isForeign() ? 'its secrets are not for this user to see' : null;
}

/** Why no block could be given it; null: one can. */
export function problemOf(folder: SecretFolder, secret: string): { problem: string; fix: string } | null {
  try {
    const problem = secretProblem(folder.read(secret));
    return problem === null ? null : { problem, fix: SECRET_FIX };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    const { path, problem, fix } = error;
    return { problem: path === secret ? problem : `cannot be given: ${path} ${problem}`, fix };
  }
}
