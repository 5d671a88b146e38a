import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { buildBundle, trustFile } from './honest-bundle.ts';

const VERIFY = join(import.meta.dirname, '../../packages/verify/bin/waybill-verify.js');
const WAYBILL = join(import.meta.dirname, '../../packages/cli/bin/waybill.js');
const FULL = '/dev/full';

const folder = mkdtempSync(join(tmpdir(), 'waybill-streams-'));
after(() => rmSync(folder, { recursive: true }));
const BUNDLE = join(folder, 'bundle.jsonl');
const KEYS = join(folder, 'keys.json');
writeFileSync(BUNDLE, buildBundle());
writeFileSync(KEYS, JSON.stringify(trustFile()));
const WRONG_RUN = ['--keys', KEYS, '--run', '0'.repeat(32)];

interface Ended {
  exit: number | null;
  err: string;
}

/** With a reader that is gone before anything is written. */
async function unread(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  return ended(child, text(child.stderr));
}

/** Onto a disk that has no room. */
async function unstored(...args: string[]): Promise<Ended> {
  const full = openSync(FULL, 'w');
  const child = spawn(process.execPath, args, { stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  return ended(child, text(child.stderr as NodeJS.ReadableStream));
}

async function ended(child: ReturnType<typeof spawn>, err: Promise<string>): Promise<Ended> {
  const [exit] = (await once(child, 'exit')) as [number | null];
  return { exit, err: await err };
}

const commands: [name: string, words: string[]][] = [
  ['waybill-verify', [VERIFY]],
  ['waybill audit verify', [WAYBILL, 'audit', 'verify', '--plain']],
];

for (const [name, words] of commands) {
  test(`${name}: a reader that has seen enough changes nothing about the verdict`, async () => {
    assert.deepEqual(await unread(...words, BUNDLE, '--keys', KEYS), { exit: 0, err: '' });
    assert.deepEqual(await unread(...words, BUNDLE, ...WRONG_RUN), { exit: 1, err: '' });
  });

  test(`${name}: a report that could not be written is an error of one line, and no verdict`, async (t) => {
    if (!existsSync(FULL)) return t.skip('no /dev/full here');
    const { exit, err } = await unstored(...words, BUNDLE, '--keys', KEYS);
    assert.equal(exit, 70);
    assert.match(err, /^[^\n]*ENOSPC[^\n]*\n$/);
  });
}

test('waybill: nobody reads what a run came to, so it is not said to be good', async () => {
  assert.equal((await unread(WAYBILL, 'watch', '--help')).exit, 130);
  assert.equal((await unread(WAYBILL, 'logs', '--help')).exit, 0);
});

test('waybill-verify: a pipe that nobody may ever write to is refused by its name, and one of a shell is read', () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const args of [
    [pipe],
    ['item', pipe],
    ['compare', pipe, BUNDLE],
    ...['keys', 'policy', 'anchor', 'online', 'state'].map((flag) => [BUNDLE, `--${flag}`, pipe]),
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [VERIFY, ...args], { timeout: 10_000, encoding: 'utf8' });
    assert.equal(status, 4, args.join(' '));
    assert.match(stderr, /pipe: it is a pipe, not a file/);
  }
  const shell = `"${process.execPath}" "${VERIFY}" <(cat "${BUNDLE}") --keys <(cat "${KEYS}")`;
  assert.equal(spawnSync('bash', ['-c', shell], { timeout: 10_000 }).status, 0);
});
