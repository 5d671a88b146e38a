/** Bundles the worker into one file that Node runs without node_modules: what the manifest pins by its digest. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '@waybill/verify';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** The same sources give the same bytes. Resolves with their digest. */
export async function buildWorker(outFile: string): Promise<Digest> {
  await mkdir(dirname(outFile), { recursive: true });
  await build({
    entryPoints: [join(ROOT, 'worker-image', 'src', 'main.ts')],
    outfile: outFile,
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'error',
  });
  return `sha256:${createHash('sha256')
    .update(await readFile(outFile))
    .digest('hex')}`;
}

if (import.meta.main) {
  const outFile = process.argv[2] ?? join(ROOT, 'build', 'worker.mjs');
  process.stdout.write(`${await buildWorker(outFile)}  ${outFile}\n`);
}
