import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Files by path relative to the root of the tree. */
export type Files = Readonly<Record<string, string>>;

const REPOSITORY = join(import.meta.dirname, '..', '..');

/**
 * A throw-away repository that resolves imports as the real one does: the same import map and package exports come from
 * the caller, npm packages from the real node_modules, and workspace packages from this tree.
 */
export async function withPlantedTree<T>(files: Files, use: (root: string) => Promise<T> | T): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'waybill-planted-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    mkdirSync(join(root, 'node_modules', '@waybill'), { recursive: true });
    for (const name of ['verify', 'client', 'cli']) {
      symlinkSync(join(root, 'packages', name), join(root, 'node_modules', '@waybill', name));
    }
    for (const name of ['zod', 'yaml', 'fast-check']) {
      symlinkSync(join(REPOSITORY, 'node_modules', name), join(root, 'node_modules', name));
    }
    return await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
