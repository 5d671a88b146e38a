/**
 * What a worker in AWS may reach, as URLs: signed under the mailbox role, in a session whose policy names the keys of one
 * attempt. The worker gets no credentials, and each URL is good for one object and one method. A role that was itself
 * assumed gives sessions of one hour at most, so URLs live no longer, and are renewed before.
 */
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { RetryableError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import { launchVerdict } from '#core/launch-errors.ts';
import type { Lease, LeaseChannel } from '#core/mailbox-protocol.ts';
import { hasChannel } from '#core/named-secrets.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import { artifactKey } from './artifacts.ts';
import { nameOf, textOf } from './aws-failure.ts';
import { logKey, type STAGED, stagedKey } from './staging-names.ts';

export const SESSION_SECONDS = 3_600;
/**
 * STS packs a session policy into a blob of its own size, and digests do not shrink: more than these few are named together.
 * (As text it takes 2,048 characters.)
 */
const MAX_EXACT_DIGESTS = 4;
const MAX_POLICY_CHARACTERS = 2_048;

export interface SessionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

export interface MailboxSessionOptions {
  sts: STSClient;
  /** ARN of the mailbox role. */
  role: string;
  /** A client that signs with these. It must not add checksums of its own (`requestChecksumCalculation: WHEN_REQUIRED`). */
  signerFor(credentials: SessionCredentials): S3Client;
  bucket: string;
  artifactsBucket: string;
  /** ARN of the KMS key of both buckets. */
  dataKey: string;
}

/** The URLs of one lease. */
export type LeaseUrls = Pick<Lease, 'put' | 'next' | 'inputs' | 'channel'> & { source?: NonNullable<Lease['source']> };

export async function signLease(options: MailboxSessionOptions, draft: LeaseDraft): Promise<LeaseUrls> {
  const { attemptId, principal, inputs, source, job } = draft;
  const { bucket, artifactsBucket } = options;
  const s3 = options.signerFor(await assumed(options, draft));
  const expiresIn = SESSION_SECONDS;
  const get = (Bucket: string, Key: string): Promise<string> =>
    getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn });
  // The worker sends `If-None-Match: *` with these two, and without it the signature does not fit.
  const put = (Key: string, once: { IfNoneMatch?: '*' } = {}): Promise<string> =>
    getSignedUrl(s3, new PutObjectCommand({ Bucket: bucket, Key, ...once }), { expiresIn });
  const channelOf = async (): Promise<LeaseChannel> => {
    const [key, sealed] = [stagedKey(attemptId, 'key'), stagedKey(attemptId, 'sealed')];
    const remove = (Key: string): Promise<string> =>
      getSignedUrl(s3, new DeleteObjectCommand({ Bucket: bucket, Key }), { expiresIn });
    return {
      putKey: await put(key, { IfNoneMatch: '*' }),
      deleteKey: await remove(key),
      getSealed: await get(bucket, sealed),
      deleteSealed: await remove(sealed),
    };
  };
  const [heartbeat, log, outputs, result, next, ...of] = await Promise.all([
    put(stagedKey(attemptId, 'heartbeat')),
    put(logKey(attemptId, principal)),
    put(stagedKey(attemptId, 'outputs'), { IfNoneMatch: '*' }),
    put(stagedKey(attemptId, 'result'), { IfNoneMatch: '*' }),
    get(bucket, stagedKey(attemptId, 'lease')),
    ...inputs.map(({ sha256 }) => get(artifactsBucket, artifactKey(sha256))),
  ]);
  return {
    put: { heartbeat, log, outputs, result },
    next,
    ...(hasChannel(job) ? { channel: await channelOf() } : {}),
    inputs: inputs.map((input, n) => ({ ...input, url: of[n] ?? '' })),
    ...(source === undefined
      ? {}
      : { source: { ...source, url: await get(artifactsBucket, artifactKey(source.sha256)) } }),
  };
}

