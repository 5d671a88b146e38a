import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogFindings } from '../../packages/verify/src/audit/log-finding.ts';
import { walkLog } from '../../packages/verify/src/audit/log-walk.ts';
import { leaf, treeRoot } from './naive-evidence.ts';
import { ledgerOf, sourceOf } from './naive-ledger.ts';

test('log walk: a log of several tile levels is recomputed, hash by hash', async () => {
  const log = Array.from({ length: 65_800 }, (_, n) => `entry ${n}`);
  const objects = ledgerOf(log, new Map());
  assert.ok(objects.has('tile/2/000.p/1'));
  const root = treeRoot(log.map(leaf));
  const walk = async (from: Map<string, Buffer>): Promise<[number, string[]]> => {
    const findings = new LogFindings();
    const differs = (): void => findings.add('CHECKPOINT_FORK', 'the root');
    const read = await walkLog(
      sourceOf(from),
      log.length,
      [{ size: log.length, root, differs }],
      { entry() {} },
      findings,
    );
    return [read, findings.listed.map(({ code }) => code)];
  };
  assert.deepEqual(await walk(objects), [log.length, []]);
  const edits: [string, string[]][] = [
    ['tile/0/100', ['TILE_MISMATCH']],
    ['tile/0/257.p/8', ['TILE_MISMATCH']],
    ['tile/1/000', ['TILE_MISMATCH']],
    ['tile/2/000.p/1', ['TILE_MISMATCH']],
    ['tile/entries/200', ['TILE_MISMATCH', 'TILE_MISMATCH', 'TILE_MISMATCH', 'CHECKPOINT_FORK']],
  ];
  for (const [name, codes] of edits) {
    const edited = new Map(objects);
    edited.set(name, Buffer.from(edited.get(name) as Buffer).fill(0x37, 4, 5));
    assert.deepEqual((await walk(edited))[1].sort(), codes.sort(), name);
  }
  for (const name of ['tile/1/000', 'tile/entries/200']) {
    const edited = new Map(objects);
    edited.delete(name);
    assert.deepEqual((await walk(edited))[1], ['TILE_MISSING'], name);
  }
});
