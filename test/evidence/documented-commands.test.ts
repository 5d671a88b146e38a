/** The commands that the docs give an auditor do what the docs say, and notice what they are there to notice. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { set } from './forged.ts';
import { buildBundle, type Forgery, LOG_STRANGER, STRANGER, trustFile } from './honest-bundle.ts';

const DOCS = join(import.meta.dirname, '../../docs/how-to');

/** The fenced blocks below a heading that run something by themselves, in their order. */
function commands(page: string, heading: string, starts: RegExp): string[] {
  const text = readFileSync(join(DOCS, page), 'utf8');
  const section = text.slice(text.indexOf(`\n## ${heading}\n`));
  return [...section.matchAll(/^```text\n([\s\S]*?)^```$/gm)]
    .map(([, block]) => block as string)
    .filter((block) => starts.test(block));
}

function run(
  t: TestContext,
  script: string,
  files: Record<string, string | Buffer>,
): { exit: number | null; out: string } {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-docs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: { PATH: process.env.PATH, B: 'bundle.jsonl', K: 'keys.json' },
  });
  return { exit: status, out: `${stdout}${stderr}` };
}

const BY_HAND = commands('verify-a-bundle.md', 'Without our tools', /\$[BK]|statements/);

function byHand(t: TestContext, forgery: Forgery = {}): { exit: number | null; out: string } {
  const files = { 'bundle.jsonl': buildBundle(forgery), 'keys.json': JSON.stringify(trustFile(), null, 2) };
  return run(t, BY_HAND.join('\n'), files);
}

test('verify by hand: an honest bundle passes every command', (t) => {
  assert.equal(BY_HAND.length, 6);
  const { exit, out } = byHand(t);
  assert.equal(exit, 0, out);
  assert.match(out, /^Verified OK$/m);
  assert.match(out, /^Signature Verified Successfully$/m);
  assert.match(out, /^([0-9a-f]{64})\nsha256:\1$/m);
  assert.match(out, /^build\tpatch\tsha256:[0-9a-f]{64}$/m);
  assert.match(out, /^\["patch","outputs\/notes\.md","manifest","executable","source"\]$/m);
});

test('verify by hand: a stranger who seals, one who signs the log, and another statement are noticed', (t) => {
  const forgeries: [Forgery, RegExp][] = [
    [{ sealer: STRANGER }, /Verification failure/],
    [{ logger: LOG_STRANGER }, /Signature Verification Failure/],
    [{ manifestEnvelope: (envelope) => set(envelope, { payload: 'e30=' }) }, /digests named differ/],
  ];
  for (const [forgery, said] of forgeries) {
    const { exit, out } = byHand(t, forgery);
    assert.equal(exit, 1, out);
    assert.match(out, said);
  }
});

test('verify by hand: another first event than the one in the log prints two digests', (t) => {
  const { out } = byHand(t, { opened: (entry) => set(entry, { event: `sha256:${'0'.repeat(64)}` }) });
  assert.doesNotMatch(out, /^([0-9a-f]{64})\nsha256:\1$/m);
});

test('verify a patch: the key is written as PEM', (t) => {
  const [key = ''] = commands('verify-a-patch-with-sigstore.md', 'Get the key', /^jq/);
  const { exit, out } = run(t, `${key}cat attest.pem`, { 'public.json': JSON.stringify(trustFile()) });
  assert.equal(exit, 0, out);
  assert.match(out, /^-----BEGIN PUBLIC KEY-----\n/);
});
