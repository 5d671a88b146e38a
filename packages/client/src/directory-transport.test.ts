import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Digest, digestOf } from '@waybill/verify';
import { tempDir } from '../test/git-sample.ts';
import { bytesOf } from '../test/run-sample.ts';
import { DirectoryTransport } from './directory-transport.ts';

interface Bench {
  root: string;
  transport: DirectoryTransport;
  inbox: string;
}

function bench(context: TestContext): Bench {
  const root = tempDir(context);
  const transport = new DirectoryTransport(root, { pollMs: 20 });
  return { root, transport, inbox: join(root, 'inbox', 'default', transport.principal) };
}

function place(root: string, path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

test('directory transport: of many writers at once no reader sees half an object, and nothing else is left', async (context) => {
  const { root, transport, inbox } = bench(context);
  const documents = Array.from({ length: 20 }, (_, n) => bytesOf('x'.repeat(200_000 + (n % 2))));
  const results = await Promise.all(
    documents.map((bytes) => new DirectoryTransport(root).putSubmission('default', 'job', bytes)),
  );
  const winner = documents[results.indexOf('written')];
  assert.deepEqual(readFileSync(join(inbox, 'job.json')), Buffer.from(winner ?? []));
  assert.deepEqual(readdirSync(inbox), ['job.json'], 'the inbox holds objects and nothing else');
  assert.deepEqual(readdirSync(join(root, 'uploads', transport.principal)), [], 'no temporary file is left');
});

test('directory transport: names that would leave their folder leave nothing behind', async (context) => {
  const { root, transport } = bench(context);
  const bad = { code: 'KEY_INVALID', retryable: false };
  await assert.rejects(transport.putSubmission('default', '../x', bytesOf('{}')), bad);
  await assert.rejects(transport.putSubmission('../x', 'a', bytesOf('{}')), bad);
  await assert.rejects(transport.putUpload('sha256:..' as Digest, 'file'), bad);
  assert.deepEqual(readdirSync(root), []);
});

test("directory transport: an upload is nobody else's to read, and a refused one leaves nothing", async (context) => {
  const { root, transport } = bench(context);
  const file = join(root, 'file');
  writeFileSync(file, 'bundle');
  const digest = digestOf('bundle');
  const stored = join(root, 'uploads', transport.principal, digest.slice(7));
  await transport.putUpload(digest, file);
  assert.equal(statSync(stored).mode & 0o077, 0, 'nobody else reads it');
  await assert.rejects(transport.putUpload(digestOf('other'), file), { code: 'OBJECT_DIGEST_MISMATCH' });
  assert.deepEqual(readdirSync(dirname(stored)), [digest.slice(7)]);
});

test('directory transport: runs are listed newest first, control objects and strange names are not', async (context) => {
  const { root, transport } = bench(context);
  assert.deepEqual(await transport.listRuns(10), []);
  const outbox = `outbox/${transport.principal}`;
  for (const [n, id] of ['old', 'new', 'newer'].entries()) {
    place(root, `${outbox}/${id}/status.json`, '{}');
    utimesSync(join(root, outbox, id, 'status.json'), n + 1, n + 1);
  }
  place(root, `${outbox}/control/receipt-0000000000000000.json`, '{}');
  place(root, `${outbox}/.hidden/status.json`, '{}');
  place(root, 'outbox/uid-4294967295/theirs/status.json', '{}');
  const listed = async (limit: number): Promise<string[]> =>
    (await transport.listRuns(limit)).map((ref) => ref.submissionId);
  assert.deepEqual(await listed(10), ['newer', 'new', 'old']);
  assert.deepEqual(await listed(2), ['newer', 'new']);
});

test('directory transport: a directory that cannot be used may be tried again', async (context) => {
  const { root } = bench(context);
  writeFileSync(join(root, 'file'), '');
  const transport = new DirectoryTransport(join(root, 'file'));
  await assert.rejects(transport.putSubmission('default', 'a', bytesOf('{}')), {
    code: 'STORE_FAILED',
    retryable: true,
  });
});

test('directory transport: changes yields at once, on a change and on the poll, and ends when aborted', {
  timeout: 10_000,
}, async (context) => {
  const { root } = bench(context);
  const transport = new DirectoryTransport(root, { pollMs: 5_000 });
  const ref = { principal: transport.principal, submissionId: 'job' };
  const stop = new AbortController();
  const hints = transport.changes(ref, stop.signal)[Symbol.asyncIterator]();
  const before = performance.now();
  await hints.next();
  for (const [path, content] of Object.entries({ [`outbox/${ref.principal}/job/status.json`]: '1', 'outbox/x': '2' })) {
    const hinted = hints.next();
    setTimeout(() => place(root, path, content), 20);
    if (path !== 'outbox/x') await hinted;
    else {
      stop.abort();
      assert.equal((await hinted).done, true);
    }
  }
  assert.ok(performance.now() - before < 4_000, 'no poll was needed');
  const polled = new DirectoryTransport(root, { pollMs: 10 }).changes(ref, AbortSignal.timeout(200));
  let hintCount = 0;
  for await (const _hint of polled) hintCount++;
  assert.ok(hintCount > 3);
});
