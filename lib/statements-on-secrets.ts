/** Statements about secrets: who reads them, how a worker asks for them and is answered, and the rows of who signs by them. */
import type { DeploymentNames } from './deployment-names.ts';
import type { KeyArns, Statement } from './statement.ts';
import { BY_NAME, rowsKey, through } from './statements-on-data.ts';
import type { KeptSecret } from './waybill-props.ts';

/** Of a mailbox, how secrets are asked for and given. */
export const CHANNEL = ['*/key.json', '*/sealed.json'] as const;

export function aboutSecrets(names: DeploymentNames, keys: KeyArns) {
  const { arn } = names;
  return {
    /** Each by its whole ARN. */
    secrets: (secrets: readonly KeptSecret[]): Statement[] => [
      ...keptIn('secretsmanager', { sid: 'Secrets', actions: ['secretsmanager:GetSecretValue'] }, secrets, names),
      ...keptIn('ssm', { sid: 'Parameters', actions: ['ssm:GetParameter'] }, secrets, names),
    ],
    /** Of callbacks, and of runs, whose own row lies beside all that a run has: any of those, and none is taken away. None of attempts, queues, timers or the log. */
    callbackRows: (): Statement[] => [
      {
        sid: 'CallbackRows',
        actions: ['dynamodb:BatchGetItem', 'dynamodb:PutItem'],
        resources: [arn.table],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['callbacks', 'run/*'] } },
      },
      {
        sid: 'CallbackRowsAway',
        actions: ['dynamodb:DeleteItem'],
        resources: [arn.table],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['callbacks'] } },
      },
      rowsKey(names, keys),
    ],
    /** Of mailboxes, the key that a worker has staged, whether a lease is there, which needs no reading, and what is sealed to it. */
    channel: (): Statement[] => [
      {
        sid: 'AskedInStaging',
        actions: ['s3:GetObject'],
        resources: [arn.objects('staging', '*/key.json')],
        why: BY_NAME,
      },
      { sid: 'ListStaging', actions: ['s3:ListBucket'], resources: [arn.bucket('staging')] },
      {
        sid: 'SealedInStaging',
        actions: ['s3:PutObject'],
        resources: [arn.objects('staging', '*/sealed.json')],
        why: BY_NAME,
      },
    ],
    removeFromChannel: (): Statement => ({
      sid: 'RemoveFromChannel',
      actions: ['s3:DeleteObject'],
      resources: CHANNEL.map((keyPattern) => arn.objects('staging', keyPattern)),
      why: BY_NAME,
    }),
  };
}

/** A key of the service itself lets in whoever may read what it encrypts; another one has to be named. */
function keptIn(
  service: 'secretsmanager' | 'ssm',
  reading: Pick<Statement, 'sid' | 'actions'>,
  secrets: readonly KeptSecret[],
  names: DeploymentNames,
): Statement[] {
  const mine = secrets.filter(({ arn }) => arn.split(':')[2] === service);
  const encrypted = [...new Set(mine.flatMap(({ key }) => key ?? []))].sort();
  const opening = {
    sid: `${reading.sid}Keys`,
    actions: ['kms:Decrypt'],
    resources: encrypted,
    conditions: through(names, service),
  };
  return [
    ...(mine.length === 0 ? [] : [{ ...reading, resources: mine.map(({ arn }) => arn) }]),
    ...(encrypted.length === 0 ? [] : [opening]),
  ];
}
