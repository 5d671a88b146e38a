/** The buckets: there, encrypted, versioned, locked and not public. */
import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { BucketRole, Deployment } from '@waybill/client/deployment';
import { asked, bad, type Check, claim, doubtful, type Found, good, unnamed } from './finding.ts';

interface Demands {
  /** Where nothing is said, any but none. */
  encryption?: 'AES256' | 'aws:kms';
  isVersioned?: boolean;
  /** A queue is told of what arrives there. */
  tells?: true;
  /** What lies there goes by itself. */
  expires?: true;
}

/** Roots of evidence must not be hostage to a key; artifacts and staging are encrypted with one of the deployment's. */
const DEMANDS: Readonly<Record<BucketRole, Demands>> = {
  inbox: { isVersioned: true, tells: true },
  staging: { encryption: 'aws:kms', isVersioned: false, tells: true, expires: true },
  artifacts: { encryption: 'aws:kms' },
  ledger: { encryption: 'AES256', isVersioned: true },
};

export const BUCKET_CHECKS: readonly Check[] = (Object.keys(DEMANDS) as BucketRole[]).map((role) => ({
  name: `bucket ${role}`,
  run: async ({ s3 }, deployment) => {
    const name = deployment.buckets[role];
    if (name === undefined) return [unnamed(`buckets.${role}`)];
    const owned = { Bucket: name, ExpectedBucketOwner: deployment.account };
    await asked(name, s3.send(new HeadBucketCommand(owned)));
    const demands = DEMANDS[role];
    const found = [
      good(`${name} is there`),
      ...(await settingsOf(s3, owned, demands)),
      ...(await movementOf(s3, owned, demands)),
    ];
    return role === 'ledger' ? [...found, ...(await lockOf(s3, owned, deployment))] : found;
  },
}));

interface Owned {
  Bucket: string;
  ExpectedBucketOwner: string;
}

async function settingsOf(s3: S3Client, owned: Owned, { encryption, isVersioned }: Demands): Promise<Found[]> {
  const { Bucket } = owned;
  const encrypted = await asked(Bucket, s3.send(new GetBucketEncryptionCommand(owned)), [
    'ServerSideEncryptionConfigurationNotFoundError',
  ]);
  const rule = encrypted?.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
  const algorithm = rule?.SSEAlgorithm ?? 'nothing';
  const versioning = await asked(Bucket, s3.send(new GetBucketVersioningCommand(owned)));
  const block = await asked(Bucket, s3.send(new GetPublicAccessBlockCommand(owned)), [
    'NoSuchPublicAccessBlockConfiguration',
  ]);
  const settings = block?.PublicAccessBlockConfiguration;
  const isClosed =
    settings?.BlockPublicAcls === true &&
    settings.BlockPublicPolicy === true &&
    settings.IgnorePublicAcls === true &&
    settings.RestrictPublicBuckets === true;
  return [
    claim(
      algorithm !== 'nothing' && (encryption ?? algorithm) === algorithm,
      `encrypted with ${algorithm}`,
      `encrypted with ${algorithm}, not ${encryption ?? 'a key'}`,
    ),
    ...(isVersioned === undefined ? [] : [versionsOf(isVersioned, versioning?.Status === 'Enabled')]),
    claim(isClosed, 'public access is blocked', 'public access is not blocked in all four ways'),
  ];
}

/** What comes is told of, and what has been goes. */
async function movementOf(s3: S3Client, owned: Owned, { tells, expires }: Demands): Promise<Found[]> {
  const { Bucket } = owned;
  const found: Found[] = [];
  if (tells) {
    const told = await asked(Bucket, s3.send(new GetBucketNotificationConfigurationCommand(owned)));
    const holds = (told?.QueueConfigurations?.length ?? 0) > 0;
    found.push(claim(holds, 'a queue is told of it', 'no queue is told of what arrives in it'));
  }
  if (expires) {
    const fix = 'Deploy the state stack again: what workers stage is paid for until it goes.';
    const isGoing = await hasExpiry(s3, owned);
    found.push(isGoing ? good('what is in it expires') : doubtful('nothing in it expires', fix));
  }
  return found;
}

async function hasExpiry(s3: S3Client, owned: Owned): Promise<boolean> {
  const lifecycle = await asked(owned.Bucket, s3.send(new GetBucketLifecycleConfigurationCommand(owned)), [
    'NoSuchLifecycleConfiguration',
  ]);
  return lifecycle?.Rules?.some((rule) => rule.Status === 'Enabled' && rule.Expiration !== undefined) ?? false;
}

function versionsOf(isWanted: boolean, isEnabled: boolean): Found {
  if (isWanted === isEnabled) return good(isEnabled ? 'keeps versions' : 'keeps no versions');
  if (isWanted) return bad('keeps no versions');
  return doubtful('keeps versions of what is meant to vanish', 'Suspend versioning of the bucket.');
}

async function lockOf(s3: S3Client, owned: Owned, { retention }: Deployment): Promise<Found[]> {
  const { Bucket } = owned;
  const found = await asked(Bucket, s3.send(new GetObjectLockConfigurationCommand(owned)), [
    'ObjectLockConfigurationNotFoundError',
  ]);
  const expires = await hasExpiry(s3, owned);
  const isLocked = found?.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled';
  return [
    claim(
      isLocked,
      'Object Lock is on',
      'Object Lock is off: evidence can be deleted',
      'Find out who made this bucket. Switch it on (aws s3api put-object-lock-configuration), and audit the log: what lay there unlocked may be gone.',
    ),
    claim(!expires, 'nothing in it expires', 'a lifecycle rule lets evidence expire'),
    retentionOf(retention),
  ];
}

function retentionOf(retention: string | undefined): Found {
  if (retention === undefined) return unnamed('retention');
  if (retention.startsWith('COMPLIANCE:')) return good(`objects are locked as ${retention}, for the root user too`);
  return doubtful(
    `objects are locked as ${retention}: an administrator can delete them`,
    'Use COMPLIANCE in production.',
  );
}
