/** Two heads of one log: consistent, or a fork that a third party can check, or not decided. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../packages/verify/src/bin.ts';
import { consistencyProof } from '../../packages/verify/src/log/merkle-proof.ts';
import { buildBundle, trustFile } from './honest-bundle.ts';
import { leaf, newSigner, treeRoot } from './naive-evidence.ts';
import { genesis, ledgerOf, lines, newKeyring, pinned, signedHead } from './naive-ledger.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-compare-'));
after(() => rmSync(folder, { recursive: true }));

const KEYRING = newKeyring();
const LOG = lines([...genesis(KEYRING), ...Array.from({ length: 300 }, () => ({ type: 'heartbeat', open: 0 }))]);
const OTHER = [...LOG.slice(0, 100), LOG[5] as string, ...LOG.slice(101)];

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function ledger(name: string, log: readonly string[]): string {
  for (const [key, bytes] of ledgerOf(log, new Map())) file(`${name}/${key}`, bytes);
  return join(folder, name);
}

/** Three gigabytes that take no room. */
function huge(name: string): string {
  const path = file(name, 'x');
  truncateSync(path, 3 * 2 ** 30);
  return path;
}

const head = (name: string, log: readonly string[], size: number, by = [KEYRING.log]): string =>
  file(name, signedHead(log, size, by));
const KEYS = file('keys.json', JSON.stringify(pinned(KEYRING)));
const SMALL = head('small', LOG, 120);
const LARGE = head('large', LOG, LOG.length);
const FORKED = head('forked', OTHER, 120);
const LEDGER = ledger('ledger', LOG);

async function compare(...args: string[]): Promise<{ exit: number; out: string }> {
  const out: string[] = [];
  const io = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void out.push(text),
    stdin: noBytes(),
  };
  return { exit: await main(['compare', ...args], io), out: out.join('') };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

test('compare: a log that has grown is consistent, shown by tiles or by a proof of hashes', async () => {
  const same = await compare(SMALL, SMALL, '--keys', KEYS);
  assert.deepEqual([same.exit, /^SAME/.test(same.out)], [0, true]);
  const grown = await compare(LARGE, SMALL, '--keys', KEYS, '--ledger', LEDGER);
  assert.deepEqual([grown.exit, /^CONSISTENT/.test(grown.out)], [0, true]);
  const leaves = LOG.map(leaf);
  const hashes = await consistencyProof(120, LOG.length, (level, index) =>
    treeRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
  );
  const proof = file('proof', hashes.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join(''));
  assert.equal((await compare(SMALL, LARGE, '--keys', KEYS, '--proof', proof)).exit, 0);
});

test('compare: two roots of one size are a fork, and the proof convinces a third party with the keys alone', async () => {
  const proof = join(folder, 'fork.json');
  const { exit, out } = await compare(SMALL, FORKED, '--keys', KEYS, '--save-proof', proof);
  assert.equal(exit, 1);
  assert.match(out, /^FORK/);
  assert.equal(out.match(/— waybill\.local/g)?.length, 2, 'both notes are printed');
  const again = await compare(proof, '--keys', KEYS);
  assert.deepEqual([again.exit, /^FORK/.test(again.out)], [1, true]);
});

test('compare: without room for its proof an earlier one stays whole, and nothing else is left', async () => {
  const proof = file('full/fork.json', 'as it was');
  const command = join(import.meta.dirname, '..', '..', 'packages', 'verify', 'bin', 'waybill-verify.js');
  const args = ['compare', SMALL, FORKED, '--keys', KEYS, '--save-proof', proof];
  // as a full disk, but for this process alone: no file may have a byte
  const shell = ['-c', 'ulimit -f 0; exec "$0" "$@"', process.execPath, command, ...args];
  const { status, stderr } = spawnSync('sh', shell, { encoding: 'utf8', timeout: 20_000 });
  assert.deepEqual(
    [status, stderr.includes(`--save-proof ${proof}: it is larger than a file may be`)],
    [4, true],
    stderr,
  );
  assert.deepEqual([readFileSync(proof, 'utf8'), readdirSync(dirname(proof))], ['as it was', ['fork.json']]);
});

test('compare: a larger log that begins otherwise is a fork, and its proof needs no ledger either', async () => {
  const proof = join(folder, 'fork-sizes.json');
  const args = [FORKED, LARGE, '--keys', KEYS];
  assert.equal((await compare(...args)).exit, 2, 'without tiles it is not decided');
  const { exit } = await compare(...args, '--ledger', LEDGER, '--save-proof', proof);
  assert.equal(exit, 1);
  assert.equal((await compare(proof, '--keys', KEYS)).exit, 1);
  const { prefix, ...bare } = JSON.parse(readFileSync(proof, 'utf8')) as { prefix: { size: number; root: string } };
  assert.equal((await compare(file('bare.json', JSON.stringify(bare)), '--keys', KEYS)).exit, 2);
  const edited = { ...bare, prefix: { ...prefix, root: treeRoot([leaf('x')]).toString('base64') } };
  assert.equal((await compare(file('edited.json', JSON.stringify(edited)), '--keys', KEYS)).exit, 2);
});

