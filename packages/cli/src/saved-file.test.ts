import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../test/scratch.ts';
import { patched, stateWith } from '../test/state.ts';
import { saveEvidence, saveFile, saveNew } from './saved-file.ts';
import type { VerbCall } from './verb.ts';
import { keysExport } from './verbs/keys.ts';
import { VERBS } from './verbs.ts';

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

test('saved evidence: another file is lost only where that was asked for; the same bytes are left, and devices take all', async (t) => {
  const file = join(scratch(t), 'bundle.jsonl');
  await saveEvidence(file, chunks('one', ' run'), false);
  await saveEvidence(file, 'one run', false);
  await saveEvidence(file, chunks('one run'), false);
  const told = { code: 'USAGE', path: file, problem: 'there is another file already' };
  await assert.rejects(saveEvidence(file, chunks('another', ' run'), false), told);
  await assert.rejects(saveEvidence(file, 'one ru', false), told);
  assert.equal(readFileSync(file, 'utf8'), 'one run');
  await saveEvidence(file, 'another', true);
  assert.equal(readFileSync(file, 'utf8'), 'another');
  await saveEvidence('/dev/null', 'x', false);
});

test('saved evidence: keys do not take the place of others unless that was asked for', async (t) => {
  const file = join(scratch(t), 'keys.json');
  const exporting = (origin: string, isForced: boolean): Promise<number> =>
    keysExport({
      target: { trust: async () => ({ origin, keys: [] }) },
      text: () => file,
      flag: () => isForced,
      terminal: { emit: () => {}, say: () => {} },
    } as unknown as VerbCall);
  await exporting('one', false);
  await assert.rejects(exporting('two', false), { code: 'USAGE', path: file });
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).origin, 'one');
  await exporting('two', true);
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).origin, 'two');
});

test('saved evidence: every verb that writes some knows how to be told to replace a file', () => {
  for (const name of ['keys export', 'audit export', 'audit disclose'])
    assert.ok(
      VERBS.find((verb) => verb.name === name)?.options.some(({ flags }) => flags === '--force'),
      name,
    );
});

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('the first half');
  throw new RangeError('and no more');
}

test('saved file: what breaks off leaves no name behind, and what was there before as it was', async (t) => {
  const directory = scratch(t);
  const [file, link] = [join(directory, 'file'), join(directory, 'link')];
  await assert.rejects(saveFile(file, broken()), RangeError);
  await assert.rejects(saveNew(file, broken()), RangeError);
  assert.deepEqual(readdirSync(directory), []);
  writeFileSync(file, 'old');
  chmodSync(file, 0o640);
  symlinkSync('file', link);
  await assert.rejects(saveFile(link, broken()), RangeError);
  assert.equal(readFileSync(file, 'utf8'), 'old');
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o007, 0, name);
    yield Buffer.from('new');
  };
  await saveFile(link, watched());
  assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['new', 0o640]);
  assert.ok(lstatSync(link).isSymbolicLink());
  await assert.rejects(saveNew(file, 'x'), { code: 'FILE_UNWRITABLE', path: file });
  assert.equal(readFileSync(file, 'utf8'), 'new');
  assert.deepEqual(readdirSync(directory).sort(), ['file', 'link']);
});

test('saved file: one that no room is left for stands in the way of no second try', (t) => {
  const dir = stateWith(t, patched());
  const place = join(scratch(t), 'place');
  mkdirSync(place);
  const waybill = join(import.meta.dirname, '..', 'bin', 'waybill.js');
  for (const [args, name] of [
    [['init', place], 'waybill.yaml'],
    [['init', place, '--force'], 'waybill.yaml'],
    [['patch', 'latest', 'edit-a', '-o', join(place, 'a.patch'), '--dir', dir], 'a.patch'],
  ] as const) {
    // as a full disk, but for this process alone: no file may have a byte
    const shell = ['-c', 'ulimit -f 0; exec "$0" "$@"', process.execPath, waybill, ...args];
    const { status, stderr } = spawnSync('sh', shell, { encoding: 'utf8', timeout: 20_000 });
    assert.equal(status, 4, stderr);
    const { code, path, problem } = JSON.parse(stderr).error;
    assert.deepEqual([code, path], ['FILE_UNWRITABLE', join(place, name)]);
    assert.match(problem, /larger than a file may be/);
    assert.deepEqual(readdirSync(place), [], args.join(' '));
  }
  assert.equal(spawnSync(process.execPath, [waybill, 'init', place]).status, 0);
});
