import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { writeBigBundle } from '../../bench/big-bundle.ts';
import { openPageBed, skip, verdictOf } from './verify-page.ts';

const ITEMS = 500;

test('page: a large bundle is read in pieces with a sign of progress, and its timeline shown a part at a time', {
  skip,
}, async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-large-'));
  const bed = await openPageBed();
  try {
    const signer = openLocalSigner(join(scratch, 'keys'));
    const path = join(scratch, 'run.audit.jsonl');
    await writeBigBundle(path, ITEMS, signer);
    const keys = bed.file('keys.json', readFileSync(join(scratch, 'keys', 'public.json')));
    await bed.withPage(async (page) => {
      await page.evaluate(`{
        globalThis.seen = [];
        new MutationObserver(() => seen.push({ value: progress.value, max: progress.max, isShown: !progress.hidden }))
          .observe(document.getElementById('status'), { childList: true });
        const progress = document.getElementById('progress');
      }`);
      assert.equal(await verdictOf(page, path, [keys]), 'Verified (signed)');
      const seen = (await page.evaluate('seen')) as { value: number; max: number; isShown: boolean }[];
      const midway = seen.filter(({ value, max, isShown }) => isShown && value > 0 && value < max);
      assert.ok(midway.length >= 3, `${midway.length} signs of progress`);
      assert.equal(await page.locator('.timeline tbody tr').count(), 100);
      await page.click('text=Show 100 more of 400');
      assert.equal(await page.locator('.timeline tbody tr').count(), 200);
    });
  } finally {
    await bed.close();
    rmSync(scratch, { recursive: true });
  }
});
