import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ECSClient } from '@aws-sdk/client-ecs';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { createLocalClock } from '#adapters/local/clock.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { listSetting, queuesSetting, setting } from '#lambdas/shared/settings.ts';
import { type Checks, examine } from './examine.ts';
import { checksOf } from './questions.ts';

const HEARTBEAT_MS = 3_600_000;

export const handler = lambdaFunction('doctor', async () => checks(), examine);

function checks(): Checks {
  const dynamodb = new DynamoDBClient({});
  const clock = createLocalClock();
  const table = setting('WAYBILL_TABLE');
  const account = {
    dynamodb,
    ecs: new ECSClient({}),
    kms: new KMSClient({}),
    quotas: new ServiceQuotasClient({}),
    s3: new S3Client({}),
    sfn: new SFNClient({}),
    sqs: new SQSClient({}),
    store: createTableRunStore({ client: dynamodb, table }),
    nowMs: () => clock.nowMs(),
  };
  return checksOf(account, {
    table,
    buckets: {
      inbox: setting('WAYBILL_INBOX_BUCKET'),
      staging: setting('WAYBILL_STAGING_BUCKET'),
      artifacts: setting('WAYBILL_ARTIFACTS_BUCKET'),
      ledger: setting('WAYBILL_LEDGER_BUCKET'),
    },
    retention: setting('WAYBILL_RETENTION'),
    attestKeys: listSetting('WAYBILL_ATTEST_KEYS'),
    logKeys: listSetting('WAYBILL_LOG_KEYS'),
    machine: setting('WAYBILL_STATE_MACHINE'),
    deadLetterUrls: listSetting('WAYBILL_DEAD_LETTER_URLS'),
    slots: Object.values(queuesSetting()).reduce((sum, { concurrency }) => sum + concurrency, 0),
    heartbeatMs: HEARTBEAT_MS,
  });
}
