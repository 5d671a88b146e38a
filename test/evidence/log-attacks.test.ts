/** Ledgers by somebody who holds one key, or who shows less of a log than there is. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { auditLog } from '../../packages/verify/src/audit/log-audit.ts';
import { auditBundles } from '../../packages/verify/src/audit/log-bundles.ts';
import { LogFindings } from '../../packages/verify/src/audit/log-finding.ts';
import { RunBook } from '../../packages/verify/src/audit/run-book.ts';
import { main } from '../../packages/verify/src/bin.ts';
import type { RunEntry } from '../../packages/verify/src/log/log-entry.ts';
import { verifyBundle } from '../../packages/verify/src/verdict/verify-bundle.ts';
import { OTHER } from './forged.ts';
import { buildBundle, bundleLines, trustFile } from './honest-bundle.ts';
import {
  genesis,
  grown,
  keyAdded,
  ledgerOf,
  lines,
  newKeyring,
  opened,
  pinned,
  runOf,
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

const folder = mkdtempSync(join(tmpdir(), 'waybill-ledgers-'));
after(() => rmSync(folder, { recursive: true }));

/** A ledger on disk with one sealed run, of which `name` is then made into something else. */
function ledgerWith(title: string, name: string, spoil: (path: string) => void): string {
  const log = lines([...genesis(KEYS), opened(0), grown(0, 4, 'run.sealed')]);
  const objects = ledgerOf(log, new Map([[log.length, signedHead(log, log.length, [KEYS.log])]]));
  const directory = join(folder, title);
  for (const [path, bytes] of objects) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  spoil(path);
  return directory;
}

const KEYS_FILE = join(folder, 'keys.json');
writeFileSync(KEYS_FILE, JSON.stringify(pinned(KEYS)));
const BUNDLE = `runs/${runOf(0)}/run-${runOf(0)}.audit.jsonl`;
const fifo = (path: string): void => void execFileSync('mkfifo', [path]);
const huge = (path: string): void => {
  writeFileSync(path, '');
  truncateSync(path, 3 * 2 ** 30);
};

for (const [title, name, spoil] of [
  ['a pipe in place of entries', 'tile/entries/000.p/4', fifo],
  ['three gigabytes in place of entries', 'tile/entries/000.p/4', huge],
  ['a directory in place of entries', 'tile/entries/000.p/4', mkdirSync],
  ['a pipe in place of a checkpoint', 'checkpoints/00000000000000000004', fifo],
  ['a pipe in place of a bundle', BUNDLE, fifo],
  ['a directory in place of a bundle', BUNDLE, mkdirSync],
] as const) {
  test(`a ledger with ${title} is not read, and the exit is 5`, async () => {
    const io = { out: () => {}, err: () => {}, stdin: (async function* () {})() };
    assert.equal(await main(['log', ledgerWith(title, name, spoil), '--keys', KEYS_FILE], io), 5);
  });
}

for (const [what, spoil] of [
  ['directory', mkdirSync],
  ['pipe', fifo],
] as const) {
  const title = `a ${what} that is called like a bundle is a file of the auditor that cannot be read, and no defect`;
  test(title, { timeout: 20_000 }, async () => {
    const shelf = join(folder, `shelf-${what}`);
    mkdirSync(shelf);
    spoil(join(shelf, `run-${runOf(0)}.audit.jsonl`));
    const io = { out: () => {}, err: () => {}, stdin: (async function* () {})() };
    const ledger = ledgerWith(`whole-${what}`, 'more', (path) => writeFileSync(path, ''));
    assert.equal(await main(['log', ledger, '--keys', KEYS_FILE, '--bundles', shelf], io), 5);
  });
}
