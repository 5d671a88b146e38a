import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { VerifyReport } from '@waybill/verify';
import { main } from '../../packages/verify/src/bin.ts';
import { ANCHOR_KEY, BUCKET, captureOf, cosigned, noteOf, policyFile, witnessPolicy } from './auditor-material.ts';
import { buildBundle, bundleLines, trustFile } from './honest-bundle.ts';
import { storageServer } from './storage-server.ts';
import { RUN } from './story.ts';

const BIN = join(import.meta.dirname, '../../packages/verify/bin/waybill-verify.js');
const folder = mkdtempSync(join(tmpdir(), 'waybill-verify-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const BUNDLE = file('bundle.jsonl', buildBundle());
const KEYS = file('keys.json', JSON.stringify(trustFile()));
const SEEN = file('seen.jsonl', buildBundle({ note: (note) => cosigned(cosigned(note, 0), 1) }));
const ANCHOR = { bucket: BUCKET, minRetentionDays: 365 };
const POLICY = file('policy.json', JSON.stringify(policyFile({ witnesses: witnessPolicy(2), anchor: ANCHOR })));
const CAPTURE = file('capture.json', JSON.stringify(captureOf(bundleLines())));

async function run(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const stdin = (async function* () {})();
  const exit = await main(args, { out: (text) => out.push(text), err: (text) => err.push(text), stdin });
  return { exit, out: out.join(''), err: err.join('') };
}

test('waybill-verify: the installed command reads standard input and exits with what it found', () => {
  const { status, stdout } = spawnSync(process.execPath, [BIN, '-', '--keys', KEYS], { input: buildBundle() });
  assert.equal(status, 0);
  assert.match(stdout.toString(), /^VERIFIED \(signed\)/);
});

test('waybill-verify: an honest bundle with keys exits 0', async () => {
  const { exit, out, err } = await run(BUNDLE, '--keys', KEYS, '--run', RUN);
  assert.deepEqual([exit, err], [0, '']);
  assert.match(out, /^VERIFIED \(signed\)/);
});

test('waybill-verify: the word verify chooses the mode that is the default', async () => {
  assert.equal((await run('verify', BUNDLE, '--keys', KEYS)).exit, 0);
  assert.equal((await run('verify', 'verify', BUNDLE, '--keys', KEYS)).exit, 4);
});

test('waybill-verify: --json prints the report and nothing else', async () => {
  const { exit, out } = await run(BUNDLE, '--keys', KEYS, '--json');
  const report = JSON.parse(out) as VerifyReport;
  assert.equal(exit, 0);
  assert.equal(report.format, 'waybill-verify-report/v1');
  assert.equal(report.facts?.run, RUN);
});

test('waybill-verify: no keys exit 2, a contradiction 1, something else than a bundle 3', async () => {
  assert.equal((await run(BUNDLE)).exit, 2);
  assert.equal((await run(BUNDLE, '--require', 'self-consistent')).exit, 2);
  assert.equal((await run(BUNDLE, '--keys', KEYS, '--run', '0'.repeat(32))).exit, 1);
  assert.equal((await run(KEYS, '--keys', KEYS)).exit, 3);
});

test('waybill-verify: tiers that are required may be repeated or joined, and all of them have to be reached', async () => {
  const exitOf = async (bundle: string, ...require: string[]): Promise<number> =>
    (await run(bundle, '--policy', POLICY, ...require.flatMap((tiers) => ['--require', tiers]))).exit;
  assert.equal(await exitOf(SEEN, 'witnessed'), 0);
  assert.equal(await exitOf(SEEN, 'witnessed', 'anchored,run'), 0);
  assert.equal(await exitOf(SEEN, 'witnessed,tsa-attested'), 2);
  assert.equal(await exitOf(SEEN, 'tsa-attested', 'witnessed'), 2);
  assert.equal(await exitOf(SEEN, 'log'), 2);
  assert.equal(await exitOf(BUNDLE, 'signed'), 0);
  assert.equal(await exitOf(BUNDLE, 'self-consistent', 'witnessed', 'self-consistent'), 2);
});

test('waybill-verify: a capture of the anchor counts with the bucket of the policy', async () => {
  const anchored = await run(BUNDLE, '--policy', POLICY, '--anchor', CAPTURE, '--require', 'anchored');
  assert.equal(anchored.exit, 0);
  assert.match(anchored.out, /^VERIFIED \(anchored\)/);
  assert.equal((await run(BUNDLE, '--keys', KEYS, '--anchor', CAPTURE, '--require', 'anchored')).exit, 2);
  assert.equal((await run(SEEN, '--policy', POLICY, '--anchor', CAPTURE)).exit, 1, 'the capture is of another note');
});

test('waybill-verify: --online asks the storage, and nothing but it does', async (t) => {
  const server = await storageServer(t, noteOf(bundleLines()));
  const { get, versions } = server;
  const urls = { format: 'waybill-anchor-urls/v1', bucket: BUCKET, key: ANCHOR_KEY, get, versions };
  const online = ['--online', file('urls.json', JSON.stringify(urls))];
  const fetch = t.mock.method(globalThis, 'fetch');
  assert.equal((await run(BUNDLE, '--policy', POLICY)).exit, 0);
  assert.equal(fetch.mock.callCount(), 0);
  assert.equal((await run(BUNDLE, '--policy', POLICY, ...online, '--require', 'anchored')).exit, 0);
  assert.ok(fetch.mock.callCount() > 0);
  await server.close();
  assert.equal((await run(BUNDLE, '--policy', POLICY, ...online)).exit, 5);
});

test('waybill-verify: a defect of its own is exit 70 and says nothing about the evidence', async () => {
  const stdin = (async function* (): AsyncGenerator<Uint8Array> {
    yield buildBundle();
    throw new TypeError('\u001b[2Jbroken');
  })();
  const err: string[] = [];
  const exit = await main(['-', '--keys', KEYS], { out: assert.fail, err: (text) => err.push(text), stdin });
  assert.deepEqual([exit, err.join('')], [70, 'waybill-verify: \\u{1b}[2Jbroken\n']);
});

test('waybill-verify: what a keys file holds reaches the terminal only escaped', async () => {
  for (const [name, text] of [
    ['ansi.json', '\u001b[2J\u202e'],
    ['bidi.json', '{"\u202eformat":"waybill-keys/v1"}'],
  ] as const) {
    const { exit, err } = await run(BUNDLE, '--keys', file(name, text));
    assert.equal(exit, 4);
    assert.match(err, /keys file/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point.
    assert.doesNotMatch(err, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  }
});

test('waybill-verify: --help shows the flags of each mode and is no error', async () => {
  for (const words of [[], ['verify'], ['item'], ['log'], ['compare']]) {
    const { exit, out, err } = await run(...words, '--help');
    assert.deepEqual([exit, err], [0, '']);
    assert.ok(out.startsWith(`Usage: waybill-verify ${words[0] ?? '[verify]'}`) || words[0] === 'verify', out);
    assert.match(out, /--keys <file>/);
  }
});

test('waybill-verify compare: what is no head is malformed, and the message names it', async () => {
  const half = file('half-a-record', '{"entry":\n');
  for (const wrong of [half, file('no-head', 'x\n'), file('nothing', '')]) {
    const { exit, out } = await run('compare', BUNDLE, wrong, '--keys', KEYS);
    assert.equal(exit, 3);
    assert.ok(out.startsWith(`MALFORMED: ${wrong}: `), out);
  }
});

test('waybill-verify: wrong arguments and broken keys exit 4 and say what is wrong', async () => {
  const broken = file('broken.json', '{');
  const huge = file('huge.json', '');
  truncateSync(huge, 3 * 1024 ** 3);
  const wrong = file('wrong.json', '{"format":"waybill-keys/v1"}');
  const cases: [string[], RegExp][] = [
    [[], /exactly one bundle/],
    [[BUNDLE, BUNDLE], /exactly one bundle/],
    [[BUNDLE, '--nope'], /nope/],
    [[BUNDLE, '--require', 'blessed'], /--require/],
    [[BUNDLE, '--require', ''], /--require/],
    [[BUNDLE, '--require', 'signed,blessed'], /blessed/],
    [[BUNDLE, '--keys', KEYS, '--policy', POLICY], /not both/],
    [[BUNDLE, '--policy', KEYS], /policy file/],
    [[BUNDLE, '--policy', join(folder, 'absent')], /absent/],
    [[BUNDLE, '--anchor', KEYS], /capture/],
    [[BUNDLE, '--online', KEYS], /file of URLs/],
    [[BUNDLE, '--anchor', CAPTURE, '--online', CAPTURE], /not both/],
    [[BUNDLE, '--ledger', folder], /--state/],
    [[BUNDLE, '--run', 'x'], /--run/],
    [[BUNDLE, '--keys', join(folder, 'absent')], /absent/],
    [[BUNDLE, '--keys', broken], /keys file/],
    [[BUNDLE, '--keys', wrong], /lacks origin/],
    [[join(folder, 'absent')], /absent/],
    [[folder], /it is a directory/],
    [[BUNDLE, '--keys', huge], /huge\.json: it is longer than \d+ bytes/],
    [[BUNDLE, '--keys', KEYS, '--state', huge], /huge\.json: it is longer than/],
    [[BUNDLE, '--keys', KEYS, '--keys', KEYS], /give --keys once/],
    [[BUNDLE, '--max-line-bytes', 'x'], /--max-line-bytes/],
    [['log', BUNDLE], /no such directory/],
    [['log', folder, '--checkpoint', huge], /huge\.json: it is longer than/],
    [['log', folder, '--bundles', KEYS], /keys\.json: a bundle is called run-<id>/],
    [['log', folder, '--bundles', join(folder, 'absent')], /absent: there is no such/],
    [['log', folder, '--bundles', folder, '--no-bundles'], /not both/],
    [['compare', BUNDLE, join(folder, 'absent')], /absent: there is no such/],
  ];
  for (const [args, reason] of cases) {
    const { exit, err } = await run(...args);
    assert.equal(exit, 4, args.join(' '));
    assert.match(err, reason);
  }
});
