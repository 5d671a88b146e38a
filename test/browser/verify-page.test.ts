import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CheckResult } from '@waybill/verify';
import { verifyBundle } from '@waybill/verify';
import axe from 'axe-core';
import type { JSHandle } from 'playwright-core';
import { buildBundle, trustFile } from '../evidence/honest-bundle.ts';
import { takeOverMade } from '../evidence/reused-story.ts';
import { RUN } from '../evidence/story.ts';
import { openPageBed, type PageBed, skip, verdictOf } from './verify-page.ts';

const HONEST = buildBundle();
const DOCTORED = Buffer.from(HONEST.toString().replace('"exit_nonzero"', '"exit_nonzerx"'));
const KEYS = JSON.stringify(trustFile());

let bed: PageBed;
before(async () => {
  if (skip === false) bed = await openPageBed();
});
after(() => bed?.close());

function keysFile(keys: unknown = trustFile()): string {
  return bed.file('keys.json', JSON.stringify(keys));
}

/** What the page lists, as the report has it. */
const CHECKS_ON_PAGE = `[...document.querySelectorAll('.check')].map((row) => ({
  id: row.querySelector(':scope > code').textContent,
  status: row.classList[1],
}))`;

function outline(checks: readonly CheckResult[]): { id: string; status: string }[] {
  return checks.map(({ id, status }) => ({ id, status }));
}

test(
  'page: an honest bundle with keys is verified, and shown with its checks, its course and its limits',
  { skip },
  () =>
    bed.withPage(async (page) => {
      assert.equal(await verdictOf(page, bed.file('run.audit.jsonl', HONEST), [keysFile()]), 'Verified (signed)');
      const text = await page.innerText('#result');
      for (const part of [
        RUN,
        'nightly',
        '1 ran without a sandbox',
        'What this does not prove',
        'no witness and no anchor',
      ]) {
        assert.ok(text.includes(part), part);
      }
      const rows = await page.locator('.timeline tbody tr').allInnerTexts();
      assert.deepEqual(
        rows.map((row) => row.split(/\s+/)[0]),
        ['build', 'check', 'lint', 'report', 'slow', 'table'],
      );
      assert.match(rows[0] ?? '', /1: failed, exit_nonzero, 4\.0 s\s+2: succeeded, 5\.0 s\s+3 outputs/);
      assert.equal(await page.locator('.timeline svg rect.bar').count(), 6);
      assert.equal(await page.evaluate('document.activeElement.id'), 'verdict');
    }),
);

test('page: a result that was made without a sandbox is said to be so where it is used again', { skip }, () =>
  bed.withPage(async (page) => {
    const bundle = buildBundle({ story: (story) => takeOverMade(story, 'none') });
    assert.equal(await verdictOf(page, bed.file('run.audit.jsonl', bundle), [keysFile()]), 'Verified (signed)');
    assert.match(await page.innerText('#result'), /1 took over what was made without a sandbox/);
    const rows = await page.locator('.timeline tbody tr').allInnerTexts();
    const isTold = (id: string): boolean => rows.some((row) => row.startsWith(id) && row.includes('no sandbox'));
    assert.deepEqual([isTold('old'), isTold('twin')], [true, false]);
  }),
);

test('page: it judges check by check as the library does in Node', { skip }, async () => {
  for (const bundle of [HONEST, DOCTORED]) {
    for (const trust of [undefined, trustFile()]) {
      const report = await verifyBundle([bundle], trust === undefined ? {} : { trust });
      await bed.withPage(async (page) => {
        await verdictOf(page, bed.file('bundle', bundle), trust === undefined ? [] : [keysFile(trust)]);
        assert.deepEqual(await page.evaluate(CHECKS_ON_PAGE), outline(report.checks));
      });
    }
  }
});

test('page: a doctored bundle fails, and nothing that it says is shown', { skip }, () =>
  bed.withPage(async (page) => {
    assert.equal(await verdictOf(page, bed.file('bundle', DOCTORED), [keysFile()]), 'Failed');
    const text = await page.innerText('#result');
    assert.match(text, /the events do not hash to the root in the seal/);
    for (const part of [RUN, 'nightly', 'Timeline']) assert.ok(!text.includes(part), part);
  }),
);

test('page: without keys an honest bundle is unauthenticated, and keys that come later change that', { skip }, () =>
  bed.withPage(async (page) => {
    assert.equal(await verdictOf(page, bed.file('bundle', HONEST)), 'Insufficient, unauthenticated');
    assert.match(await page.innerText('#result'), /Run, as the file says/);
    await page.setInputFiles('#material', keysFile());
    await page.waitForSelector('.verdict.verified');
  }),
);