/** When the URLs of a lease lapse, in ms since the epoch, as one of them says; 0 when it does not say. */
export function lapseOf(url: string): number {
  const query = new URL(url).searchParams;
  const [, ...at] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('X-Amz-Date') ?? '') ?? [];
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = at.map(Number);
  if (at.length === 0) return 0;
  return Date.UTC(year, month - 1, day, hour, minute, second) + Number(query.get('X-Amz-Expires') ?? 0) * 1_000;
}

async function assumed(options: MailboxSessionOptions, draft: LeaseDraft): Promise<SessionCredentials> {
  try {
    return await assume(options, draft, sessionPolicy(options, draft)).catch((error: unknown) => {
      // How much a policy shrinks is not told beforehand.
      if (!nameOf(error).startsWith('PackedPolicyTooLarge')) throw error;
      return assume(options, draft, sessionPolicy(options, draft, 0));
    });
  } catch (cause) {
    throw new RetryableError(
      {
        code: launchVerdict(nameOf(cause), textOf(cause)) === 'not_yet' ? 'LAUNCH_DEFERRED' : 'STORE_BUSY',
        path: `mailbox/${draft.attemptId}`,
        problem: `the mailbox role could not be assumed: ${nameOf(cause)}`,
        fix: 'Try again; if it stays, check that this role may assume the mailbox role.',
      },
      { cause },
    );
  }
}

async function assume(
  { sts, role }: MailboxSessionOptions,
  { attemptId }: LeaseDraft,
  policy: string,
): Promise<SessionCredentials> {
  const { Credentials: given } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: role,
      // CloudTrail then says which attempt used a URL.
      RoleSessionName: attemptId,
      DurationSeconds: SESSION_SECONDS,
      Policy: policy,
    }),
  );
  return {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  };
}

/**
 * A URL is signed for one object, so the policy is the second lock and not the first. Where the digests of the inputs do
 * not fit into it, it names all artifacts.
 */
export function sessionPolicy(
  {
    role,
    bucket,
    artifactsBucket,
    dataKey,
  }: Pick<MailboxSessionOptions, 'role' | 'bucket' | 'artifactsBucket' | 'dataKey'>,
  draft: Pick<LeaseDraft, 'attemptId' | 'principal' | 'inputs' | 'source' | 'job'>,
  mostExact: number = MAX_EXACT_DIGESTS,
): string {
  const { attemptId, principal, inputs, source } = draft;
  const [, partition] = role.split(':');
  const object = (key: string): string => `arn:${partition}:s3:::${bucket}/${key}`;
  const staged = (name: keyof typeof STAGED): string => object(stagedKey(attemptId, name));
  const artifact = (name: string): string => `arn:${partition}:s3:::${artifactsBucket}/${name}`;
  const sealed = hasChannel(draft.job) ? [staged('sealed')] : [];
  const keys = hasChannel(draft.job) ? [staged('key')] : [];
  const policy = (artifacts: string[]): string =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 's3:GetObject', Resource: [staged('lease'), ...sealed, ...artifacts] },
        {
          Effect: 'Allow',
          Action: 's3:PutObject',
          Resource: [
            ...(['heartbeat', 'outputs', 'result'] as const).map(staged),
            ...keys,
            object(logKey(attemptId, principal)),
          ],
        },
        ...(keys.length === 0 ? [] : [{ Effect: 'Allow', Action: 's3:DeleteObject', Resource: [...keys, ...sealed] }]),
        { Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: dataKey },
      ],
    });
  const digests: Digest[] = [...new Set([...inputs, ...(source === undefined ? [] : [source])].map((it) => it.sha256))];
  const exact = policy(digests.map((digest) => artifact(artifactKey(digest))));
  const fits = digests.length <= mostExact && exact.length <= MAX_POLICY_CHARACTERS;
  return fits ? exact : policy([artifact('sha256/*')]);
}