test('compare: a made-up fork convinces nobody', async () => {
  const stranger = newSigner('ed25519');
  const forged = head('forged', OTHER, 120, [stranger]);
  const { exit, out } = await compare(SMALL, forged, '--keys', KEYS);
  assert.deepEqual([exit, /NOT_SIGNED/.test(out)], [2, true]);
  const notes = [readFileSync(SMALL, 'utf8'), readFileSync(forged, 'utf8')];
  const proof = file('forged.json', JSON.stringify({ format: 'waybill-fork/v1', notes }));
  assert.equal((await compare(proof, '--keys', KEYS)).exit, 2);
  const honest = { format: 'waybill-fork/v1', notes: [readFileSync(SMALL, 'utf8'), readFileSync(LARGE, 'utf8')] };
  assert.equal((await compare(file('honest.json', JSON.stringify(honest)), '--keys', KEYS)).exit, 2);
  const twice = { ...honest, notes: [honest.notes[0], honest.notes[0]] };
  assert.equal((await compare(file('twice.json', JSON.stringify(twice)), '--keys', KEYS)).exit, 0);
});

test('compare: what cannot decide exits 2 and says why', async () => {
  const elsewhere = head('elsewhere', LOG, 120);
  writeFileSync(elsewhere, signedHead(LOG, 120, [KEYRING.log], 'waybill.local/else'));
  const cases: [string[], string][] = [
    [[SMALL, FORKED], 'NO_KEYS'],
    [[SMALL, elsewhere, '--keys', KEYS], 'OTHER_LOGS'],
    [[SMALL, LARGE, '--keys', KEYS], 'NO_PROOF'],
    [[SMALL, LARGE, '--keys', KEYS, '--ledger', ledger('other', OTHER)], 'PROOF_WRONG'],
    [[SMALL, LARGE, '--keys', KEYS, '--proof', file('none', '')], 'PROOF_WRONG'],
  ];
  for (const [args, code] of cases) {
    const { exit, out } = await compare(...args);
    assert.deepEqual([exit, out.includes(code)], [2, true], out);
  }
});

test('compare: heads are taken from bundles and log proofs, too', async () => {
  const keys = file('bundle-keys.json', JSON.stringify(trustFile()));
  const first = file('first.jsonl', buildBundle());
  const second = file('second.jsonl', buildBundle({ log: (leaves) => void leaves.splice(4, 1, leaf('a fork')) }));
  assert.equal((await compare(first, first, '--keys', keys)).exit, 0);
  const forked = await compare(first, second, '--keys', keys, '--json');
  assert.equal(forked.exit, 1);
  assert.equal(JSON.parse(forked.out).outcome, 'fork');
});

test('compare: what is no head exits 3, wrong arguments exit 4, a ledger that cannot be asked 5', async () => {
  const nothing = file('nothing', 'no note\n');
  const tampered = file('tampered', readFileSync(SMALL, 'utf8').replace('\n120\n', '\n119\n'));
  const cases: [string[], number][] = [
    [[SMALL, nothing, '--keys', KEYS], 3],
    [[SMALL, file('empty', ''), '--keys', KEYS], 3],
    [[SMALL, file('text.jsonl', '{"a":1}\n'), '--keys', KEYS], 3],
    [[SMALL, file('cut.jsonl', '{"entry":{"a":\n'), '--keys', KEYS], 3],
    [[SMALL, huge('huge'), '--keys', KEYS], 3],
    [[SMALL, tampered, '--keys', KEYS], 3],
    [[file('broken.json', '{'), '--keys', KEYS], 3],
    [[SMALL], 4],
    [[], 4],
    [[SMALL, join(folder, 'absent'), '--keys', KEYS], 4],
    [[SMALL, SMALL, '--keys', nothing], 4],
    [[SMALL, LARGE, '--keys', KEYS, '--ledger', join(folder, 'absent')], 4],
    [[SMALL, LARGE, '--keys', KEYS, '--ledger', 'http://127.0.0.1:9'], 4],
    [[SMALL, LARGE, '--keys', KEYS, '--ledger', 'http://127.0.0.1:9', '--online'], 5],
    [[SMALL, LARGE, '--keys', KEYS, '--ledger', dirname(KEYS)], 5],
  ];
  for (const [args, exit] of cases) {
    const found = await compare(...args);
    assert.equal(found.exit, exit, `${args.join(' ')}: ${found.out}`);
  }
});
