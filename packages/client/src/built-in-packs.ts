/** The packs that come with the client: their names are theirs alone. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export const BUILT_IN: string = fileURLToPath(new URL('../packs/', import.meta.url));

export async function builtInPacks(): Promise<string[]> {
  return (await readdir(BUILT_IN, { withFileTypes: true }))
    .flatMap((one) => (one.isDirectory() ? [one.name] : []))
    .sort();
}
