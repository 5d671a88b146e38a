import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../test/scratch.ts';
import { saveEvidence } from './saved-file.ts';
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
