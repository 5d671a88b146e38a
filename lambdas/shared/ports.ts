/**
 * The ports of a function, each from what its environment says. A bundle holds the adapters of those that it opens, and no
 * others.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import { createS3Artifacts } from '#adapters/aws/artifacts.ts';
import { createS3Inbox } from '#adapters/aws/inbox.ts';
import { createMachineLauncher, type MachineLauncher } from '#adapters/aws/launcher.ts';
import { createS3Mailbox, type S3MailboxOptions } from '#adapters/aws/mailbox.ts';
import { type MailboxSessionOptions, signLease } from '#adapters/aws/mailbox-session.ts';
import { createSqsQueue } from '#adapters/aws/message-queue.ts';
import { createBusNotifier } from '#adapters/aws/notifier.ts';
import { createS3RootLedger, parseRetention } from '#adapters/aws/root-ledger.ts';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { createGroupScheduler } from '#adapters/aws/scheduler.ts';
import { createS3Channel } from '#adapters/aws/secret-channel.ts';
import { readFromAccount } from '#adapters/aws/secret-vault.ts';
import { openKmsSigner } from '#adapters/aws/signer.ts';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { type FlowDeps, NO_OUTSIDERS } from '#flow/deps.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Inbox } from '#ports/inbox.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import type { MessageQueue } from '#ports/message-queue.ts';
import type { Notifier } from '#ports/notifier.ts';
import type { RootLedger } from '#ports/root-ledger.ts';
import type { Scheduler } from '#ports/scheduler.ts';
import type { SecretChannel } from '#ports/secret-channel.ts';
import type { Signer } from '#ports/signer.ts';
import { callbackEndpoints, givenModels, listSetting, otherEnvironments, setting } from './settings.ts';
import { quietHints, type Told } from './told.ts';

const LEASE_MS = 300_000;
/** Workers in tasks beat no more often than a lease needs: each beat is a paid write. They read their leases more often. */
const HEARTBEAT_MS: number = LEASE_MS / 3;
/** Before the first beat a task is placed, its image pulled and its source fetched, which may take a quarter of an hour in all. */
const START_MS = 600_000;

/** The ports that not every function has. */
export type Opened = Partial<
  Pick<FlowDeps, 'artifacts' | 'inbox' | 'launcher' | 'ledger' | 'mailbox' | 'pricing' | 'scheduler' | 'signer'>
>;

/** What the use cases get. A port that was not opened throws when it is used, by its name. */
export function flowOf(told: Told, opened: Opened): FlowDeps {
  return {
    ...NO_OUTSIDERS,
    origin: setting('WAYBILL_ORIGIN'),
    artifacts: absent('artifacts'),
    inbox: absent('inbox'),
    launcher: absent('launcher'),
    ledger: absent('ledger'),
    mailbox: absent('mailbox'),
    pricing: absent('pricing'),
    scheduler: absent('scheduler'),
    signer: absent('signer'),
    ...opened,
    store: createTableRunStore({ client: new DynamoDBClient({}), table: setting('WAYBILL_TABLE') }),
    clock: createLocalClock(),
    chance: createLocalChance(),
    hints: quietHints(told),
    lane: (decision) => decision(),
    worker: {
      isolation: setting('WAYBILL_ISOLATION') as Isolation,
      executable: setting('WAYBILL_WORKER_DIGEST') as Digest,
      environments: new Map([...otherEnvironments()].map(([name, { executable }]) => [name, executable])),
      allowUnsandboxedAgents: false,
      leaseMs: LEASE_MS,
      startMs: START_MS,
      heartbeatMs: HEARTBEAT_MS,
      survivesRestart: true,
      ...givenModels(),
    },
  };
}

export function openInbox(): Inbox {
  return createS3Inbox({ s3: new S3Client({}), bucket: setting('WAYBILL_INBOX_BUCKET') });
}

export function openArtifacts(): Artifacts {
  const [bucket, dataKey] = [setting('WAYBILL_ARTIFACTS_BUCKET'), setting('WAYBILL_DATA_KEY')];
  return createS3Artifacts({ s3: new S3Client({}), bucket, dataKey });
}

