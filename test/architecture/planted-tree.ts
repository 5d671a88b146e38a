import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Files by path relative to the root of the tree. */
export type Files = Readonly<Record<string, string>>;

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** The import map and the packages' exports of the repository, so that a planted import resolves as a real one would. */
export function packageManifests(): Files {
  const paths = ['package.json', 'packages/verify/package.json', 'packages/client/package.json'];
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(REPOSITORY, path), 'utf8')]));
}

/** A throw-away repository: npm packages come from the real node_modules, workspace packages from this tree. */
export async function withPlantedTree<T>(files: Files, use: (root: string) => Promise<T> | T): Promise<T> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'waybill-planted-')));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    mkdirSync(join(root, 'node_modules', '@waybill'), { recursive: true });
    for (const name of ['verify', 'client', 'cli']) {
      symlinkSync(join(root, 'packages', name), join(root, 'node_modules', '@waybill', name));
    }
    for (const name of ['zod', 'yaml', 'fast-check', 'aws-cdk-lib']) {
      symlinkSync(join(REPOSITORY, 'node_modules', name), join(root, 'node_modules', name));
    }
    return await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
