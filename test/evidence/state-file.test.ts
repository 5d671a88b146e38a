import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../packages/verify/src/bin.ts';
import { directorySource } from '../../packages/verify/src/modes/ledger-source.ts';
import { tileReader } from '../../packages/verify/src/modes/verify-flags.ts';
import type { StateFile } from '../../packages/verify/src/verdict/verify-state.ts';
import { logLeaves } from './auditor-material.ts';
import { buildBundle, type Forgery, trustFile } from './honest-bundle.ts';
import { leaf } from './naive-evidence.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-state-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: Buffer | string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const KEYS = file('keys.json', JSON.stringify(trustFile()));
const GROWN: Forgery = { log: (leaves) => leaves.push(leaf('later'), leaf('latest')) };
const FORKED: Forgery = { log: (leaves) => leaves.splice(0, 1, leaf('another history')) };
const REGROWN: Forgery = {
  log: (leaves) => {
    FORKED.log?.(leaves);
    GROWN.log?.(leaves);
  },
};

const FALSE: Forgery = { seal: ({ predicate }) => Object.assign(predicate, { state: 'done' }) };

interface Answer {
  exit: number;
  err: string;
  code: string | null;
  detail: string;
}

async function verify(bundle: Buffer, ...args: string[]): Promise<Answer> {
  const path = file('bundle.jsonl', bundle);
  let [out, err] = ['', ''];
  const stdin = (async function* () {})();
  const exit = await main([path, '--json', ...args], {
    out: (text) => (out += text),
    err: (text) => (err += text),
    stdin,
  });
  const check = out === '' ? undefined : JSON.parse(out).checks.find(({ id }: { id: string }) => id === 'state');
  return { exit, err, code: check?.code ?? null, detail: check?.detail ?? '' };
}

/** The tiles of a log as its ledger has them. */
function ledger(name: string, forgery: Forgery): string {
  const leaves = logLeaves(forgery);
  for (let width = 1; width <= leaves.length; width++) {
    file(join(name, 'tile/0/000.p', String(width)), Buffer.concat(leaves.slice(0, width)));
  }
  return join(folder, name);
}

test('--state: made when it is not there, kept over verifications, and nothing but the file is left behind', async () => {
  const state = join(folder, 'kept', 'state.json');
  mkdirSync(dirname(state));
  assert.equal((await verify(buildBundle(), '--keys', KEYS, '--state', state)).exit, 0);
  const first = JSON.parse(readFileSync(state, 'utf8')) as StateFile;
  assert.deepEqual(
    first.origins.map(({ checkpoints, runs }) => [
      checkpoints.map(({ size }) => size),
      runs.map(({ runSeq }) => runSeq),
    ]),
    [[[5], [7]]],
  );
  const again = await verify(buildBundle(), '--keys', KEYS, '--state', state);
  assert.match(again.detail, /the same checkpoint of size 5 as before/);
  const grown = await verify(buildBundle(GROWN), '--keys', KEYS, '--state', state);
  assert.deepEqual([grown.exit, grown.code], [0, null]);
  const sizes = (JSON.parse(readFileSync(state, 'utf8')) as StateFile).origins[0]?.checkpoints.map(({ size }) => size);
  assert.deepEqual(sizes, [5, 7]);
  assert.deepEqual(readdirSync(dirname(state)), ['state.json']);
});

test('--state: a fork, and a log that was cut back and grew again, are exit 1 and name both facts', async () => {
  const state = join(folder, 'forked.json');
  await verify(buildBundle(), '--keys', KEYS, '--state', state);
  const before = readFileSync(state);
  const forked = await verify(buildBundle(FORKED), '--keys', KEYS, '--state', state);
  assert.deepEqual([forked.exit, forked.code], [1, 'STATE_FORK']);
  assert.match(forked.detail, /was verified before, .* is shown now/);
  const regrown = await verify(buildBundle(REGROWN), '--keys', KEYS, '--state', state);
  assert.deepEqual([regrown.exit, regrown.code], [1, 'STATE_ENTRY']);
  assert.deepEqual(readFileSync(state), before, 'what contradicts is not remembered');
});

test('--state: what was not verified is not remembered: no keys, a contradiction, a broken file', async () => {
  const state = join(folder, 'unverified.json');
  assert.equal((await verify(buildBundle(), '--state', state)).exit, 2);
  assert.equal((await verify(buildBundle(FALSE), '--keys', KEYS, '--state', state)).exit, 1);
  assert.equal((await verify(buildBundle().subarray(0, -5), '--keys', KEYS, '--state', state)).exit, 3);
  assert.equal(existsSync(state), false);
  assert.equal((await verify(buildBundle(), '--keys', KEYS, '--state', state, '--require', 'witnessed')).exit, 2);
  assert.equal(existsSync(state), true, 'signatures that hold are verified, also where more was required');
});

