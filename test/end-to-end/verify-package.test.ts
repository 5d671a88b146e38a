import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { buildVerifyPackage } from '../../packages/verify/build.ts';
import { buildBundle, trustFile } from '../evidence/honest-bundle.ts';

const TSC = join(import.meta.dirname, '../../node_modules/.bin/tsc');
const folder = mkdtempSync(join(tmpdir(), 'waybill-package-'));
after(() => rmSync(folder, { recursive: true }));

/** The machine's own, as a stranger has it: the tests themselves run on one from node_modules. */
function hostNode(): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((path) => !path.includes('node_modules'));
  const found = folders.map((path) => join(path, 'node')).find((path) => existsSync(path));
  assert.ok(found, 'no node on PATH outside node_modules');
  const major = Number(execFileSync(found, ['-p', 'process.versions.node.split(".")[0]']).toString());
  assert.ok(major >= 20, `${found} is Node ${major}`);
  return found;
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();
}

function digests(path: string): string[] {
  return filesBelow(path).map((file) => {
    const digest = createHash('sha256')
      .update(readFileSync(join(path, file)))
      .digest('hex');
    return `${digest}  ${file}`;
  });
}

function npm(args: string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

test('package: it builds to the same bytes twice, packs, installs offline without a dependency, and verifies', async () => {
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  await buildVerifyPackage(first);
  await buildVerifyPackage(second);
  assert.deepEqual(digests(first), digests(second));

  const [packed] = JSON.parse(npm(['pack', '--json'], first)) as { filename: string; files: { path: string }[] }[];
  assert.ok(packed);
  const published = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('types/'));
  assert.deepEqual(published.sort(), [
    'LICENSE',
    'README.md',
    'index.js',
    'package.json',
    'verify.sh',
    'waybill-verify.html',
    'waybill-verify.js',
    'web.js',
  ]);

  const home = join(folder, 'stranger');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{"private":true,"type":"module"}');
  npm(['install', '--offline', '--no-audit', '--no-fund', join(first, packed.filename)], home);
  const installed = readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.'));
  assert.deepEqual(installed, ['@waybill']);
  assert.deepEqual(readdirSync(join(home, 'node_modules', '@waybill')), ['verify']);

  const honest = buildBundle();
  writeFileSync(join(home, 'honest.jsonl'), honest);
  writeFileSync(join(home, 'doctored.jsonl'), honest.toString().replace('"exit_nonzero"', '"exit_nonzerx"'));
  writeFileSync(join(home, 'keys.json'), JSON.stringify(trustFile()));
  runsOn(hostNode(), home);
  isTyped(home);
});

function runsOn(node: string, home: string): void {
  const bin = join(home, 'node_modules', '.bin', 'waybill-verify');
  const command = (bundle: string, ...more: string[]) =>
    spawnSync(node, [bin, bundle, ...more], { cwd: home, encoding: 'utf8' });
  const honest = command('honest.jsonl', '--keys', 'keys.json');
  assert.deepEqual([honest.status, honest.stderr], [0, '']);
  assert.match(honest.stdout, /^VERIFIED \(signed\)/);
  assert.equal(command('doctored.jsonl', '--keys', 'keys.json').status, 1);
  assert.equal(command('honest.jsonl').status, 2);
  assert.equal(command('keys.json', '--keys', 'keys.json').status, 3);
  const script = `
    import { readFileSync } from 'node:fs';
    import { verifyBundle } from '@waybill/verify';
    const trust = JSON.parse(readFileSync('keys.json'));
    for (const file of ['honest.jsonl', 'doctored.jsonl'])
      console.log((await verifyBundle([readFileSync(file)], { trust })).verdict);
  `;
  // The file for browsers judges alike: Node has WebCrypto, too.
  for (const conditions of [[], ['--conditions=browser']]) {
    const library = spawnSync(node, [...conditions, '--input-type=module', '-e', script], {
      cwd: home,
      encoding: 'utf8',
    });
    assert.deepEqual([library.stdout, library.stderr], ['verified\nfailed\n', ''], conditions.join());
  }
}

function isTyped(home: string): void {
  const consumer = (verdict: string): string => `
    import { type TrustFile, verifyBundle } from '@waybill/verify';
    export async function judge(bytes: Uint8Array, trust: TrustFile): Promise<boolean> {
      return (await verifyBundle([bytes], { trust })).verdict === '${verdict}';
    }
  `;
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', '', 'consumer.ts'];
  for (const [verdict, status] of [
    ['verified', 0],
    ['no such verdict', 1],
  ] as const) {
    writeFileSync(join(home, 'consumer.ts'), consumer(verdict));
    const compiled = spawnSync(TSC, options, { cwd: home, encoding: 'utf8' });
    assert.equal(Math.min(compiled.status ?? 9, 1), status, compiled.stdout);
  }
}
