import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnchorUrls, type VerifyReport, verifyBundle } from '../../packages/verify/src/index.ts';
import { ANCHOR_KEY, BUCKET, captureOf, noteOf, policyFile } from './auditor-material.ts';
import { buildBundle, bundleLines } from './honest-bundle.ts';
import { type StorageServer, type StoredAnchor, storageServer, versionXml } from './storage-server.ts';

const POLICY = policyFile({ anchor: { bucket: BUCKET, minRetentionDays: 365 } });

function urlsOf({ get, versions }: Pick<AnchorUrls, 'get' | 'versions'>): AnchorUrls {
  return { format: 'waybill-anchor-urls/v1', bucket: BUCKET, key: ANCHOR_KEY, get, versions };
}

function judge(server: StorageServer): Promise<VerifyReport> {
  return verifyBundle([buildBundle()], { policy: POLICY, anchor: urlsOf(server), fetch: globalThis.fetch });
}

function anchorOf(report: VerifyReport): [number, string, string | null | undefined] {
  return [report.exitCode, report.tier, report.checks.find(({ id }) => id === 'anchor')?.code];
}

test('online: the storage itself answers, and the checkpoint is anchored', async (t) => {
  const server = await storageServer(t, noteOf(bundleLines()));
  assert.deepEqual(anchorOf(await judge(server)), [0, 'anchored', null]);
});

const ANSWERS: readonly [string, Partial<StoredAnchor>, [number, string, string]][] = [
  ['other bytes', { body: 'else' }, [1, 'none', 'ANCHOR_BYTES']],
  ['two versions', { list: versionXml('Version', 'a') + versionXml('Version', 'b') }, [1, 'none', 'ANCHOR_VERSIONS']],
  ['a delete marker before it', { list: versionXml('DeleteMarker', 'a') }, [1, 'none', 'ANCHOR_DELETED']],
  ['a deleted object', { status: 404, list: versionXml('DeleteMarker', 'a') }, [1, 'none', 'ANCHOR_DELETED']],
  [
    'an object without a lock',
    { headers: { 'x-amz-version-id': 'a' }, list: versionXml('Version', 'a') },
    [1, 'none', 'ANCHOR_UNLOCKED'],
  ],
  ['no such object', { status: 404, list: '' }, [0, 'signed', 'ANCHOR_MISSING']],
  [
    'only a neighbour',
    { status: 404, list: versionXml('Version', 'a', `${ANCHOR_KEY}.tsr`) },
    [0, 'signed', 'ANCHOR_MISSING'],
  ],
  ['an expired URL', { status: 403 }, [5, 'signed', 'ANCHOR_UNREACHABLE']],
  ['an expired URL of the list', { listStatus: 403 }, [5, 'signed', 'ANCHOR_UNREACHABLE']],
  ['a fault of the storage', { status: 503 }, [5, 'signed', 'ANCHOR_UNREACHABLE']],
  ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:9/' } }, [5, 'signed', 'ANCHOR_UNREACHABLE']],
  ['a list that goes on', { isTruncated: true }, [5, 'signed', 'ANCHOR_UNREACHABLE']],
  ['an endless object', { body: Buffer.alloc(131_073) }, [5, 'signed', 'ANCHOR_UNREACHABLE']],
  ['an endless list', { list: ' '.repeat(1_048_577) }, [5, 'signed', 'ANCHOR_UNREACHABLE']],
];

for (const [title, stored, expected] of ANSWERS) {
  test(`online: ${title} gives exit ${expected[0]} and ${expected[2]}`, async (t) => {
    const server = await storageServer(t, noteOf(bundleLines()));
    Object.assign(server.stored, stored);
    assert.deepEqual(anchorOf(await judge(server)), expected);
  });
}

test('online: a list that opens a hundred thousand elements and closes none is read in one pass', async (t) => {
  const server = await storageServer(t, noteOf(bundleLines()));
  server.stored.list = '<Version>'.repeat(100_000);
  const start = performance.now();
  assert.deepEqual(anchorOf(await judge(server)), [1, 'none', 'ANCHOR_VERSIONS']);
  const spent = performance.now() - start;
  assert.ok(spent < 10_000, `${spent} ms`);
});

