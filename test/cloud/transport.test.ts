/**
 * The client's transport on an S3 that enforces conditions, checksums and policies. It has the rights of the submitters' and the registrars'
 * policy and no others: whatever more it asked for would be refused.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { S3Transport } from '@waybill/client/aws';
import type { Deployment } from '@waybill/client/deployment';
import { digestOf } from '@waybill/verify';
import { logKey } from '#adapters/aws/staging-names.ts';
import { inboxPolicy } from '../../lib/bucket-policies.ts';
import { type DeploymentNames, deploymentNames } from '../../lib/deployment-names.ts';
import { registrarStatements, submitterStatements } from '../../lib/submitters.ts';
import { registrySuite } from '../conformance/registry.suite.ts';
import { type TransportBed, transportSuite } from '../conformance/transport.suite.ts';
import { allowedBut } from './bed-policies.ts';
import { ROOT } from './beds/minio.ts';
import { s3Bed } from './s3-bed.ts';
import { sessionOf } from './submitter.ts';

const bed = s3Bed();
const ACCOUNT = '000000000000';
const REGION = 'us-east-1';
/** What the bed puts in the place of `aws:userid`. */
const PRINCIPAL = ROOT.accessKeyId;
let opened = 0;

interface S3TransportBed extends TransportBed {
  submitter: S3Client;
  deployment: Deployment;
  names: DeploymentNames;
  /** Writes `<key>` of the staging bucket. */
  stage(key: string, bytes: Uint8Array): Promise<void>;
}

/** The statements as they are deployed, and what the inbox refuses whoever asks; the bed knows no actions of KMS, and encrypts nothing here. */
function policyOf(names: DeploymentNames): object {
  const keys = { data: 'none', state: 'none', pseudonym: 'none', attest: [], log: [] };
  const all = [...submitterStatements(names, keys), ...registrarStatements(names)];
  const statements = all.filter(({ actions }) => !String(actions).startsWith('kms:'));
  // A session takes 2,048 characters. Where nobody is spared, `OwnNameOnly` refuses all that `OnlyRunsOnBehalf` does.
  const refused = inboxPolicy({ bucket: names.arn.bucket('inbox'), engine: [], onBehalf: [] });
  const refusals = allowedBut(refused.filter(({ json }) => json.Sid !== 'OnlyRunsOnBehalf')) as {
    Statement: { Effect: string }[];
  };
  return {
    Version: '2012-10-17',
    Statement: [
      ...statements.map(({ actions, resources, conditions }) => ({
        Effect: 'Allow',
        Action: actions,
        Resource: resources,
        ...(conditions && { Condition: conditions }),
      })),
      ...refusals.Statement.filter(({ Effect }) => Effect === 'Deny'),
    ],
  };
}

async function openS3(): Promise<S3TransportBed> {
  opened += 1;
  const names = deploymentNames({ name: `way${opened}`, account: ACCOUNT, region: REGION });
  const buckets = {
    inbox: names.bucket('inbox'),
    artifacts: names.bucket('artifacts'),
    ledger: names.bucket('ledger'),
    staging: names.bucket('staging'),
  };
  for (const Bucket of Object.values(buckets)) await bed.s3.send(new CreateBucketCommand({ Bucket }));
  const submitter = await sessionOf(bed, policyOf(names));
  const format = 'waybill-deployment/v1' as const;
  const deployment = { format, origin: 'example.com/bed', account: ACCOUNT, region: REGION, buckets };
  const another = (): S3Transport => new S3Transport(submitter, deployment, PRINCIPAL, { pollMs: 20 });
  const put = async (Bucket: string, Key: string, Body: Uint8Array): Promise<void> => {
    await bed.s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  };
  const get = async (Bucket: string, Key: string): Promise<Uint8Array | null> => {
    try {
      const { Body } = await bed.s3.send(new GetObjectCommand({ Bucket, Key }));
      return (await Body?.transformToByteArray()) ?? null;
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return null;
      throw error;
    }
  };
  return {
    submitter,
    deployment,
    names,
    transport: another(),
    another,
    inbox: (path) => get(buckets.inbox, `inbox/${path}`),
    takeAway: async (path) => {
      await bed.s3.send(new DeleteObjectCommand({ Bucket: buckets.inbox, Key: `inbox/${path}` }));
    },
    upload: (hex) => get(buckets.inbox, `uploads/${PRINCIPAL}/${hex}`),
    answer: (path, bytes) => put(buckets.inbox, `outbox/${path}`, bytes),
    artifact: (digest, bytes) => put(buckets.artifacts, `sha256/${digest.slice(7)}`, bytes),
    ledger: (key, bytes) => put(buckets.ledger, key, bytes),
    stage: (key, bytes) => put(buckets.staging, key, bytes),
    stageLog: async (attemptId, bytes) => {
      const Key = logKey(attemptId, PRINCIPAL);
      if (bytes !== null) return put(buckets.staging, Key, bytes);
      await bed.s3.send(new DeleteObjectCommand({ Bucket: buckets.staging, Key }));
    },
    close: async () => submitter.destroy(),
  };
}

