/** Ledgers by somebody who holds one key, or who shows less of a log than there is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditLog } from '../../packages/verify/src/audit/log-audit.ts';
import { auditBundles } from '../../packages/verify/src/audit/log-bundles.ts';
import { LogFindings } from '../../packages/verify/src/audit/log-finding.ts';
import { RunBook } from '../../packages/verify/src/audit/run-book.ts';
import type { RunEntry } from '../../packages/verify/src/log/log-entry.ts';
import { verifyBundle } from '../../packages/verify/src/verdict/verify-bundle.ts';
import { OTHER } from './forged.ts';
import { buildBundle, bundleLines, trustFile } from './honest-bundle.ts';
import {
  genesis,
  keyAdded,
  ledgerOf,
  lines,
  newKeyring,
  opened,
  pinned,
  START_MS,
  signedHead,
  sourceOf,
} from './naive-ledger.ts';

const KEYS = newKeyring();

test('a log that a thief signed with the attest key is not believed by who pinned that key for attesting', async () => {
  const { attest } = KEYS;
  const log = lines([keyAdded('log', attest, 0, []), opened(0)]);
  const source = sourceOf(ledgerOf(log, new Map([[log.length, signedHead(log, log.length, [attest])]])));
  const all = pinned(KEYS);
  for (const keys of [all.keys, all.keys.filter(({ use }) => use === 'attest')]) {
    const report = await auditLog(source, { trust: { ...all, keys }, nowMs: START_MS });
    assert.equal(report.exitCode, 1);
    assert.ok(report.findings.some(({ code, detail }) => code === 'KEY_UNKNOWN' && detail.includes(attest.keyid)));
  }
});

test('a clock or a limit that is no number is refused, and lets nothing pass', async () => {
  const log = lines([...genesis(KEYS), opened(0)]);
  const source = sourceOf(ledgerOf(log, new Map([[log.length, signedHead(log, log.length, [KEYS.log])]])));
  const trust = pinned(KEYS);
  const late = { trust, maxAgeMs: 1000, nowMs: START_MS + 1e9 };
  assert.equal((await auditLog(source, late)).exitCode, 2);
  for (const broken of [{ nowMs: Number.NaN }, { maxAgeMs: Number.NaN }, { maxOpenMs: Number.NaN }]) {
    await assert.rejects(auditLog(source, { ...late, ...broken }), { code: 'POLICY' });
  }
  await assert.rejects(verifyBundle([], { trust: trustFile(), nowMs: Number.NaN }), { code: 'POLICY' });
});

/** What the audit finds of the honest bundle in a log of `size` entries, which speaks of its run so. */
async function bundleIn(
  size: number,
  isNewest: boolean,
  edit: (entry: RunEntry) => void = () => {},
): Promise<string[]> {
  const findings = new LogFindings();
  const runs = new RunBook(findings);
  const records = bundleLines().filter((line) => line.startsWith('{"entry":'));
  for (const [index, line] of records.entries()) {
    const { entry } = JSON.parse(line) as { entry: RunEntry };
    edit(entry);
    runs.add(index, { ...entry, runSeq: 0 });
  }
  const bundle = buildBundle();
  const shelf = {
    runs: async () => null,
    open: async () =>
      (async function* () {
        yield bundle;
      })(),
  };
  await auditBundles(sourceOf(new Map()), shelf, runs, { trust: trustFile(), size, isNewest }, findings);
  return findings.listed.map(({ code, detail }) => `${code}: ${detail}`);
}

test('a ledger that was cut back is behind the heads of its bundles', async () => {
  assert.deepEqual(await bundleIn(5, true), []);
  const [finding, ...others] = await bundleIn(4, true);
  assert.match(finding ?? '', /^BUNDLE_AHEAD: the bundle leads to a log of size 5, the newest head here has 4$/);
  assert.deepEqual(others, []);
  assert.deepEqual(await bundleIn(4, false), [], 'the auditor began with an older head');
});

test('a bundle with another seal than the log has is refused, whatever head it leads to', async () => {
  const found = await bundleIn(4, false, (entry) => {
    if (entry.type === 'run.sealed') entry.seal = OTHER;
  });
  assert.deepEqual(found, ['BUNDLE_MISMATCH: the bundle holds another seal than the log says']);
});
