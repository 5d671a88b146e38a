/** What is wrong with a pack that lies in a folder, by its line in pack.yaml. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Refusal } from '@waybill/client';
import type { PlacedRefusal } from './error-report.ts';
import { placed } from './spec-file.ts';

export async function placedInPack(folder: string, refusals: readonly Refusal[]): Promise<readonly PlacedRefusal[]> {
  const file = join(folder, 'pack.yaml');
  const bytes = await readFile(file).catch(() => null);
  if (bytes !== null) return placed<PlacedRefusal>(file, bytes, refusals);
  return refusals.map((refusal) => ({ ...refusal, path: 'document', file: folder }));
}
