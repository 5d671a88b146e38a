/**
 * What Object Lock is good for, from end to end: what the storage refuses, and what the verifier sees of what the storage has
 * to let pass. Each attack begins with a checkpoint that counts as anchored.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { createS3RootLedger } from '#adapters/aws/root-ledger.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { SUCCEEDED } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
import { type AnchoredRun, anchoredRun, audited, captureOf, urlsOf } from './anchored-run.ts';
import { s3Bed } from './s3-bed.ts';

const bed = s3Bed();
const clock = { nowMs: () => Date.now() };
const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);
const ANCHORED = { exit: 0, tier: 'anchored', code: null };

let ledger = '';
let run: AnchoredRun;
/** One run for all tests. */
async function madeOnce(): Promise<void> {
  if (ledger !== '') return;
  ledger = await bed.bucket('locked');
  run = await anchoredRun(bed, ledger);
}

const verdictOn = async (bucket: string) => audited(run, bucket, await urlsOf(bed, bucket, run.key));

describe('anchored run: what the storage refuses', () => {
  let Key = '';
  let VersionId = '';
  before(async () => {
    await madeOnce();
    Key = run.key;
    VersionId = (await bed.s3.send(new GetObjectCommand({ Bucket: ledger, Key }))).VersionId ?? '';
    assert.notEqual(VersionId, '');
  });
  const at = () => ({ Bucket: ledger, Key, VersionId });

  it('a real run is anchored, asked over presigned URLs and from a capture', async () => {
    assert.deepEqual(await verdictOn(ledger), ANCHORED);
    assert.deepEqual(await audited(run, ledger, await captureOf(bed, ledger, run.key)), ANCHORED);
  });

  for (const [title, call] of [
    ['deleting', () => new DeleteObjectCommand(at())],
    [
      'deleting with the right to go round locks',
      () => new DeleteObjectCommand({ ...at(), BypassGovernanceRetention: true }),
    ],
    ['shortening', () => retention('COMPLIANCE', 1)],
    ['downgrading', () => retention('GOVERNANCE', 30)],
    ['unlocking', () => new PutObjectRetentionCommand({ ...at(), Retention: {}, BypassGovernanceRetention: true })],
    [
      'overwriting under the condition of the deployment',
      () => new PutObjectCommand({ Bucket: ledger, Key, Body: 'forged', IfNoneMatch: '*' }),
    ],
  ] as const) {
    it(`${title} is refused, and the checkpoint stays anchored`, async () => {
      await assert.rejects(bed.s3.send(call() as never));
      assert.deepEqual(await verdictOn(ledger), ANCHORED);
    });
  }

  it('whatever is written over it, the pinned version keeps its bytes and its lock', async () => {
    const twin = await twinOf('COMPLIANCE', 3);
    const before = await bed.s3.send(new GetObjectCommand({ Bucket: twin, Key }));
    const pinned = { Bucket: twin, Key, VersionId: before.VersionId ?? '' };
    await bed.s3.send(new PutObjectCommand({ Bucket: twin, Key, Body: 'forged' }));
    await bed.s3.send(
      new CopyObjectCommand({ Bucket: twin, Key, CopySource: `${twin}/${Key}`, MetadataDirective: 'REPLACE' }),
    );
    const after = await bed.s3.send(new GetObjectCommand(pinned));
    assert.equal(await after.Body?.transformToString(), await before.Body?.transformToString());
    assert.deepEqual(after.ObjectLockRetainUntilDate, before.ObjectLockRetainUntilDate);
    await assert.rejects(bed.s3.send(new DeleteObjectCommand(pinned)));
  });

  function retention(Mode: 'COMPLIANCE' | 'GOVERNANCE', days: number): PutObjectRetentionCommand {
    const Retention = { Mode, RetainUntilDate: inDays(days) };
    return new PutObjectRetentionCommand({ ...at(), Retention, BypassGovernanceRetention: true });
  }
});

/** Another bucket of the same deployment, so to say: the same checkpoint, anchored by the same adapter. */
async function twinOf(mode: 'COMPLIANCE' | 'GOVERNANCE', days: number): Promise<string> {
  const bucket = await bed.bucket('locked');
  await createS3RootLedger({ s3: bed.s3, bucket, retention: { mode, days }, clock }).anchor(run.key, await noteOf());
  return bucket;
}

async function noteOf(): Promise<Uint8Array> {
  const found = await bed.s3.send(new GetObjectCommand({ Bucket: ledger, Key: run.key }));
  return (await found.Body?.transformToByteArray()) ?? new Uint8Array(0);
}

