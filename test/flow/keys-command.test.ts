/** `waybill keys` and `waybill audit log` on a state directory, as a person would type them. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadTrust, type TrustedKey, type TrustFile } from '@waybill/verify';
import { runProgram } from '../../packages/cli/src/program.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { SUCCEEDED } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

const directory = mkdtempSync(join(tmpdir(), 'waybill-keys-command-'));
after(() => rmSync(directory, { recursive: true }));

interface Said {
  exit: number;
  out: string;
  err: string;
}

async function run(...args: string[]): Promise<Said> {
  const sink = () => {
    const chunks: string[] = [];
    return { write: (chunk: string | Uint8Array) => chunks.push(String(chunk)) > 0, text: () => chunks.join('') };
  };
  const [out, err] = [sink(), sink()];
  const interruption = () => new AbortController().signal;
  const exit = await runProgram(args, { out, err, env: process.env, interruption });
  return { exit, out: out.text(), err: err.text() };
}

function waybill(...args: string[]): Promise<Said> {
  return run(...args, '--dir', directory);
}

before(async () => {
  const bed = await openFlowBed({ directory, execute: () => SUCCEEDED });
  bed.submit('s', runOf([{ id: 'x' }]));
  await bed.sealed('s');
  await bed.halt();
});

async function listed(): Promise<TrustedKey[]> {
  const { out } = await waybill('keys', 'list');
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TrustedKey);
}

test('keys: rotated, added, revoked, listed and exported, and the audit of the log follows', async () => {
  const pinned = join(directory, 'pinned.json');
  assert.equal((await waybill('keys', 'export', '-o', pinned)).exit, 0);
  const rotated = await waybill('keys', 'rotate', 'attest', '--plain');
  assert.deepEqual([rotated.exit, rotated.err], [0, '']);
  assert.match(rotated.out, /^in force {2}attest key [0-9a-f]{64}, from \d+/);
  assert.equal((await waybill('keys', 'rotate', 'log')).exit, 0);
  assert.equal((await waybill('keys', 'add', 'log', '--alg', 'ecdsa-p256-sha256')).exit, 0);
  const [first] = await listed();
  const revoked = await waybill(
    'keys',
    'revoke',
    first?.keyid ?? '',
    '--from',
    String(first?.to),
    '--reason',
    'superseded',
  );
  assert.deepEqual([revoked.exit, revoked.err], [0, '']);
  const keys = await listed();
  assert.deepEqual(
    keys.map(({ use, alg, to, revoked }) => [use, alg, to !== undefined, revoked]),
    [
      ['log', 'ed25519', true, 'superseded'],
      ['attest', 'ecdsa-p256-sha256', true, undefined],
      ['attest', 'ecdsa-p256-sha256', false, undefined],
      ['log', 'ed25519', false, undefined],
      ['log', 'ecdsa-p256-sha256', false, undefined],
    ],
  );
  const { out } = await waybill('keys', 'export', '-o', '-');
  const trust = JSON.parse(out) as TrustFile;
  assert.deepEqual([loadTrust(trust).log.length, trust.keys], [3, keys]);
  const audit = await waybill('audit', 'log', join(directory, 'ledger'), '--keys', pinned, '--max-open', '1h');
  assert.equal(audit.exit, 0, audit.out);
  assert.deepEqual(JSON.parse(audit.out).trust.keys, keys);
  const own = await waybill('audit', 'log', '--plain', '--no-bundles');
  assert.equal(own.exit, 0);
  assert.match(own.out, /VERIFIED/);
  assert.match(own.out, /0 bundles/);
});

test('keys: the fingerprint shows every digit of every key, to be printed and compared', async () => {
  const { out } = await waybill('keys', 'fingerprint', '--plain');
  const trust = JSON.parse(readFileSync(join(directory, 'keys', 'public.json'), 'utf8')) as TrustFile;
  assert.ok(out.includes(trust.origin));
  const digits = out.replace(/\s/g, '');
  for (const key of trust.keys) {
    assert.ok(digits.includes(key.keyid));
    if (key.use === 'log') assert.ok(out.includes(key.vkey));
  }
});

test('keys: what cannot be is refused with its reason, and changes nothing', async () => {
  const before = await listed();
  const cases: [string[], number, RegExp][] = [
    [['keys', 'rotate', 'seal'], 4, /no such change/],
    [['keys', 'rotate', 'log', '--alg', 'rsa'], 4, /none of/],
    [['keys', 'rotate', 'attest', '--alg', 'ed25519'], 4, /an attest key is ecdsa-p256-sha256/],
    [['keys', 'rotate', 'log', '--alg', 'ed25519', '--alg', 'ecdsa-p256-sha256'], 4, /given before/],
    [['keys', 'export', '-o', directory], 4, /FILE_UNWRITABLE.*it is a directory/],
    [['keys', 'export', '-o', join(directory, 'absent', 'k')], 4, /FILE_UNWRITABLE.*directory that it should be in/],
    [['audit', 'export', 'latest', '-o', join(directory, 'absent', 'b')], 4, /FILE_UNWRITABLE/],
    [['audit', 'disclose', 'latest', 'x', '-o', join(directory, 'absent', 'd')], 4, /FILE_UNWRITABLE/],
    [['keys', 'add', 'log', '--alg', 'ed25519'], 4, /in force/],
    [['keys', 'add', 'attest'], 4, /no such change/],
    [['keys', 'revoke', '0'.repeat(64), '--from', '1', '--reason', 'lost'], 4, /no such key/],
    [['keys', 'revoke', before[2]?.keyid ?? '', '--from', '12', '--reason', 'lost'], 4, /no other attest key/],
    [['keys', 'revoke', before[2]?.keyid ?? '', '--reason', 'lost'], 4, /--from/],
    [['keys', 'revoke', before[2]?.keyid ?? '', '--from', '1', '--reason', 'Not a code'], 4, /code/],
    [
      ['audit', 'log', join(directory, 'nowhere')],
      4,
      /^\{"error":\{"code":"USAGE","path":"audit log".*no such directory/,
    ],
    [['audit', 'compare', join(directory, 'nowhere')], 4, /nowhere/],
  ];
  for (const [args, exit, reason] of cases) {
    const refused = await waybill(...args);
    assert.equal(refused.exit, exit, `${args.join(' ')}: ${refused.err}`);
    assert.match(refused.err, reason);
  }
  assert.deepEqual(await listed(), before);
});

test('keys: while an engine works on the directory, nothing is changed', async () => {
  const bed = await openFlowBed({ directory, execute: () => SUCCEEDED });
  const { exit, err } = await waybill('keys', 'rotate', 'attest');
  await bed.halt();
  assert.equal(exit, 5);
  assert.match(err, /ENGINE_RUNNING.*wait ten seconds/);
});

test('keys, recover: where there are no keys, nothing is begun', async () => {
  const empty = join(directory, 'empty');
  for (const args of [['keys', 'rotate', 'attest'], ['recover']]) {
    const { exit, err } = await run(...args, '--dir', empty);
    assert.equal(exit, 4, err);
    assert.match(err, /"path":"--dir".*holds no keys/);
    assert.equal(existsSync(empty), false);
  }
});

test('audit disclose: an item of a sealed run becomes a file that audit item verifies', async () => {
  const file = join(directory, 'x.jsonl');
  const disclosed = await waybill('audit', 'disclose', 'latest', 'x', '-o', file);
  assert.deepEqual([disclosed.exit, disclosed.err], [0, '']);
  const keys = join(directory, 'keys', 'public.json');
  const { exit, out } = await waybill('audit', 'item', file, '--keys', keys, '--item', 'x', '--plain');
  assert.equal(exit, 0, out);
  assert.match(out, /the attempts at item x are recorded so/);
  const unknown = await waybill('audit', 'disclose', 'latest', 'nothing');
  assert.deepEqual([unknown.exit, /ITEM_UNKNOWN/.test(unknown.err)], [4, true]);
});

test('audit disclose: of a bundle that is cut short, or is none, nothing is written', async () => {
  const whole = join(directory, 'whole.jsonl');
  await waybill('audit', 'export', 'latest', '-o', whole);
  const lines = readFileSync(whole, 'utf8').split('\n');
  for (const content of [`${lines.slice(0, -2).join('\n')}\n`, 'no bundle\n']) {
    const broken = join(directory, 'broken.jsonl');
    writeFileSync(broken, content);
    const { exit, err } = await waybill('audit', 'disclose', broken, 'x', '-o', `${broken}.item`);
    assert.deepEqual([exit, JSON.parse(err).error.code, JSON.parse(err).error.path], [4, 'FILE_UNREADABLE', broken]);
    assert.equal(existsSync(`${broken}.item`), false);
  }
});
