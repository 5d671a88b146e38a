/** Secrets that a file names, looked for where the engine of this machine keeps them: it would miss one only when an attempt has begun. */
import { type Refusal, SpecRefused, TerminalError } from '@waybill/client';
import { SecretFolder } from '@waybill/client/secret-folder';
import { SECRET_FIX, secretProblem } from '@waybill/client/secret-value';
import { type ExtensionFile, placed, type SpecFile } from './spec-file.ts';
import type { VerbCall } from './verb.ts';

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
  const refusals = planned.items.flatMap(({ pipeline }, item) =>
    pipeline.flatMap((block, n) =>
      Object.entries(('secrets' in block && block.secrets) || {}).flatMap(([variable, named]): Refusal[] => {
        const secret = typeof named === 'string' ? named : named.file;
        const found = problemOf(folder, secret);
        if (found === null) return [];
        const path = `spec.items[${item}].pipeline[${n}].secrets.${variable}`;
        return [{ code: 'SECRET_UNAVAILABLE', path, problem: `the secret ${secret} ${found.problem}`, fix: found.fix }];
      }),
    ),
  );
  const ledBack = 'named' in planned ? (refusal: Refusal): Refusal => refusal : planned.written.ledBack;
  if (refusals.length > 0) throw new SpecRefused(placed(file, planned.bytes, refusals.map(ledBack)));
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
