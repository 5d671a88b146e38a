/** A worker in its two containers, whose mailbox is presigned URLs of an S3 that checks signatures and conditions. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { canonicalize, digestOf } from '@waybill/verify';
import { createS3Mailbox } from '#adapters/aws/mailbox.ts';
import { type MailboxSessionOptions, signLease } from '#adapters/aws/mailbox-session.ts';
import { stagedKey } from '#adapters/aws/staging-names.ts';
import { parseLease } from '#core/lease-document.ts';
import { type Lease, MAX_INLINE_BYTES, WORKER_EXIT } from '#core/mailbox-protocol.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import { ContainerBed } from '../support/container-bed.ts';
import { until } from '../support/processes.ts';
import { type AttemptSpec, PRINCIPAL } from '../support/signed-lease.ts';
import { openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';
import { BED_KEY } from './beds/minio.ts';
import { encryptedBucket, s3Bed } from './s3-bed.ts';

const bed = s3Bed();
/** A worker beats first when it looks at its lease for the first time after its start: half a minute, and no test takes that. */
const NO_BEATS = 3_600_000;
const LONG_LOG = `head -c ${2 * MAX_INLINE_BYTES} /dev/zero | tr '\\0' x; echo`;

/** As S3 answers one that has lapsed: with 403. */
const lapsed = (url: string): string => url.replace(/X-Amz-Signature=[0-9a-f]{8}/, 'X-Amz-Signature=00000000');

describe('worker: with a mailbox in S3', () => {
  let workers: WorkerBed;
  let containers: ContainerBed;
  let mailbox: Mailbox;
  let staging: string;
  before(async () => {
    workers = await openWorkerBed();
    containers = await ContainerBed.open(workers);
    staging = await encryptedBucket(bed);
    const session: MailboxSessionOptions = {
      sts: bed.sts,
      role: 'arn:aws:iam::000000000000:role/mailbox',
      signerFor: (credentials) => bed.clientOf(credentials),
      bucket: staging,
      artifactsBucket: await bed.bucket(),
      dataKey: BED_KEY,
    };
    mailbox = createS3Mailbox({
      s3: bed.s3,
      bucket: staging,
      clock: { nowMs: () => Date.now() },
      sign: (draft) => signLease(session, draft),
    });
  });
  after(async () => {
    containers.close();
    await workers.close();
  });

  const begin = async (spec: AttemptSpec) => {
    const draft = await workers.draft({ isolation: 'container', ...spec });
    return { attemptId: draft.attemptId, leaseUrl: await mailbox.post(draft) };
  };
  const changeLease = async (attemptId: string, change: (lease: Lease) => Lease): Promise<void> => {
    const place = { Bucket: staging, Key: stagedKey(attemptId, 'lease') };
    const { Body } = await bed.s3.send(new GetObjectCommand(place));
    const lease = change(parseLease((await Body?.transformToByteArray()) ?? new Uint8Array()));
    await bed.s3.send(new PutObjectCommand({ ...place, Body: canonicalize(lease) }));
  };

  it('an attempt is read, beaten for and reported by URL alone, and what is small travels in its result', async () => {
    const attempt = await begin({
      heartbeatMs: 50,
      pipeline: [
        { block: 'script', run: 'echo from the block; echo made > "$WAYBILL_OUTPUTS/made"' },
        { block: 'script', run: 'touch begun; until test -e beaten; do sleep 0.05; done' },
        { block: 'capture', what: 'outputs' },
      ],
    });
    const task = containers.start(attempt);
    await until(() => containers.has(task, 'workspace', 'begun'));
    await until(async () => (await mailbox.staged(attempt.attemptId)).heartbeat !== null);
    containers.leave(task, 'workspace', 'beaten');
    const { exit, said } = await task.ended;
    assert.equal(exit, WORKER_EXIT.finished, said);
    const { result, log, outputs } = await workers.collect(attempt.attemptId, mailbox);
    assert.deepEqual([result?.outcome, Object.keys(result?.inline ?? {}).sort()], ['succeeded', ['log', 'outputs']]);
    assert.match(log, /from the block/);
    assert.equal(outputs.get('outputs/made')?.toString(), 'made\n');
    await assert.rejects(mailbox.openOutputs(attempt.attemptId), { code: 'OBJECT_MISSING' });
  });

  it('a log and outputs that are not small are staged as objects of their own', async () => {
    const attempt = await begin({
      limits: { logBytes: 4 * MAX_INLINE_BYTES },
      pipeline: [
        { block: 'script', run: `${LONG_LOG}; head -c ${2 * MAX_INLINE_BYTES} /dev/zero > "$WAYBILL_OUTPUTS/made"` },
        { block: 'capture', what: 'outputs' },
      ],
    });
    const { exit, said } = await containers.start(attempt).ended;
    assert.equal(exit, WORKER_EXIT.finished, said);
    const { result, log, outputs } = await workers.collect(attempt.attemptId, mailbox);
    assert.deepEqual([result?.outcome, result?.inline], ['succeeded', undefined]);
    assert.ok(log.length > 2 * MAX_INLINE_BYTES);
    assert.deepEqual([log.length, digestOf(log)], [result?.log?.sizeBytes, result?.log?.sha256]);
    assert.equal(outputs.get('outputs/made')?.length, 2 * MAX_INLINE_BYTES);
  });

  for (const object of ['log', 'result'] as const) {
    it(`a URL of the ${object} that no longer holds when the attempt is over is replaced by that of the renewed lease`, async () => {
      const attempt = await begin({
        heartbeatMs: NO_BEATS,
        limits: { logBytes: 4 * MAX_INLINE_BYTES },
        pipeline: [{ block: 'script', run: `${LONG_LOG}; touch begun; until test -e renewed; do sleep 0.05; done` }],
      });
      let good: Lease['put'] | undefined;
      await changeLease(attempt.attemptId, (lease) => {
        good = lease.put;
        return { ...lease, put: { ...lease.put, [object]: lapsed(lease.put[object]) } };
      });
      const task = containers.start(attempt);
      // By now it has read its lease, and reads it again only when it beats or is refused.
      await until(() => containers.has(task, 'workspace', 'begun'));
      await changeLease(attempt.attemptId, (lease) => ({ ...lease, put: good ?? lease.put }));
      containers.leave(task, 'workspace', 'renewed');
      const { exit, said } = await task.ended;
      assert.equal(exit, WORKER_EXIT.finished, said);
      const { result, log } = await workers.collect(attempt.attemptId, mailbox);
      assert.equal(result?.outcome, 'succeeded');
      assert.equal(digestOf(log), result?.log?.sha256);
    });
  }

  it('an attempt whose lease is gone ends its blocks and itself as cancelled', async () => {
    const attempt = await begin({ pipeline: [{ block: 'script', run: 'touch begun; sleep 60' }] });
    const task = containers.start(attempt);
    await until(() => containers.has(task, 'workspace', 'begun'));
    await mailbox.close(attempt.attemptId, PRINCIPAL);
    const { exit } = await task.ended;
    assert.equal(exit, WORKER_EXIT.cancelled);
  });
});
