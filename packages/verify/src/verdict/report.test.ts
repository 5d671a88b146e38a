import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeText, renderReport } from './report.ts';
import { verifyBundle } from './verify-bundle.ts';

test('escapeText: nothing from a bundle reaches the terminal as a command or turns the line around', () => {
  assert.equal(escapeText('plain é 日本'), 'plain é 日本');
  assert.equal(escapeText('\u001b[31mred'), '\\u{1b}[31mred');
  assert.equal(
    escapeText('a\u202eb\u2066c\u200bd\u2028e\r\nf'),
    'a\\u{202e}b\\u{2066}c\\u{200b}d\\u{2028}e\\u{d}\\u{a}f',
  );
  assert.equal(escapeText('x'.repeat(300)).length, 203);
  assert.ok(escapeText('\ud800').isWellFormed());
});

test('renderReport: a hostile bundle is quoted safely, one check a line, and what is not proved stands below', async () => {
  const hostile = `{"format":"waybill-audit/v1","origin":"a","run":"${'0'.repeat(32)}","\u001b[2J\u202e":1}\n`;
  const bidi = '{"\u202eevil":1,"end":{"lines":0}}\n';
  for (const text of [hostile, bidi]) {
    const report = await verifyBundle([Buffer.from(text)]);
    const shown = renderReport(report);
    assert.equal(report.exitCode, 3);
    assert.match(shown, /^MALFORMED/);
    assert.match(shown, /What this does not prove/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point.
    assert.doesNotMatch(shown, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  }
});
