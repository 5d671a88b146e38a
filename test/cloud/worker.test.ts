/** A worker in its two containers, whose mailbox is presigned URLs of an S3 that checks signatures and conditions. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { canonicalize } from '@waybill/verify';
import { createS3Mailbox } from '#adapters/aws/mailbox.ts';
import { type MailboxSessionOptions, signLease } from '#adapters/aws/mailbox-session.ts';
import { stagedKey } from '#adapters/aws/staging-names.ts';
import { parseLease } from '#core/lease-document.ts';
import { type Lease, WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { parseResult } from '#core/result-document.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import { ContainerBed } from '../support/container-bed.ts';
import { until } from '../support/processes.ts';
import type { AttemptSpec } from '../support/signed-lease.ts';
import { openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';
import { BED_KEY } from './beds/minio.ts';
import { encryptedBucket, s3Bed } from './s3-bed.ts';

const bed = s3Bed();
/** Beyond any test: the worker beats once, at its start. */
const NO_MORE_BEATS = 3_600_000;

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
  const resultOf = async (attemptId: string) =>
    parseResult((await mailbox.staged(attemptId)).result ?? new Uint8Array());
  const logOf = async (attemptId: string): Promise<string> => {
    const log = await mailbox.openLog(attemptId);
    return log === null ? '' : Buffer.concat(await Array.fromAsync(log)).toString();
  };
  const changeLease = async (attemptId: string, change: (lease: Lease) => Lease): Promise<void> => {
    const place = { Bucket: staging, Key: stagedKey(attemptId, 'lease') };
    const { Body } = await bed.s3.send(new GetObjectCommand(place));
    const lease = change(parseLease((await Body?.transformToByteArray()) ?? new Uint8Array()));
    await bed.s3.send(new PutObjectCommand({ ...place, Body: canonicalize(lease) }));
  };

  it('an attempt is read, beaten for, staged and reported by URL alone', async () => {
    const attempt = await begin({
      pipeline: [
        { block: 'script', run: 'echo from the block; echo made > "$WAYBILL_OUTPUTS/made"' },
        { block: 'capture', what: 'outputs' },
      ],
    });
    const { exit, said } = await containers.start(attempt).ended;
    assert.equal(exit, WORKER_EXIT.finished, said);
    const { outcome, outputs } = await resultOf(attempt.attemptId);
    assert.deepEqual([outcome, outputs !== null], ['succeeded', true]);
    assert.match(await logOf(attempt.attemptId), /from the block/);
    assert.notEqual((await mailbox.staged(attempt.attemptId)).heartbeat, null);
    const staged = Buffer.concat(await Array.fromAsync(await mailbox.openOutputs(attempt.attemptId))).toString();
    assert.match(staged, /^waybill-outputs\/v1\n.*\nmade\n$/);
  });

  it('URLs that no longer hold when the attempt is over are replaced by those of the renewed lease', async () => {
    const attempt = await begin({
      heartbeatMs: NO_MORE_BEATS,
      pipeline: [{ block: 'script', run: 'touch begun; until test -e renewed; do sleep 0.05; done' }],
    });
    let good: Lease['put'] | undefined;
    // As S3 answers one that has lapsed: with 403.
    const lapsed = (url: string): string => url.replace(/X-Amz-Signature=[0-9a-f]{8}/, 'X-Amz-Signature=00000000');
    await changeLease(attempt.attemptId, (lease) => {
      good = lease.put;
      return { ...lease, put: { ...lease.put, result: lapsed(lease.put.result), log: lapsed(lease.put.log) } };
    });
    const task = containers.start(attempt);
    await until(() => containers.has(task, 'workspace', 'begun'));
    await until(async () => (await mailbox.staged(attempt.attemptId)).heartbeat !== null);
    await changeLease(attempt.attemptId, (lease) => ({ ...lease, put: good ?? lease.put }));
    containers.leave(task, 'workspace', 'renewed');
    const { exit, said } = await task.ended;
    assert.equal(exit, WORKER_EXIT.finished, said);
    assert.equal((await resultOf(attempt.attemptId)).outcome, 'succeeded');
  });

  it('an attempt whose lease is gone ends its blocks and itself as cancelled', async () => {
    const attempt = await begin({ pipeline: [{ block: 'script', run: 'touch begun; sleep 60' }] });
    const task = containers.start(attempt);
    await until(() => containers.has(task, 'workspace', 'begun'));
    await mailbox.close(attempt.attemptId);
    const { exit } = await task.ended;
    assert.equal(exit, WORKER_EXIT.cancelled);
  });
});