test('page: a policy that demands more than there is makes the same bundle insufficient', { skip }, () =>
  bed.withPage(async (page) => {
    const policy = { format: 'waybill-policy/v1', keys: trustFile(), require: { integrity: 'witnessed' } };
    const verdict = await verdictOf(page, bed.file('bundle', HONEST), [bed.file('p.json', JSON.stringify(policy))]);
    assert.equal(verdict, 'Insufficient (signed)');
    assert.match(await page.innerText('#result'), /INTEGRITY_BELOW/);
  }),
);

test('page: a bundle about another run than the expected one fails', { skip }, () =>
  bed.withPage(async (page) => {
    await verdictOf(page, bed.file('bundle', HONEST), [keysFile()]);
    await page.fill('#expect-run', RUN);
    await page.keyboard.press('Tab');
    await page.waitForSelector('.verdict.verified');
    await page.fill('#expect-run', '0'.repeat(32));
    await page.keyboard.press('Tab');
    await page.waitForSelector('.verdict.failed');
  }),
);

test('page: a file that is no bundle is malformed, and what cannot be used to verify with is named', { skip }, () =>
  bed.withPage(async (page) => {
    assert.equal(await verdictOf(page, bed.file('bundle', 'no bundle\n'), [keysFile()]), 'Malformed');
    assert.equal(await verdictOf(page, bed.file('bundle', HONEST.subarray(0, -9))), 'Malformed');
    assert.equal(await verdictOf(page, bed.file('bundle', '')), 'Malformed');
    await page.setInputFiles('#material', keysFile({ ...trustFile(), extra: 1 }));
    await page.waitForSelector('#status.problem');
    assert.match(await page.innerText('#status'), /cannot be used: keys file has an unknown key/);
    assert.equal(await page.locator('#verdict').count(), 0);
    await page.setInputFiles('#material', bed.file('notes.txt', 'hello'));
    await page.waitForSelector('text=notes.txt: This file holds no public keys');
  }),
);

test('page: files that are dropped anywhere are told apart by what stands in them', { skip }, () =>
  bed.withPage(async (page) => {
    const transferOf = (files: Record<string, string>): Promise<JSHandle> =>
      page.evaluateHandle(`(() => {
        const transfer = new DataTransfer();
        for (const [name, text] of Object.entries(${JSON.stringify(files)})) transfer.items.add(new File([text], name));
        return transfer;
      })()`);
    const transfer = await transferOf({ 'a.txt': KEYS, 'b.txt': HONEST.toString() });
    await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
    await page.waitForSelector('.verdict.verified');
    assert.match(await page.innerText('#material-name'), /^a\.txt .*, keys$/);
    const other = await transferOf({ 'c.json': '{"format":"else"}' });
    await page.dispatchEvent('body', 'drop', { dataTransfer: other });
    await page.waitForSelector('text=c.json: This file is neither an audit bundle nor');
  }),
);

const MARKUP = `<img/src=x/onerror=globalThis.pwned=1>"'&<script>globalThis.pwned=1</script>`;

test('page: markup in names, origins, files and problems is text, and nothing of it runs', { skip }, async () => {
  const origin = `waybill.local/${MARKUP}`;
  const hostile = buildBundle({
    story: (story) => {
      for (const { type, data } of story) {
        if (type === 'attempt.settled')
          for (const output of data.outputs) output.name = output.name.replace('notes.md', MARKUP);
      }
    },
  });
  const unknownKey = HONEST.toString().replace('{"at":', `{${JSON.stringify(MARKUP)}:1,"at":`);
  await bed.withPage(async (page) => {
    const count = `document.querySelectorAll('script, img, iframe, object, link, style').length`;
    const before = await page.evaluate(count);
    for (const { bundle, keys, shows } of [
      { bundle: hostile, keys: trustFile(), shows: MARKUP },
      { bundle: HONEST, keys: { ...trustFile(), origin }, shows: 'cannot be used' },
      { bundle: unknownKey, keys: trustFile(), shows: 'unknown key' },
    ]) {
      await page.setInputFiles('#material', keysFile(keys));
      await page.setInputFiles('#bundle', { name: `${MARKUP}\u202e.jsonl`, mimeType: '', buffer: Buffer.from(bundle) });
      await page.waitForSelector('#verdict, #status.problem');
      await page.waitForFunction('document.querySelector("#progress").hidden');
      await page.evaluate(`document.querySelectorAll('details').forEach((each) => { each.open = true; })`);
      const text = await page.innerText('main');
      assert.ok(text.includes(shows), `${shows} in ${text}`);
      assert.ok(text.includes('\\u{202e}.jsonl') && !text.includes('\u202e'));
      assert.equal(await page.evaluate(count), before);
      assert.equal(await page.evaluate('globalThis.pwned'), undefined);
    }
  });
});

