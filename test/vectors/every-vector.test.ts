import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listVectors, skip } from './vectors.ts';

/** Every file of the public vectors: which test runs it, or why none does. The first prefix that fits decides. */
const VECTORS: readonly ({ prefix: string } & ({ test: string } | { outOfScope: string }))[] = [
  { prefix: 'c2sp-notes/', test: 'notes.test.ts' },
  { prefix: 'dsse/', test: 'signatures.test.ts' },
  { prefix: 'jcs-cyberphone/', test: 'jcs.test.ts' },
  { prefix: 'merkle-transparency-dev/testdata/inclusion/', test: 'merkle.test.ts' },
  { prefix: 'merkle-transparency-dev/testdata/consistency/', test: 'merkle.test.ts' },
  {
    prefix: 'merkle-transparency-dev/testdata/subtree',
    outOfScope: 'subtrees belong to Merkle Tree Certificates; no format of this project has them',
  },
  { prefix: 'rfc6962-tree/', test: 'merkle.test.ts' },
  { prefix: 'wycheproof/ecdsa_secp256r1_sha256', test: 'signatures.test.ts' },
  { prefix: 'wycheproof/ed25519', test: 'signatures.test.ts' },
  {
    prefix: 'wycheproof/mldsa_44',
    outOfScope: 'ML-DSA is for cosignature 0x06, which no format of this project has, and Node 20 cannot verify it',
  },
];

function unclaimed(paths: readonly string[]): string[] {
  return paths.filter((path) => !VECTORS.some(({ prefix }) => path.startsWith(prefix)));
}

test('vectors: every published file is run by a test or out of scope for a reason', { skip }, () => {
  const paths = listVectors('', '').filter((path) => /\.(json|txt)$/.test(path));
  assert.ok(paths.length > 500, `${paths.length} files`);
  assert.deepEqual(unclaimed(paths), []);
  const idle = VECTORS.filter(({ prefix }) => !paths.some((path) => path.startsWith(prefix)));
  assert.deepEqual(idle, [], 'entries that no file needs');
});

test('vectors: a file that no entry names is noticed', () => {
  assert.deepEqual(unclaimed(['wycheproof/x25519_test.json', 'dsse/vectors.json']), ['wycheproof/x25519_test.json']);
});

test('vectors: the test that an entry names reads that folder', () => {
  for (const entry of VECTORS) {
    if (!('test' in entry)) continue;
    const source = readFileSync(join(import.meta.dirname, entry.test), 'utf8');
    assert.ok(source.includes(entry.prefix.split('/')[0] as string), entry.prefix);
  }
});

for (const entry of VECTORS) {
  if (!('outOfScope' in entry)) continue;
  test(`vectors: ${entry.prefix} is out of scope: ${entry.outOfScope}`, { skip }, () => {
    assert.ok(listVectors('', '.json').some((path) => path.startsWith(entry.prefix)));
  });
}
