import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
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

async function read(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

test('directory transport: a submission is written once, and writing it again says what is there', async (context) => {
  const { transport, inbox } = bench(context);
  assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":1}')), 'written');
  assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":1}')), 'same');
  assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":2}')), 'other');
  assert.equal(readFileSync(join(inbox, 'job-1.json'), 'utf8'), '{"a":1}');
  rmSync(join(inbox, 'job-1.json'));
  assert.equal(await transport.putSubmission('default', 'job-1', bytesOf('{"a":2}')), 'written');
});

test('directory transport: of 20 writers at once exactly one writes, and no reader sees half an object', async (context) => {
  const { root, transport, inbox } = bench(context);
  const documents = Array.from({ length: 20 }, (_, n) => bytesOf('x'.repeat(200_000 + (n % 2))));
  const results = await Promise.all(
    documents.map((bytes) => new DirectoryTransport(root).putSubmission('default', 'job', bytes)),
  );
  assert.equal(results.filter((result) => result === 'written').length, 1);
  const winner = documents[results.indexOf('written')];
  assert.deepEqual(readFileSync(join(inbox, 'job.json')), Buffer.from(winner ?? []));
  for (const [n, result] of results.entries()) {
    if (result !== 'written') assert.equal(result, documents[n]?.length === winner?.length ? 'same' : 'other');
  }
  assert.deepEqual(readdirSync(inbox), ['job.json'], 'the inbox holds objects and nothing else');
  assert.deepEqual(readdirSync(join(root, 'uploads', transport.principal)), [], 'no temporary file is left');
});

test('directory transport: names that would leave their folder are refused', async (context) => {
  const { root, transport } = bench(context);
  const bytes = bytesOf('{}');
  const bad = { code: 'KEY_INVALID', retryable: false };
  for (const id of ['', '.', '..', '../x', 'a/b', 'a\\b', 'a..b', '.a', 'a\0', 'x'.repeat(129)]) {
    await assert.rejects(transport.putSubmission('default', id, bytes), bad, JSON.stringify(id));
    await assert.rejects(async () => transport.readStatus({ principal: transport.principal, submissionId: id }), bad);
  }
  for (const queue of ['', '..', 'A', '@other', 'a/b']) {
    await assert.rejects(transport.putSubmission(queue, 'a', bytes), bad, queue);
  }
  await assert.rejects(async () => transport.readStatus({ principal: '../x', submissionId: 'a' }), bad);
  for (const key of ['', '../keys', 'a/../../b', '/etc/passwd', 'a//b', 'a/./b']) {
    await assert.rejects(transport.openLedger(key), bad, key);
  }
  for (const digest of ['sha256:..', 'a'.repeat(64)] as Digest[])
    await assert.rejects(transport.openArtifact(digest), bad);
  assert.deepEqual(readdirSync(root), []);
  assert.equal(await transport.putSubmission('@control', 'x'.repeat(128), bytes), 'written');
});

test('directory transport: an upload is stored under its digest, checked, once', async (context) => {
  const { root, transport } = bench(context);
  const file = join(root, 'file');
  writeFileSync(file, 'bundle');
  const digest = digestOf('bundle');
  const stored = join(root, 'uploads', transport.principal, digest.slice(7));
  await transport.putUpload(digest, file);
  assert.equal(readFileSync(stored, 'utf8'), 'bundle');
  assert.equal(statSync(stored).mode & 0o077, 0, 'nobody else reads it');
  await transport.putUpload(digest, join(root, 'gone'));
  await assert.rejects(transport.putUpload(digestOf('other'), file), { code: 'OBJECT_DIGEST_MISMATCH' });
  await assert.rejects(transport.putUpload(digestOf('x'), join(root, 'gone')), { code: 'FILE_UNREADABLE' });
  assert.deepEqual(readdirSync(dirname(stored)), [digest.slice(7)]);
});

test('directory transport: an artifact is checked while it is read', async (context) => {
  const { root, transport } = bench(context);
  const digest = digestOf('patch');
  const hex = digest.slice(7);
  place(root, `artifacts/sha256/${hex.slice(0, 2)}/${hex}`, 'patch');
  assert.equal(await read(await transport.openArtifact(digest)), 'patch');
  assert.equal(await read(await transport.openArtifact(digest, 5)), 'patch');
  await assert.rejects(transport.openArtifact(digest, 4), { code: 'OBJECT_TOO_LARGE' });
  await assert.rejects(transport.openArtifact(digestOf('none')), { code: 'OBJECT_MISSING' });
  place(root, `artifacts/sha256/${hex.slice(0, 2)}/${hex}`, 'patsh');
  await assert.rejects(transport.openArtifact(digest).then(read), { code: 'OBJECT_DIGEST_MISMATCH' });
});

test('directory transport: a ledger object is streamed, a missing one is null', async (context) => {
  const { root, transport } = bench(context);
  place(root, 'ledger/runs/x/run-x.audit.jsonl', 'lines');
  const found = await transport.openLedger('runs/x/run-x.audit.jsonl');
  assert.ok(found);
  assert.equal(await read(found), 'lines');
  assert.equal(await transport.openLedger('runs/x/none'), null);
  assert.equal(await transport.openLedger('runs/x'), null);
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