test('page: a browser that lacks an algorithm says so, and calls nothing forged', { skip }, () =>
  bed.withPage(async (page) => {
    await page.evaluate(`{
      const importKey = crypto.subtle.importKey.bind(crypto.subtle);
      crypto.subtle.importKey = (format, key, algorithm, ...rest) =>
        algorithm.name === 'Ed25519'
          ? Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'))
          : importKey(format, key, algorithm, ...rest);
    }`);
    await page.setInputFiles('#material', keysFile());
    await page.setInputFiles('#bundle', bed.file('bundle', HONEST));
    await page.waitForSelector('#status.problem');
    assert.match(await page.innerText('#status'), /^This browser lacks a signature algorithm/);
    assert.equal(await page.locator('#verdict').count(), 0);
  }),
);

test('page: its policy lets nothing out and nothing in, which is shown by trying', { skip }, async () => {
  const attempts = `(async () => {
    const blocked = [];
    addEventListener('securitypolicyviolation', ({ effectiveDirective }) => blocked.push(effectiveDirective));
    await fetch('https://example.invalid/').catch(() => {});
    const image = document.createElement('img');
    image.src = 'https://example.invalid/a.png';
    const script = document.createElement('script');
    try { script.textContent = 'globalThis.pwned = 1'; } catch { blocked.push('trusted types'); }
    try { document.body.innerHTML = '<b>'; } catch { blocked.push('trusted types'); }
    document.body.append(image, script);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { blocked: [...new Set(blocked)].sort(), pwned: globalThis.pwned };
  })()`;
  await bed.withPage(async (page) => {
    assert.deepEqual(await page.evaluate(attempts), {
      blocked: ['connect-src', 'img-src', 'require-trusted-types-for', 'trusted types'],
      pwned: undefined,
    });
  });
});

test('page: axe finds nothing to object to, in light and in dark, whatever the verdict', { skip }, async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [bundle, material] of [
      [HONEST, [KEYS]],
      [DOCTORED, [KEYS]],
      [HONEST, []],
      [undefined, []],
    ] as const) {
      await bed.withPage(
        async (page) => {
          const files = material.map((keys) => bed.file('keys.json', keys));
          if (bundle !== undefined) await verdictOf(page, bed.file('bundle', bundle), files);
          await page.evaluate(axe.source);
          const found =
            await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations, passes }) => ({
            passes: passes.length,
            violations: violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')),
          }))`);
          const { violations, passes } = found as { violations: string[]; passes: number };
          assert.deepEqual(violations, [], colorScheme);
          assert.ok(passes > 10, `axe looked at ${passes} rules`);
        },
        { colorScheme },
      );
    }
  }
});

test('page: everything is reached and worked with the keyboard alone', { skip }, () =>
  bed.withPage(async (page) => {
    const focused = (): Promise<unknown> => page.evaluate('document.activeElement.id');
    const press = async (key: string): Promise<unknown> => {
      await page.keyboard.press(key);
      return focused();
    };
    assert.equal(await press('Tab'), 'bundle');
    for (const [id, path] of [
      ['bundle', bed.file('bundle', HONEST)],
      ['material', keysFile()],
    ] as const) {
      assert.equal(await focused(), id);
      const chooser = page.waitForEvent('filechooser');
      await page.keyboard.press('Space');
      await (await chooser).setFiles(path);
      await page.waitForSelector(id === 'bundle' ? '.verdict.insufficient' : '.verdict.verified');
      await page.focus(`#${id}`);
      await page.keyboard.press('Tab');
    }
    assert.equal(await focused(), 'expect-run');
    assert.equal(await press('Tab'), 'only-undone');
    await page.keyboard.press('Space');
    assert.equal(await page.locator('.timeline tbody tr').count(), 3);
    await page.keyboard.press('Space');
    // The region that scrolls, then the outputs of the first item.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('details[open] .outputs li').count(), 3);
  }),
);
