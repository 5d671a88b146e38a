/** What an attempt asks for by its sealed channel: the secrets that its blocks name, and sessions with models. */
import type { Block } from '@waybill/client/plan';
import { SEALED_NAME } from '@waybill/verify';
import type { Job } from './mailbox-protocol.ts';

/** Before the name of a model. No secret has a colon in its name. */
const SESSION = 'model:';

type Asking = Pick<Job, 'pipeline' | 'models'>;

/** Sorted, unique. */
export function namedSecrets({ pipeline, models = [] }: Asking): string[] {
  const secrets = pipeline.flatMap((block) => secretsOf(block).map(({ secret }) => secret));
  return [...new Set([...secrets, ...models.map((model) => `${SESSION}${model}`)])].sort();
}

/** Whether its lease names where to ask for secrets. */
export function hasChannel(job: Asking): boolean {
  return namedSecrets(job).length > 0;
}

export function isNamed(name: string): boolean {
  return SEALED_NAME.test(name);
}

/** Of a name that is asked for: the model with which it is a session; null for a secret. */
export function sessionWith(name: string): string | null {
  return name.startsWith(SESSION) ? name.slice(SESSION.length) : null;
}

/** The model that a block asks by the protocol of Bedrock, the one for which there are sessions. */
export function bedrockModel(block: Block): string | null {
  return block.block === 'agent' && block.adapter === 'bedrock' ? block.model : null;
}

/** @param isFile the variable holds the path of a file, and the file the secret */
export function secretsOf(block: Block): { variable: string; secret: string; isFile: boolean }[] {
  if (block.block === 'capture') return [];
  return Object.entries(block.secrets ?? {}).map(([variable, named]) =>
    typeof named === 'string'
      ? { variable, secret: named, isFile: false }
      : { variable, secret: named.file, isFile: true },
  );
}
