import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyRoot, leafHash, nodeHash, TreeBuilder, verifyConsistency, verifyInclusion } from '@waybill/verify';
import { listVectors, readJson, readVector, skip } from './vectors.ts';

const FOLDER = 'merkle-transparency-dev/testdata';

/** Sizes go past 2^53: they are read from the text, before JSON.parse rounds them. */
function readProbe(path: string): Record<string, unknown> & { sizes: Record<string, bigint> } {
  const text = readVector(path).toString();
  const sizes = [...text.matchAll(/"(leafIdx|treeSize|size1|size2)": (\d+)/g)].map(([, key, value]) => [
    key as string,
    BigInt(value as string),
  ]);
  return {
    ...(JSON.parse(text) as Record<string, unknown>),
    sizes: Object.fromEntries(sizes) as Record<string, bigint>,
  };
}

function bytes(base64: unknown): Uint8Array {
  return Buffer.from((base64 as string | null) ?? '', 'base64');
}

function hashes(list: unknown): Uint8Array[] {
  return ((list as string[] | null) ?? []).map(bytes);
}

test('verifyInclusion: agrees with all 98 probes of transparency-dev', { skip }, () => {
  const paths = listVectors(`${FOLDER}/inclusion`);
  assert.equal(paths.length, 98);
  for (const path of paths) {
    const { sizes, leafHash: leaf, proof, root, wantErr } = readProbe(path);
    const holds = verifyInclusion(sizes.leafIdx ?? 0n, sizes.treeSize ?? 0n, bytes(leaf), hashes(proof), bytes(root));
    assert.equal(holds, !wantErr, path);
  }
});

test('verifyConsistency: agrees with the probes of transparency-dev, but refuses roots that are no hashes', {
  skip,
}, () => {
  const paths = listVectors(`${FOLDER}/consistency`);
  assert.equal(paths.length, 98);
  const refused: string[] = [];
  for (const path of paths) {
    const { sizes, root1, root2, proof, wantErr } = readProbe(path);
    const holds = verifyConsistency(sizes.size1 ?? 0n, sizes.size2 ?? 0n, bytes(root1), bytes(root2), hashes(proof));
    if (holds === wantErr) refused.push(path);
  }
  assert.deepEqual(refused, [`${FOLDER}/consistency/additional/sizes-are-equal-one-and-proof-is-empty.json`]);
  // Its two roots are the words "don't care 2", which a library that never looks inside a root may pass.
  for (const path of refused) assert.equal(bytes(readProbe(path).root1).length, 12);
});

interface TreeVectors {
  leavesHex: string[];
  rootsHex: string[];
  hashes: { kind: 'empty' | 'leaf' | 'node'; inputHex: string; leftHex: string; rightHex: string; hashHex: string }[];
}

test('TreeBuilder: grows through the nine published roots', { skip }, () => {
  const { leavesHex, rootsHex, hashes } = readJson<TreeVectors>('rfc6962-tree/tree.json');
  const tree = new TreeBuilder();
  assert.equal(Buffer.from(tree.root()).toString('hex'), rootsHex[0]);
  for (const [n, leaf] of leavesHex.entries()) {
    tree.append(leafHash(Buffer.from(leaf, 'hex')));
    assert.equal(Buffer.from(tree.root()).toString('hex'), rootsHex[n + 1]);
  }
  for (const { kind, inputHex, leftHex, rightHex, hashHex } of hashes) {
    const hash = {
      empty: () => emptyRoot(),
      leaf: () => leafHash(Buffer.from(inputHex, 'hex')),
      node: () => nodeHash(Buffer.from(leftHex, 'hex'), Buffer.from(rightHex, 'hex')),
    }[kind]();
    assert.equal(Buffer.from(hash).toString('hex'), hashHex);
  }
});