export function openLedger(): RootLedger {
  return createS3RootLedger({
    s3: new S3Client({}),
    bucket: setting('WAYBILL_LEDGER_BUCKET'),
    retention: parseRetention(setting('WAYBILL_RETENTION')),
    clock: createLocalClock(),
  });
}

/** Of a function that neither posts nor renews leases: it cancels, reads what is staged, and closes. */
export function openMailbox(): Mailbox {
  return createS3Mailbox({ ...staging(), sign: () => Promise.reject(new TypeError('this function signs no URLs')) });
}

/** Of a function that posts and renews leases: URLs are signed with the rights of the mailbox role. */
export function openPostingMailbox(): Mailbox {
  const session: MailboxSessionOptions = {
    sts: new STSClient({}),
    role: setting('WAYBILL_MAILBOX_ROLE'),
    // The worker's requests carry what was signed and nothing else.
    signerFor: (credentials) => new S3Client({ credentials, requestChecksumCalculation: 'WHEN_REQUIRED' }),
    bucket: setting('WAYBILL_STAGING_BUCKET'),
    artifactsBucket: setting('WAYBILL_ARTIFACTS_BUCKET'),
    dataKey: setting('WAYBILL_DATA_KEY'),
  };
  return createS3Mailbox({ ...staging(), sign: (draft) => signLease(session, draft) });
}

export function openChannel(): SecretChannel {
  return createS3Channel({ s3: new S3Client({}), bucket: setting('WAYBILL_STAGING_BUCKET') });
}

/** The keys by which ends of runs are signed, each under the name of whom it is for. */
export function openCallbackKeys(): (name: string) => Promise<Uint8Array> {
  const arns = new Map([...callbackEndpoints()].map(([name, { secret }]) => [name, secret]));
  return readFromAccount({ secrets: new SecretsManagerClient({}), parameters: new SSMClient({}), arns });
}

function staging(): Pick<S3MailboxOptions, 's3' | 'bucket' | 'clock'> {
  return { s3: new S3Client({}), bucket: setting('WAYBILL_STAGING_BUCKET'), clock: createLocalClock() };
}

export function openSigner(): Promise<Signer> {
  return openKmsSigner({
    client: new KMSClient({}),
    origin: setting('WAYBILL_ORIGIN'),
    attestKeys: listSetting('WAYBILL_ATTEST_KEYS'),
    logKeys: listSetting('WAYBILL_LOG_KEYS'),
    pseudonymKey: setting('WAYBILL_PSEUDONYM_KEY'),
  });
}

export function openScheduler(): Scheduler {
  return createGroupScheduler({
    client: new SchedulerClient({}),
    group: setting('WAYBILL_SCHEDULE_GROUP'),
    role: setting('WAYBILL_SCHEDULE_ROLE'),
    target: setting('WAYBILL_SLOT_FUNCTION'),
  });
}

export function openLauncher(): MachineLauncher {
  const clock = createLocalClock();
  return createMachineLauncher({
    machines: new SFNClient({}),
    rows: new DynamoDBClient({}),
    table: setting('WAYBILL_TABLE'),
    machine: setting('WAYBILL_STATE_MACHINE'),
    others: new Map([...otherEnvironments()].map(([name, { machine }]) => [name, machine])),
    isolation: setting('WAYBILL_ISOLATION') as Isolation,
    executable: setting('WAYBILL_WORKER_DIGEST') as Digest,
    nowMs: () => clock.nowMs(),
  });
}

export function openQueue(which: 'SUBMIT' | 'SEAL' | 'TIMER' | 'NOTIFY'): MessageQueue {
  return createSqsQueue({ sqs: new SQSClient({}), url: setting(`WAYBILL_${which}_QUEUE_URL`) });
}

export function openNotifier(): Notifier {
  return createBusNotifier({ client: new EventBridgeClient({}), bus: setting('WAYBILL_EVENT_BUS') });
}

function absent<Port extends object>(name: string): Port {
  return new Proxy({} as Port, {
    get() {
      throw new TerminalError({
        code: 'USAGE',
        path: name,
        problem: 'this function was made without it',
        fix: 'Report this as a defect: the handler must open every port that its use cases touch.',
      });
    },
  });
}
