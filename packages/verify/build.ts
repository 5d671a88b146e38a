/**
 * Makes `dist/`, which is the published package: the verifier as one readable file for Node, one for browsers, the
 * command, the page, and the types. The same sources give the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { buildPage } from './page/build-page.ts';

const PACKAGE = import.meta.dirname;
const ROOT = join(PACKAGE, '..', '..');
const BROWSERS = ['chrome120', 'firefox130', 'safari17'];

const SHARED: BuildOptions = {
  absWorkingDir: PACKAGE,
  bundle: true,
  format: 'esm',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'error',
};

/** Makes the package in a folder that it empties first. */
export async function buildVerifyPackage(outDir: string): Promise<void> {
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const node: BuildOptions = { ...SHARED, platform: 'node', target: 'node20' };
  await build({ ...node, entryPoints: ['src/index.ts'], outfile: join(outDir, 'index.js') });
  await build({ ...node, entryPoints: ['bin/waybill-verify.js'], outfile: join(outDir, 'waybill-verify.js') });
  await build({
    ...SHARED,
    platform: 'browser',
    target: BROWSERS,
    entryPoints: ['src/index.ts'],
    outfile: join(outDir, 'web.js'),
  });
  writeFileSync(join(outDir, 'waybill-verify.html'), await buildPage(BROWSERS));
  writeTypes(join(outDir, 'types'));
  copyFileSync(join(ROOT, 'LICENSE'), join(outDir, 'LICENSE'));
  for (const name of ['README.md', 'verify.sh']) copyFileSync(join(PACKAGE, name), join(outDir, name));
  writeFileSync(join(outDir, 'package.json'), `${JSON.stringify(publishedManifest(), null, 2)}\n`);
}

function publishedManifest(): object {
  const { name, version, description, license } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: {
      '.': { types: './types/index.d.ts', browser: './web.js', default: './index.js' },
      './waybill-verify.html': './waybill-verify.html',
      './package.json': './package.json',
    },
    bin: { 'waybill-verify': 'waybill-verify.js' },
    files: ['*.js', '*.html', '*.sh', 'types'],
  };
}

/** The declarations that index.d.ts reaches, with imports that resolve without the sources. */
function writeTypes(outDir: string): void {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-types-'));
  try {
    const project = join(PACKAGE, 'tsconfig.json');
    const args = ['-p', project, '--outDir', scratch, '--tsBuildInfoFile', join(scratch, 'tsbuildinfo')];
    execFileSync(join(ROOT, 'node_modules', '.bin', 'tsc'), args, { stdio: ['ignore', 'inherit', 'inherit'] });
    const emitted = join(scratch, relative(ROOT, PACKAGE), 'src');
    const open = ['index.d.ts'];
    const seen = new Set(open);
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      const { text, imported } = publishedTypes(path, readFileSync(join(emitted, path), 'utf8'));
      mkdirSync(dirname(join(outDir, path)), { recursive: true });
      writeFileSync(join(outDir, path), text);
      for (const next of imported.filter((each) => !seen.has(each))) {
        seen.add(next);
        open.push(next);
      }
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** `path` is relative to the sources, as are the imported ones. */
function publishedTypes(path: string, source: string): { text: string; imported: string[] } {
  const imported: string[] = [];
  const door = relative(dirname(path), 'crypto.node.ts');
  const text = source.replace(/(['"])(\.{1,2}\/[^'"]+\.ts|#crypto)\1/g, (_match, quote: string, target: string) => {
    const file = target === '#crypto' ? (door.startsWith('.') ? door : `./${door}`) : target;
    imported.push(join(dirname(path), file).replace(/\.ts$/, '.d.ts'));
    return `${quote}${file.replace(/\.ts$/, '.js')}${quote}`;
  });
  return { text, imported };
}

if (import.meta.main) {
  const outDir = process.argv[2] ?? join(PACKAGE, 'dist');
  await buildVerifyPackage(outDir);
  process.stdout.write(`${outDir}\n`);
}
