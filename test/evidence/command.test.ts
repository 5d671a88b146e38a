import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { VerifyReport } from '@waybill/verify';
import { buildBundle, trustFile } from './honest-bundle.ts';
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

function run(args: string[], input: Buffer = Buffer.alloc(0)): { exit: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], { input, encoding: 'utf8' });
  return { exit: status, out: stdout, err: stderr };
}

test('waybill-verify: an honest bundle with keys exits 0, from a file and from standard input', () => {
  const { exit, out } = run([BUNDLE, '--keys', KEYS, '--run', RUN]);
  assert.equal(exit, 0);
  assert.match(out, /^VERIFIED \(signed\)/);
  assert.equal(run(['-', '--keys', KEYS], buildBundle()).exit, 0);
});

test('waybill-verify: --json prints the report and nothing else', () => {
  const { exit, out } = run([BUNDLE, '--keys', KEYS, '--json']);
  const report = JSON.parse(out) as VerifyReport;
  assert.equal(exit, 0);
  assert.equal(report.format, 'waybill-verify-report/v1');
  assert.equal(report.facts?.run, RUN);
});

test('waybill-verify: no keys exit 2, a contradiction 1, something else than a bundle 3', () => {
  assert.equal(run([BUNDLE]).exit, 2);
  assert.equal(run([BUNDLE, '--require', 'self-consistent']).exit, 2);
  assert.equal(run([BUNDLE, '--keys', KEYS, '--run', '0'.repeat(32)]).exit, 1);
  assert.equal(run([KEYS, '--keys', KEYS]).exit, 3);
});

test('waybill-verify: wrong arguments and broken keys exit 4 and say what is wrong', () => {
  const broken = file('broken.json', '{');
  const wrong = file('wrong.json', '{"format":"waybill-keys/v1"}');
  const cases: [string[], RegExp][] = [
    [[], /exactly one bundle/],
    [[BUNDLE, BUNDLE], /exactly one bundle/],
    [[BUNDLE, '--nope'], /nope/],
    [[BUNDLE, '--require', 'anchored'], /--require/],
    [[BUNDLE, '--run', 'x'], /--run/],
    [[BUNDLE, '--keys', join(folder, 'absent')], /absent/],
    [[BUNDLE, '--keys', broken], /keys file/],
    [[BUNDLE, '--keys', wrong], /lacks origin/],
    [[join(folder, 'absent')], /absent/],
    [[folder], /EISDIR/],
  ];
  for (const [args, reason] of cases) {
    const { exit, err } = run(args);
    assert.equal(exit, 4, args.join(' '));
    assert.match(err, reason);
  }
});