describe('anchored run: what the verifier sees of what the storage lets pass', () => {
  before(madeOnce);
  const put = (Bucket: string, Body: string | Uint8Array, locked = true) => {
    const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inDays(4) } as const;
    return bed.s3.send(new PutObjectCommand({ Bucket, Key: run.key, Body, ...(locked ? lock : {}) }));
  };

  it('an anchor in another bucket by the same adapter counts, which is where each attack begins', async () => {
    assert.deepEqual(await verdictOn(await twinOf('COMPLIANCE', 3)), ANCHORED);
  });

  for (const [title, attack, code] of [
    ['a forged newer version', (bucket: string) => put(bucket, 'forged'), 'ANCHOR_VERSIONS'],
    ['a newer version with the same bytes', async (bucket: string) => put(bucket, await noteOf()), 'ANCHOR_VERSIONS'],
    [
      'a delete marker',
      (bucket: string) => bed.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: run.key })),
      'ANCHOR_DELETED',
    ],
  ] as const) {
    it(`${title} is ${code}, over URLs and in a capture`, async () => {
      const bucket = await twinOf('COMPLIANCE', 3);
      await attack(bucket);
      assert.deepEqual(await verdictOn(bucket), { exit: 1, tier: 'none', code });
      if (code === 'ANCHOR_DELETED') return;
      const captured = await audited(run, bucket, await captureOf(bed, bucket, run.key));
      assert.deepEqual(captured, { exit: 1, tier: 'none', code });
    });
  }

  it('a forged version that was hidden again by a delete marker, and the marker deleted, leaves its trace', async () => {
    const bucket = await twinOf('COMPLIANCE', 3);
    await put(bucket, 'forged', false);
    const marker = await bed.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: run.key }));
    const at = { Bucket: bucket, Key: run.key };
    await bed.s3.send(new DeleteObjectCommand({ ...at, VersionId: marker.VersionId ?? '' }));
    assert.equal((await verdictOn(bucket)).code, 'ANCHOR_VERSIONS');
    // An unlocked version can be taken away for good, and then nothing is left of it: the negative control.
    const { Versions = [] } = await bed.s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: run.key }));
    await bed.s3.send(new DeleteObjectCommand({ ...at, VersionId: Versions[0]?.VersionId ?? '' }));
    assert.deepEqual(await verdictOn(bucket), ANCHORED);
  });

  for (const [title, attack, code] of [
    ['with other bytes', (bucket: string) => put(bucket, 'forged'), 'ANCHOR_BYTES'],
    [
      'with the right bytes and no lock',
      async (bucket: string) => put(bucket, await noteOf(), false),
      'ANCHOR_UNLOCKED',
    ],
  ] as const) {
    it(`a key that was created before, ${title}, is ${code}`, async () => {
      const bucket = await bed.bucket('locked');
      await attack(bucket);
      const adapter = createS3RootLedger({ s3: bed.s3, bucket, retention: { mode: 'COMPLIANCE', days: 3 }, clock });
      // The adapter writes nothing over it and tells what stands there.
      const anchored = await adapter.anchor(run.key, await noteOf());
      assert.equal(Buffer.from(anchored.bytes).toString() === 'forged', code === 'ANCHOR_BYTES');
      assert.deepEqual(await verdictOn(bucket), { exit: 1, tier: 'none', code });
    });
  }

  it('a lock that can be gone round, and one that is too short, do not count', async () => {
    assert.deepEqual(await verdictOn(await twinOf('GOVERNANCE', 3)), {
      exit: 1,
      tier: 'none',
      code: 'ANCHOR_UNLOCKED',
    });
    assert.deepEqual(await verdictOn(await twinOf('COMPLIANCE', 1)), {
      exit: 1,
      tier: 'none',
      code: 'ANCHOR_RETENTION',
    });
  });

  it('a checkpoint that is not there is no anchor and no contradiction', async () => {
    assert.equal((await verdictOn(await bed.bucket('locked'))).tier, 'signed');
  });
});

describe('anchored run: a sequencer', () => {
  it('signs nothing more when somebody created the key of its next checkpoint', async () => {
    const bucket = await bed.bucket('locked');
    const honest = createS3RootLedger({ s3: bed.s3, bucket, retention: { mode: 'COMPLIANCE', days: 3 }, clock });
    let forged = '';
    const engine = await openFlowBed({
      execute: async () => SUCCEEDED,
      adapt: (deps) => ({
        ...deps,
        ledger: {
          put: (key, bytes) => honest.put(key, bytes),
          write: (key, bytes) => honest.write(key, bytes),
          get: (key) => honest.get(key),
          open: (key) => honest.open(key),
          list: (prefix, page) => honest.list(prefix, page),
          newestCheckpoint: () => honest.newestCheckpoint(),
          async anchor(key, bytes) {
            if (forged === '') {
              forged = key;
              await bed.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'forged' }));
            }
            return honest.anchor(key, bytes);
          },
        },
      }),
    });
    try {
      engine.submit('one', runOf([{ id: 'only' }]));
      await engine.until(() => engine.errors.length > 0);
      assert.match(JSON.stringify(engine.errors), /LEDGER_INCONSISTENT/);
      assert.equal(engine.status('one')?.bundle, undefined);
      assert.deepEqual(await honest.list('checkpoints/', { limit: 10 }), [forged]);
    } finally {
      await engine.close();
    }
  });
});
