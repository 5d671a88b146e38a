/**
 * Every verb of a submitter, typed against buckets of the wiring bed. Who answers is the engine of the flow tests, with its
 * inbox, artifacts and ledger in those buckets and its keys in the bed's KMS; what the functions of a deployment add is
 * shown elsewhere.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CreateKeyCommand, type KeySpec, KMSClient } from '@aws-sdk/client-kms';
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { createS3Artifacts } from '#adapters/aws/artifacts.ts';
import { createS3Inbox } from '#adapters/aws/inbox.ts';
import { createS3RootLedger } from '#adapters/aws/root-ledger.ts';
import { openKmsSigner } from '#adapters/aws/signer.ts';
import type { Execute } from '#adapters/in-process/executor.ts';
import { type FlowBed, openFlowBed } from '../support/embedded-flow.ts';
import { aborted } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
import { type Ministack, start } from './beds/ministack.ts';
import { type Typed, typeOn } from './command-line.ts';

const ORIGIN = 'bed.example/typed';
const BUCKETS = {
  inbox: 'typed-inbox',
  staging: 'typed-staging',
  artifacts: 'typed-artifacts',
  ledger: 'typed-ledger',
};
const LOOK_MS = 100;

let bed: Ministack;
let engine: FlowBed | undefined;
let s3: S3Client;
let deployment: string;

/** Items called slow work until they are cancelled; all others leave a file with their name in it. */
const execute: Execute = async ({ item }, { signal }) => {
  if (!item.startsWith('slow')) {
    return { outcome: 'succeeded', reason: 'ok', exit: 0, outputs: { 'name.txt': Buffer.from(item) } };
  }
  await aborted(signal);
  return { outcome: 'cancelled', reason: 'cancelled', exit: null };
};

before(async () => {
  bed = await start();
  const { url: endpoint, region, credentials, account } = bed;
  s3 = new S3Client({ endpoint, region, credentials });
  for (const [role, Bucket] of Object.entries(BUCKETS)) {
    await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: role === 'ledger' }));
  }
  const kms = new KMSClient({ endpoint, region, credentials });
  const key = async (spec: KeySpec, KeyUsage: 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC' | 'ENCRYPT_DECRYPT') =>
    (await kms.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage }))).KeyMetadata?.Arn ?? '';
  const attest = [await key('ECC_NIST_P256', 'SIGN_VERIFY')];
  const log = [await key('ECC_NIST_EDWARDS25519', 'SIGN_VERIFY')];
  const pseudonymKey = await key('HMAC_256', 'GENERATE_VERIFY_MAC');
  const data = await key('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT');
  const signer = await openKmsSigner({ client: kms, origin: ORIGIN, attestKeys: attest, logKeys: log, pseudonymKey });
  const inbox = createS3Inbox({ s3, bucket: BUCKETS.inbox });
  let looking: NodeJS.Timeout | undefined;
  // In the place of events.
  inbox.onArrival = (listener) => {
    looking = setInterval(listener, LOOK_MS);
  };
  after(() => clearInterval(looking));
  engine = await openFlowBed({
    execute,
    adapt: (deps) => ({
      ...deps,
      origin: ORIGIN,
      inbox,
      signer,
      artifacts: createS3Artifacts({ s3, bucket: BUCKETS.artifacts, dataKey: data }),
      ledger: createS3RootLedger({
        s3,
        bucket: BUCKETS.ledger,
        retention: { mode: 'GOVERNANCE', days: 1 },
        clock: deps.clock,
      }),
    }),
  });
  deployment = join(bed.directory, 'deployment.json');
  const file = { format: 'waybill-deployment/v1', origin: ORIGIN, account, region, buckets: BUCKETS };
  writeFileSync(deployment, JSON.stringify({ ...file, keys: { attest, log, data } }));
});

after(async () => {
  await engine?.close();
  await bed.stop();
});

function type(...args: string[]): Promise<Typed> {
  return typeOn(bed, ['--target', 'aws', '--deployment', deployment, ...args]);
}

/** @returns the path of a spec whose source is a repository beside it */
function specFile(name: string, spec: object, withSource = false): string {
  const folder = join(bed.directory, name);
  mkdirSync(folder);
  const document = spec as { spec: object };
  if (withSource) {
    const git = (...args: string[]): Buffer => execFileSync('git', ['-C', folder, ...args], { stdio: 'pipe' });
    git('init', '--quiet');
    writeFileSync(join(folder, 'file'), name);
    git('add', '.');
    git('-c', 'user.name=z', '-c', 'user.email=z@example.com', 'commit', '--quiet', '-m', 'first');
    document.spec = { ...document.spec, source: { git: { url: '.' } } };
  }
  const path = join(folder, 'waybill.json');
  writeFileSync(path, JSON.stringify(document));
  return path;
}

const codeOf = ({ err }: Typed): string => JSON.parse(err.trim().split('\n')[0] ?? '{}').error.code as string;

