import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leafHash, nodeHash, TreeBuilder } from './merkle.ts';
import { consistencyProof, inclusionProof, type ReadHash, verifyConsistency, verifyInclusion } from './merkle-proof.ts';

interface Grown {
  leaves: Uint8Array[];
  roots: Uint8Array[];
  readHash: ReadHash;
}

/** A tree of `size` leaves, each of its roots on the way, and every perfect node that its builder reported. */
function grow(size: number): Grown {
  const tree = new TreeBuilder();
  const nodes = new Map<string, Uint8Array>();
  const leaves: Uint8Array[] = [];
  const roots = [tree.root()];
  for (let n = 0; n < size; n++) {
    const leaf = leafHash(`leaf ${n}`);
    leaves.push(leaf);
    tree.append(leaf, (level, index, hash) => void nodes.set(`${level}/${index}`, hash));
    roots.push(tree.root());
  }
  const readHash: ReadHash = (level, index) => {
    const hash = nodes.get(`${level}/${index}`);
    if (hash === undefined) throw new RangeError(`node ${level}/${index} was never reported`);
    return hash;
  };
  return { leaves, roots, readHash };
}

/** Straight from the definition. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length < 2) return leaves[0] ?? new TreeBuilder().root();
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return nodeHash(plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)));
}

test('TreeBuilder: its root is the one that the definition gives, for every size up to 130', () => {
  const { leaves, roots } = grow(130);
  for (let size = 0; size <= 130; size++)
    assert.deepEqual(roots[size], plainRoot(leaves.slice(0, size)), `size ${size}`);
});

test('TreeBuilder: goes on from its saved state as if it had never stopped', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(50), (before, after) => {
      const { leaves, roots } = grow(before + after);
      const first = new TreeBuilder();
      for (const leaf of leaves.slice(0, before)) first.append(leaf);
      const saved: unknown = JSON.parse(JSON.stringify(first.state()));
      const second = TreeBuilder.from(saved as ReturnType<TreeBuilder['state']>);
      for (const leaf of leaves.slice(before)) second.append(leaf);
      assert.deepEqual(second.root(), roots[before + after]);
    }),
    { numRuns: 30 },
  );
});

test('TreeBuilder: refuses a state that cannot be one', () => {
  const good = { size: 3, frontier: ['00'.repeat(32), '11'.repeat(32)] };
  assert.equal(TreeBuilder.from(good).size, 3);
  for (const bad of [
    { ...good, size: 4 },
    { ...good, size: -1 },
    { size: 1, frontier: ['zz'] },
  ]) {
    assert.throws(() => TreeBuilder.from(bad), { code: 'TREE' });
  }
});

test('inclusion proofs: every leaf of every size up to 40 is proved, and only in its place', async () => {
  const { leaves, roots, readHash } = grow(40);
  for (let size = 1; size <= 40; size++) {
    const root = roots[size] as Uint8Array;
    for (let index = 0; index < size; index++) {
      const proof = await inclusionProof(index, size, readHash);
      const leaf = leaves[index] as Uint8Array;
      assert.ok(verifyInclusion(index, size, leaf, proof, root), `leaf ${index} of ${size}`);
      assert.ok(!verifyInclusion((index + 1) % (size + 1), size, leaf, proof, root));
      assert.ok(!verifyInclusion(index, size, leaf, [...proof, root], root));
      assert.ok(proof.length === 0 || !verifyInclusion(index, size, leaf, proof.slice(1), root));
    }
  }
});

test('consistency proofs: every pair of sizes up to 40 is proved, and no other root', async () => {
  const { roots, readHash } = grow(40);
  for (let from = 1; from <= 40; from++) {
    for (let to = from; to <= 40; to++) {
      const proof = await consistencyProof(from, to, readHash);
      const [older, newer] = [roots[from], roots[to]] as [Uint8Array, Uint8Array];
      assert.ok(verifyConsistency(from, to, older, newer, proof), `${from} to ${to}`);
      assert.ok(!verifyConsistency(from, to, roots[from - 1] as Uint8Array, newer, proof));
      assert.ok(!verifyConsistency(from, to, older, newer, [...proof, newer]));
    }
  }
});

test('proofs: asking for a leaf or a size that is not there is refused', async () => {
  const { readHash } = grow(4);
  await assert.rejects(inclusionProof(4, 4, readHash), { code: 'TREE' });
  await assert.rejects(consistencyProof(0, 4, readHash), { code: 'TREE' });
  await assert.rejects(consistencyProof(5, 4, readHash), { code: 'TREE' });
});
