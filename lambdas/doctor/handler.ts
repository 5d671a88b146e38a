import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { clientsOf } from '@waybill/cli/deployed/clients';
import type { Deployment } from '@waybill/client/deployment';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { createLocalClock } from '#adapters/local/clock.ts';
import { lambdaFunction } from '#lambdas/shared/function.ts';
import { listSetting, setting } from '#lambdas/shared/settings.ts';
import { report } from './report.ts';

const HEARTBEAT_MS = 3_600_000;

export const handler = lambdaFunction(
  'doctor',
  async () => {
    const deployment = named();
    const clock = createLocalClock();
    return {
      clients: clientsOf(deployment.region),
      deployment,
      store: createTableRunStore({ client: new DynamoDBClient({}), table: setting('WAYBILL_TABLE') }),
      nowMs: () => clock.nowMs(),
      heartbeatMs: HEARTBEAT_MS,
    };
  },
  report,
);

/** As the deployment file has it. */
function named(): Deployment {
  const data = setting('WAYBILL_DATA_KEY');
  const [, , , region = '', account = ''] = data.split(':');
  return {
    format: 'waybill-deployment/v1',
    origin: setting('WAYBILL_ORIGIN'),
    account,
    region,
    buckets: {
      inbox: setting('WAYBILL_INBOX_BUCKET'),
      staging: setting('WAYBILL_STAGING_BUCKET'),
      artifacts: setting('WAYBILL_ARTIFACTS_BUCKET'),
      ledger: setting('WAYBILL_LEDGER_BUCKET'),
    },
    keys: { attest: listSetting('WAYBILL_ATTEST_KEYS'), log: listSetting('WAYBILL_LOG_KEYS'), data },
    retention: setting('WAYBILL_RETENTION'),
    table: setting('WAYBILL_TABLE'),
    stateMachine: setting('WAYBILL_STATE_MACHINE'),
    cluster: setting('WAYBILL_CLUSTER'),
    deadLetterQueues: listSetting('WAYBILL_DEAD_LETTER_URLS'),
    images: listSetting('WAYBILL_IMAGES'),
    reconcileSchedule: setting('WAYBILL_RECONCILE_SCHEDULE'),
    functions: listSetting('WAYBILL_FUNCTIONS'),
    network: setting('WAYBILL_NETWORK'),
    alarmTopic: setting('WAYBILL_ALARM_TOPIC'),
    vCpus: setting('WAYBILL_VCPUS'),
  };
}