transportSuite('S3', openS3);
registrySuite('S3', openS3);

describe('transport: S3', () => {
  const denied = { code: 'ACCESS_DENIED', retryable: false };

  it('somebody else’s keys are refused by the policy, and said to be', async () => {
    const { submitter, deployment, answer } = await openS3();
    const stranger = new S3Transport(submitter, deployment, 'AIDASOMEBODYELSE1');
    await answer('AIDASOMEBODYELSE1/job/status.json', Buffer.from('{}'));
    await assert.rejects(stranger.putSubmission('default', 'job', Buffer.from('{}')), denied);
    await assert.rejects(stranger.readStatus({ principal: stranger.principal, submissionId: 'job' }), denied);
    await assert.rejects(stranger.listRuns(10), denied);
  });

  it('what the policy does not name stays closed: the inbox’s list, leases and results, other objects of the ledger, deleting', async () => {
    const { submitter, transport, ledger, stage, names } = await openS3();
    for (const name of ['lease.json', 'heartbeat.json', 'outputs', 'result.json', 'log']) {
      const staged = `${'a'.repeat(32)}/${name}`;
      await stage(staged, Buffer.from('x'));
      const reading = submitter.send(new GetObjectCommand({ Bucket: names.bucket('staging'), Key: staged }));
      await assert.rejects(reading, { name: 'AccessDenied' }, name);
    }
    await transport.putSubmission('default', 'job', Buffer.from('{}'));
    await ledger('checkpoint', Buffer.from('x'));
    await assert.rejects(transport.openLedger('checkpoint'), denied);
    const Key = `inbox/default/${PRINCIPAL}/job.json`;
    const removing = submitter.send(new DeleteObjectCommand({ Bucket: names.bucket('inbox'), Key }));
    await assert.rejects(removing, { name: 'AccessDenied' });
  });

  it('a live log is read by whoever submitted its run, and by nobody else who has the id of the attempt', async () => {
    const { submitter, deployment, transport, stage, stageLog, names } = await openS3();
    const [attempt, others] = ['a'.repeat(32), 'AIDASOMEBODYELSE1'];
    const Key = logKey(attempt, others);
    await stage(Key, Buffer.from('a secret that somebody logged\n'));
    const reading = submitter.send(new GetObjectCommand({ Bucket: names.bucket('staging'), Key }));
    await assert.rejects(reading, { name: 'AccessDenied' });
    assert.equal(await new S3Transport(submitter, deployment, others).openLiveLog(attempt, 0), null);
    assert.equal(await transport.openLiveLog(attempt, 0), null);
    // The control: the same attempt id under the reader's own name opens.
    await stageLog(attempt, Buffer.from('mine\n'));
    const chunks = await Array.fromAsync((await transport.openLiveLog(attempt, 0)) ?? []);
    assert.equal(Buffer.concat(chunks).toString(), 'mine\n');
  });

  it('an upload whose bytes change on the way is refused by the store', async () => {
    const { submitter, deployment, upload } = await openS3();
    submitter.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          const input = args.input as { Body?: unknown };
          if (commandName === 'PutObjectCommand') input.Body = Buffer.from('bundlE');
          return next(args);
        },
      { step: 'initialize', name: 'changing' },
    );
    const transport = new S3Transport(submitter, deployment, PRINCIPAL);
    const digest = digestOf(Buffer.from('bundle'));
    const directory = mkdtempSync(join(tmpdir(), 'waybill-changing-'));
    writeFileSync(`${directory}/file`, 'bundle');
    const sent = transport
      .putUpload(digest, join(directory, 'file'))
      .finally(() => rmSync(directory, { recursive: true }));
    await assert.rejects(sent, { code: 'OBJECT_DIGEST_MISMATCH' });
    assert.equal(await upload(digest.slice(7)), null);
  });
});
