import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { digestOf } from '@waybill/verify';
import { createLocalInbox } from '#adapters/local/inbox.ts';
import { type InboxBed, inboxSuite } from './inbox.suite.ts';

async function openDirectory(): Promise<InboxBed & { directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-inbox-'));
  const inbox = createLocalInbox(directory);
  await inbox.watch();
  const principal = `uid-${process.getuid?.() ?? 0}`;
  const put = (path: string, bytes: Uint8Array): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(join(dirname(path), '.temporary'), bytes);
    renameSync(join(dirname(path), '.temporary'), path);
  };
  return {
    directory,
    inbox,
    principal,
    write: async (key, bytes) => put(join(directory, 'inbox', key), bytes),
    upload: async (name, bytes) => put(join(directory, 'uploads', principal, name), bytes),
    outbox: async (path) => JSON.parse(readFileSync(join(directory, 'outbox', path), 'utf8')),
    async quarantined() {
      const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && entry.parentPath.includes('quarantine'))
        .map(({ name }) => name);
    },
    async close() {
      inbox.unwatch();
      rmSync(directory, { recursive: true });
    },
  };
}

inboxSuite('directory', openDirectory, {
  forging: { as: 'uid-4242424', meets: 'a forged object' },
  hints: true,
});

it('inbox: directory: links, pipes and directories in the place of an object read as empty, and nothing behind them is touched', async () => {
  const { directory, inbox, principal, close } = await openDirectory();
  const folder = join(directory, 'inbox', 'default', principal);
  mkdirSync(join(folder, 'folder.json'), { recursive: true });
  symlinkSync('/etc/passwd', join(folder, 'link.json'));
  execFileSync('mkfifo', [join(folder, 'pipe.json')]);
  assert.equal((await inbox.list({ limit: 10 })).length, 3);
  for (const object of await inbox.list({ limit: 10 })) {
    assert.equal(((await inbox.read(object, 1_000_000)) as Uint8Array).byteLength, 0, object.key);
    assert.equal(await inbox.digest(object), digestOf(''));
    await inbox.archive(object, 'quarantine');
  }
  assert.deepEqual(await inbox.list({ limit: 10 }), []);
  await close();
});

it('inbox: directory: nothing is written for somebody whose file it would not be', async () => {
  const { inbox, close } = await openDirectory();
  const name = { queue: 'default', principal: 'uid-4242424', submissionId: 'slot-nightly' };
  await assert.rejects(inbox.put(name, Buffer.from('{}')), { code: 'PRINCIPAL_MISMATCH', retryable: false });
  assert.deepEqual(await inbox.list({ limit: 10 }), []);
  await close();
});
