/** The secrets of one block, while it runs: variables, and files that lie where no other block finds them. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Block } from '@waybill/client/plan';
import { secretsOf } from '#core/named-secrets.ts';
import { AttemptEnded } from './attempt-ended.ts';
import type { AttemptTree } from './attempt-tree.ts';

export interface GivenSecrets {
  env: Record<string, string>;
  files: SecretFile[];
}

export interface SecretFile {
  /** The variable that holds its path, and its name. */
  variable: string;
  text: string;
}

/** Exactly those that the block names. */
export function secretsFor(block: Block, secrets: ReadonlyMap<string, string>): GivenSecrets {
  const given: GivenSecrets = { env: {}, files: [] };
  for (const { variable, secret, isFile } of secretsOf(block)) {
    const text = secrets.get(secret);
    if (text === undefined) throw new AttemptEnded('failed', 'secrets_withheld', 'was not given', `secret ${secret}`);
    if (isFile) given.files.push({ variable, text });
    else given.env[variable] = text;
  }
  return given;
}

/**
 * Where there is no sandbox that takes files by itself: beside the job, for as long as the block runs. Blocks run one at a time, and
 * what one of them left running is ended with it.
 */
export async function withSecretFiles<T>(
  tree: AttemptTree,
  files: readonly SecretFile[],
  run: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  if (files.length === 0) return await run({});
  const directory = join(dirname(tree.jobFile), 'secrets');
  try {
    await mkdir(directory, { mode: 0o700 });
    for (const { variable, text } of files) await writeFile(join(directory, variable), text, { mode: 0o400 });
    return await run(Object.fromEntries(files.map(({ variable }) => [variable, join(directory, variable)])));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
