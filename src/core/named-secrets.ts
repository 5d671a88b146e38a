/** Which secrets the blocks of a pipeline name. */
import type { Block } from '@waybill/client/plan';
import type { Job } from './mailbox-protocol.ts';

/** Sorted, unique. */
export function namedSecrets(pipeline: readonly Block[]): string[] {
  return [...new Set(pipeline.flatMap((block) => secretsOf(block).map(({ secret }) => secret)))].sort();
}

/** Whether its lease names where to ask for secrets. */
export function hasChannel({ pipeline }: Pick<Job, 'pipeline'>): boolean {
  return pipeline.some((block) => secretsOf(block).length > 0);
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
