import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leafHash, TreeBuilder } from './merkle.ts';
import { inclusionProof, verifyInclusion } from './merkle-proof.ts';
import { decodeEntries, encodeEntries, type TileRef, tileHashReader, tilePath, tilesBetween } from './tiles.ts';

test('tilePath: large indexes go into folders of a thousand, partial tiles name their width', () => {
  assert.equal(tilePath({ level: 0, index: 0, width: 256 }), 'tile/0/000');
  assert.equal(tilePath({ level: 0, index: 1067, width: 256 }), 'tile/0/x001/067');
  assert.equal(tilePath({ level: 2, index: 1_234_067, width: 256 }), 'tile/2/x001/x234/067');
  assert.equal(tilePath({ level: 'entries', index: 5, width: 44 }), 'tile/entries/005.p/44');
});

test('tilePath: refuses tiles that cannot be', () => {
  for (const bad of [{ index: -1 }, { index: 0.5 }, { width: 0 }, { width: 257 }]) {
    assert.throws(() => tilePath({ level: 0, index: 0, width: 256, ...bad }), { code: 'TILE' });
  }
});

test('tiles: whatever sizes a log stopped at, the tiles written on the way prove every leaf', async () => {
  const cuts = [1, 2, 255, 256, 257, 300, 512, 700];
  const size = cuts.at(-1) as number;
  const tree = new TreeBuilder();
  const nodes = new Map<string, Uint8Array>();
  const files = new Map<string, Uint8Array>();
  for (let n = 0, written = 0; n < size; ) {
    tree.append(leafHash(`${n}`), (level, index, hash) => void nodes.set(`${level}/${index}`, hash));
    n++;
    if (!cuts.includes(n)) continue;
    for (const tile of tilesBetween(written, n)) {
      if (tile.level === 'entries') continue;
      assert.ok(!files.has(tilePath(tile)), `${tilePath(tile)} is written twice`);
      files.set(tilePath(tile), hashesOf(tile, nodes));
    }
    written = n;
  }
  const readTile = async (tile: TileRef): Promise<Uint8Array> => {
    const file = files.get(tilePath(tile));
    assert.ok(file, `${tilePath(tile)} was never written`);
    return file;
  };
  for (const index of [0, 1, 254, 255, 256, 511, 512, 698, 699]) {
    const proof = await inclusionProof(index, size, tileHashReader(size, readTile));
    assert.ok(verifyInclusion(index, size, leafHash(`${index}`), proof, tree.root()), `leaf ${index}`);
  }
});

function hashesOf({ level, index, width }: TileRef, nodes: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const row = Array.from({ length: width }, (_, n) => nodes.get(`${Number(level) * 8}/${index * 256 + n}`));
  return Buffer.concat(row as Uint8Array[]);
}

test('tileHashReader: refuses a tile of the wrong length', async () => {
  const read = tileHashReader(3, async () => Buffer.alloc(64));
  await assert.rejects(async () => read(0, 2), { code: 'TILE' });
  await assert.rejects(async () => read(0, 3), { code: 'TILE' });
});

test('entry bundles: what is encoded decodes to the same entries', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 600 })), (entries) => {
      const decoded = decodeEntries(encodeEntries(entries));
      assert.deepEqual(
        decoded.map((entry) => [...entry]),
        entries.map((entry) => [...entry]),
      );
    }),
  );
});

test('entry bundles: an entry that is too long and a bundle that is cut short are refused', () => {
  assert.equal(decodeEntries(encodeEntries([Buffer.alloc(65_535)])).length, 1);
  assert.throws(() => encodeEntries([Buffer.alloc(65_536)]), { code: 'TILE' });
  const bundle = encodeEntries([Buffer.from('abc')]);
  for (const at of [1, 2, 4]) assert.throws(() => decodeEntries(bundle.subarray(0, at)), { code: 'TILE' });
});
