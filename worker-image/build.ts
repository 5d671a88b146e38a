/** Bundles worker and runner into one file each, which Node runs without node_modules: what manifests pin by digest. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '@waybill/verify';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** The same sources give the same bytes. Resolves with their digest. */
export function buildWorker(outFile: string): Promise<Digest> {
  return bundle('main.ts', outFile);
}

/** What runs in the container of the blocks. */
export function buildRunner(outFile: string): Promise<Digest> {
  return bundle('runner.ts', outFile);
}

async function bundle(entry: string, outFile: string): Promise<Digest> {
  await mkdir(dirname(outFile), { recursive: true });
  await build({
    entryPoints: [join(ROOT, 'worker-image', 'src', entry)],
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
  const directory = process.argv[2] ?? join(ROOT, 'build');
  const [worker, runner] = [join(directory, 'worker.mjs'), join(directory, 'runner.mjs')];
  process.stdout.write(`${await buildWorker(worker)}  ${worker}\n${await buildRunner(runner)}  ${runner}\n`);
}