test('--state: a file that is broken, of another kind or edited is exit 4 and left alone', async () => {
  const state = join(folder, 'whole.json');
  await verify(buildBundle(), '--keys', KEYS, '--state', state);
  const whole = readFileSync(state, 'utf8');
  const broken: [string, string][] = [
    ['empty', ''],
    ['cut', whole.slice(0, -9)],
    ['another format', whole.replace('state/v1', 'state/v2')],
    ['an unknown key', whole.replace('{"format"', '{"trust":1,"format"')],
    ['another size than in the note', whole.replace('"size":5', '"size":6')],
    ['a note that is none', whole.replace(/"note":"[^"]+"/, '"note":"x"')],
    ['an origin twice', whole.replace('"origins":[', (start) => `${start}${whole.slice(whole.indexOf('[') + 1, -3)},`)],
    ['a directory', ''],
  ];
  for (const [title, text] of broken) {
    const path = title === 'a directory' ? folder : file('broken.json', text);
    const { exit, err } = await verify(buildBundle(), '--keys', KEYS, '--state', path);
    assert.deepEqual([exit, /state file/.test(err)], [4, true], `${title}: ${err}`);
    if (path !== folder) assert.equal(readFileSync(path, 'utf8'), text);
  }
  const unwritable = join(folder, 'absent', 'state.json');
  assert.equal((await verify(buildBundle(), '--keys', KEYS, '--state', unwritable)).exit, 4);
});

test('--ledger: proves what the memory alone cannot, and is exit 5 where it lacks a tile', async () => {
  const state = join(folder, 'led.json');
  await verify(buildBundle(), '--keys', KEYS, '--state', state);
  const memory = JSON.parse(readFileSync(state, 'utf8')) as StateFile;
  for (const origin of memory.origins) origin.nodes = [];
  const flags = ['--keys', KEYS, '--state', file('led.json', JSON.stringify(memory))];
  const honest = await verify(buildBundle(GROWN), ...flags, '--ledger', ledger('honest', GROWN));
  assert.deepEqual([honest.exit, honest.detail.includes('shown through the ledger')], [0, true], honest.detail);
  file('led.json', JSON.stringify(memory));
  const unseen = await verify(buildBundle(REGROWN), ...flags);
  assert.equal(unseen.exit, 0, 'without nodes and ledger the rewritten log is not noticed');
  assert.match(unseen.detail, /no more is shown/);
  file('led.json', JSON.stringify(memory));
  const seen = await verify(buildBundle(REGROWN), ...flags, '--ledger', ledger('rewritten', REGROWN));
  assert.deepEqual([seen.exit, seen.code], [1, 'STATE_FORK']);
  const missing = await verify(buildBundle(GROWN), ...flags, '--ledger', mkdtempSync(join(folder, 'empty-')));
  assert.deepEqual([missing.exit, missing.code], [5, 'LEDGER_UNREADABLE']);
});

test('--ledger: what is no directory proves nothing and is wrong usage, also when there is nothing to compare yet', async () => {
  const state = join(folder, 'never.json');
  for (const nothing of [join(folder, 'nowhere'), KEYS]) {
    assert.equal((await verify(buildBundle(), '--keys', KEYS, '--state', state, '--ledger', nothing)).exit, 4, nothing);
  }
});

test('--ledger: a fork that was shown while nothing could be compared is found later, and is not remembered as judged', async () => {
  const flags = ['--keys', KEYS, '--state', join(folder, 'forgetful.json')];
  const forget = (): void => {
    const memory = JSON.parse(readFileSync(join(folder, 'forgetful.json'), 'utf8')) as StateFile;
    for (const origin of memory.origins) Object.assign(origin, { nodes: [], runs: [] });
    file('forgetful.json', JSON.stringify(memory));
  };
  await verify(buildBundle(), ...flags);
  forget();
  const before = readFileSync(join(folder, 'forgetful.json'), 'utf8');
  assert.equal((await verify(buildBundle(REGROWN), ...flags, '--ledger', mkdtempSync(join(folder, 'empty-')))).exit, 5);
  assert.equal(readFileSync(join(folder, 'forgetful.json'), 'utf8'), before);
  assert.equal((await verify(buildBundle(REGROWN), ...flags)).exit, 0, 'without a ledger it is not noticed');
  forget();
  const LATER: Forgery = { log: (leaves) => [REGROWN.log?.(leaves), leaves.push(leaf('latest of all'))] };
  const later = await verify(buildBundle(LATER), ...flags, '--ledger', ledger('later', LATER));
  assert.deepEqual([later.exit, later.code], [1, 'STATE_FORK'], 'the newest head alone would lead to this one');
});

test('--ledger: a partial tile that is gone is read from the whole one', async () => {
  file('whole/tile/0/000', Buffer.alloc(256 * 32, 7));
  const read = tileReader(directorySource(join(folder, 'whole')));
  assert.equal((await read({ level: 0, index: 0, width: 3 })).length, 96);
  await assert.rejects(read({ level: 0, index: 1, width: 3 }), { name: 'LedgerUnreachable' });
});