test('command line: run submits, follows the run to its seal and verifies its evidence with keys from KMS', async () => {
  const items = [{ id: 'first' }, { id: 'second', dependsOn: ['first'] }];
  const { exit, lines, err } = await type('run', specFile('one', runOf(items), true), '--id', 'one');
  assert.deepEqual([exit, err, engine?.errors], [0, '', []]);
  const [opened, receipt, ...rest] = lines as { type: string; status?: string }[];
  assert.deepEqual([opened?.type, receipt?.type, receipt?.status], ['deployment', 'receipt', 'accepted']);
  const { run, evidence } = rest.at(-1) as unknown as {
    run: { state: string; principal: string };
    evidence: { verdict: string; bundle: string };
  };
  assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
  assert.match(evidence.bundle, /^s3:\/\/typed-ledger\/runs\//);
  const uploads = await s3.send(
    new ListObjectsV2Command({ Bucket: BUCKETS.inbox, Prefix: `uploads/${run.principal}/` }),
  );
  assert.equal(uploads.KeyCount, 1, 'the source was uploaded');
});

test('command line: what came of a run is shown, printed and saved as from a state directory', async () => {
  const [runs, status, explained] = await Promise.all([
    type('runs'),
    type('status', 'latest'),
    type('explain', 'one', 'first'),
  ]);
  assert.deepEqual(
    runs.lines.map(({ submissionId, state }) => [submissionId, state]),
    [['one', 'done']],
  );
  const { run } = status.lines[0] as { run: string };
  assert.deepEqual((await type('status', run.slice(0, 6))).lines, status.lines);
  assert.equal((explained.lines[0] as { item: { state: string } }).item.state, 'done');
  assert.equal((await type('outputs', 'one', 'second', 'name.txt')).out, 'second');
  const lost = await type('status', 'never-submitted');
  assert.deepEqual([lost.exit, codeOf(lost)], [4, 'RUN_UNKNOWN']);
  const unpatched = await type('patch', 'one', 'first');
  assert.deepEqual([unpatched.exit, codeOf(unpatched)], [4, 'OBJECT_MISSING']);
});

test('command line: the exported bundle is accepted with the exported keys, and not after a change', async () => {
  const [keys, bundle] = [join(bed.directory, 'keys.json'), join(bed.directory, 'one.audit.jsonl')];
  assert.equal((await type('keys', 'export', '-o', keys)).exit, 0);
  assert.equal((await type('audit', 'export', 'one', '-o', bundle)).exit, 0);
  assert.equal((await type('audit', 'verify', bundle, '--keys', keys)).exit, 0);
  assert.equal((await type('audit', 'verify', 'one')).exit, 0);
  writeFileSync(bundle, readFileSync(bundle, 'utf8').replace('"outcome":"succeeded"', '"outcome":"failed"'));
  assert.equal((await type('audit', 'verify', bundle, '--keys', keys)).exit, 1);
});

test('command line: keys that are not there, or of another kind than their use takes, are said by their names', async () => {
  const file = JSON.parse(readFileSync(deployment, 'utf8')) as { keys: { attest: string[]; log: string[] } };
  const [attest = '', log = ''] = [file.keys.attest[0], file.keys.log[0]];
  const gone = attest.replace(/[^/]+$/, '00000000-0000-0000-0000-000000000000');
  const changed = join(bed.directory, 'other-keys.json');
  for (const wrong of [gone, log]) {
    writeFileSync(changed, JSON.stringify({ ...file, keys: { attest: [wrong], log: [log] } }));
    const words = ['keys', 'export', '-o', '-', '--target', 'aws', '--deployment', changed];
    const { exit, err } = await typeOn(bed, words);
    const { code, path } = JSON.parse(err).error as { code: string; path: string };
    assert.deepEqual([exit, code, path], [4, 'DEPLOYMENT_INVALID', wrong]);
  }
});

test('command line: the same submission again is the same run, another one under its id is refused', async () => {
  const spec = specFile('again', runOf([{ id: 'only' }]));
  const first = await type('submit', spec, '--id', 'again');
  assert.deepEqual([first.exit, first.lines.at(-1)?.status], [0, 'accepted']);
  const same = await type('submit', spec, '--id', 'again');
  assert.deepEqual([same.exit, same.lines.at(-1)], [0, { ...first.lines.at(-1), status: 'deduped' }]);
  const other = await type('submit', specFile('other', runOf([{ id: 'another' }])), '--id', 'again');
  assert.deepEqual([other.exit, other.lines.at(-1)?.status], [2, 'conflict']);
  const started = await type('submit', spec, '--concurrency', '3');
  assert.deepEqual([started.exit, codeOf(started)], [4, 'USAGE']);
});

test('command line: a run is cancelled while it works, and its watch ends as not done', async () => {
  const spec = specFile('slow', runOf([{ id: 'slow' }, { id: 'later', dependsOn: ['slow'] }]));
  assert.equal((await type('submit', spec, '--id', 'slow')).exit, 0);
  await engine?.until(async () => {
    const status = (await type('status', 'slow')).lines[0] as { items?: { state: string }[] } | undefined;
    return status?.items?.[0]?.state === 'running';
  });
  const early = await type('logs', 'slow', 'slow');
  assert.deepEqual([early.exit, codeOf(early)], [4, 'OBJECT_MISSING']);
  const watching = type('watch', 'slow');
  assert.equal((await type('cancel', 'slow')).exit, 0);
  const watched = await watching;
  assert.equal(watched.exit, 1);
  const { run } = watched.lines.at(-1) as { run: { state: string; items: { state: string }[] } };
  assert.deepEqual([run.state, ...run.items.map(({ state }) => state)], ['cancelled', 'cancelled', 'cancelled']);
});