test('online: what cannot be reached is exit 5, names no URL, and a contradiction in the file outweighs it', async (t) => {
  const gone = await storageServer(t, '');
  await gone.close();
  const report = await judge(gone);
  assert.deepEqual(anchorOf(report), [5, 'signed', 'ANCHOR_UNREACHABLE']);
  assert.doesNotMatch(JSON.stringify(report), /X-Amz-Signature|127\.0\.0\.1/);
  const options = { policy: POLICY, anchor: urlsOf(gone), fetch: globalThis.fetch };
  const forged = buildBundle({ seal: ({ predicate }) => Object.assign(predicate, { state: 'done' }) });
  assert.equal((await verifyBundle([forged], options)).exitCode, 1);
  assert.equal((await verifyBundle([buildBundle().subarray(0, -9)], options)).exitCode, 3);
  assert.equal((await verifyBundle([buildBundle()], { ...options, require: { integrity: 'witnessed' } })).exitCode, 5);
});

test('online: a storage that does not answer is given up', async (t) => {
  const server = await storageServer(t, '');
  server.stored.isSilent = true;
  const timeout = t.mock.method(AbortSignal, 'timeout', () => {
    const controller = new AbortController();
    controller.abort();
    return controller.signal;
  });
  const report = await judge(server);
  assert.deepEqual(anchorOf(report), [5, 'signed', 'ANCHOR_UNREACHABLE']);
  assert.match(report.checks.find(({ id }) => id === 'anchor')?.detail ?? '', /in time/);
  assert.ok(timeout.mock.callCount() > 0);
});

test('online: only the storage itself is asked: https, its own hosts, the bucket of the file', async () => {
  const path = `/${ANCHOR_KEY}`;
  const good = [
    [
      `https://${BUCKET}.s3.eu-central-1.amazonaws.com${path}?a=1`,
      `https://${BUCKET}.s3.eu-central-1.amazonaws.com/?versions`,
    ],
    [`https://s3.amazonaws.com/${BUCKET}${path}`, `https://s3.amazonaws.com/${BUCKET}?versions`],
    [`https://${BUCKET}.s3.dualstack.us-east-1.amazonaws.com${path}`, `https://${BUCKET}.s3.amazonaws.com/`],
  ] as const;
  const asked: string[] = [];
  const fetch = async (url: string): Promise<Response> => {
    asked.push(url);
    return new Response(null, { status: 500 });
  };
  const exit = async (urls: unknown): Promise<number> =>
    (await verifyBundle([buildBundle()], { policy: POLICY, anchor: urls, fetch })).exitCode;
  for (const [get, versions] of good) assert.equal(await exit(urlsOf({ get, versions })), 5, get);
  assert.equal(asked.length, 2 * good.length);
  const [get, versions] = good[0];
  const bad = [
    { get: get.replace('https', 'http') },
    { get: get.replace('amazonaws.com', 'amazonaws.com.evil.example') },
    { get: get.replace('s3.eu', 'evil.eu') },
    { get: get.replace(BUCKET, 'other-bucket') },
    { get: `https://evil.example${path}` },
    { get: `https://evil.example/${BUCKET}${path}` },
    { get: get.replace('https://', 'https://user:pass@') },
    { get: get.replace(ANCHOR_KEY, 'checkpoints/else') },
    { versions: `https://${BUCKET}.s3.amazonaws.com/else` },
    { versions: 'file:///etc/passwd' },
    { get: 'not a url' },
    { extra: 1 },
  ];
  for (const edit of bad) {
    await assert.rejects(
      exit({ ...urlsOf({ get, versions }), ...edit }),
      { name: 'EvidenceError' },
      JSON.stringify(edit),
    );
  }
  assert.equal(asked.length, 2 * good.length, 'nothing else was asked');
});

test('online: without a fetcher nothing is asked, and URLs are no capture', async (t) => {
  const fetch = t.mock.method(globalThis, 'fetch', async () => new Response());
  await verifyBundle([buildBundle()], { policy: POLICY, anchor: captureOf(bundleLines()) });
  const urls = urlsOf({ get: 'https://s3.amazonaws.com/', versions: 'https://s3.amazonaws.com/' });
  await assert.rejects(verifyBundle([buildBundle()], { policy: POLICY, anchor: urls }), { code: 'ANCHOR' });
  assert.equal(fetch.mock.callCount(), 0);
});
