/** What a recorded call asks for in the words of IAM: which actions, on which resources. */
import type { RecordedCall } from './beds/recorder.ts';

export interface Asked {
  /** As in a policy: `dynamodb:PutItem`. */
  action: string;
  /** ARN, or `*` where the action knows no resource. */
  resource: string;
}

export interface AskedByRole {
  role: string;
  asked: Asked;
}

export interface Place {
  account: string;
  region: string;
  /** ARN of the machine whose tokens are completed: a token does not name it. */
  machine: string;
  /** ARN of the key that encrypts a table; S3 and DynamoDB use keys with the rights of whoever calls them. */
  tableKey: string;
  /** The same of a bucket, where it has a key of ours. */
  bucketKey(bucket: string): string | undefined;
}

interface Credential {
  accessKeyId: string;
  service: string;
}

/** The key that signed a call and the service that it signed for; null for a call that nobody signed. */
export function credentialOf(call: RecordedCall): Credential | null {
  const header = /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(call.headers.authorization ?? '');
  const query = /X-Amz-Credential=([^&]+)/.exec(call.url)?.[1];
  const scope = header ?? /^([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(decodeURIComponent(query ?? ''));
  return scope === null ? null : { accessKeyId: scope[1] ?? '', service: scope[2] ?? '' };
}

/** Of the JSON protocols. */
export function operationOf(call: RecordedCall): string {
  return (call.headers['x-amz-target'] ?? '').split('.').at(-1) ?? '';
}

type Body = Record<string, unknown>;

const TRANSACTION_ACTIONS: Readonly<Record<string, string>> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
  Get: 'GetItem',
};

function onTable(operation: string, body: Body, { account, region, tableKey }: Place): Asked[] {
  const arn = (table: unknown): string => `arn:aws:dynamodb:${region}:${account}:table/${table}`;
  const asked = (name: string, table: unknown): Asked => ({ action: `dynamodb:${name}`, resource: arn(table) });
  const keys = ['Decrypt', 'DescribeKey'].map((name) => ({ action: `kms:${name}`, resource: tableKey }));
  if (operation.startsWith('Transact')) {
    const items = body.TransactItems as Record<string, { TableName: string }>[];
    const all = items.flatMap((item) =>
      Object.entries(item).map(([kind, { TableName }]) => asked(TRANSACTION_ACTIONS[kind] ?? kind, TableName)),
    );
    return [...all, ...keys];
  }
  if (operation.startsWith('Batch')) {
    return [...Object.keys(body.RequestItems as object).map((table) => asked(operation, table)), ...keys];
  }
  // Descriptions hold nothing that is encrypted.
  return operation.startsWith('Describe')
    ? [asked(operation, body.TableName)]
    : [asked(operation, body.TableName), ...keys];
}

function onMachine(operation: string, body: Body, { machine }: Place): Asked[] {
  const { taskToken, stateMachineArn, stateMachineAliasArn, executionArn } = body as Record<string, string | undefined>;
  const named = taskToken === undefined ? (stateMachineArn ?? executionArn ?? stateMachineAliasArn ?? '*') : machine;
  // A version or an alias is asked for by the name of its machine; which one it is is a condition.
  const resource = named.includes(':stateMachine:') ? named.split(':').slice(0, 7).join(':') : named;
  return [{ action: `states:${operation}`, resource }];
}

const SUBRESOURCES: Readonly<Record<string, string>> = {
  'object-lock': 'GetBucketObjectLockConfiguration',
  versioning: 'GetBucketVersioning',
  publicAccessBlock: 'GetBucketPublicAccessBlock',
  lifecycle: 'GetLifecycleConfiguration',
  notification: 'GetBucketNotification',
  versions: 'ListBucketVersions',
};

function onBucket(call: RecordedCall, { bucketKey }: Place): Asked[] {
  const [path = '', query = ''] = call.url.split('?');
  const [bucket = '', ...rest] = decodeURIComponent(path).slice(1).split('/');
  const key = rest.join('/');
  const parameters = new URLSearchParams(query);
  const arn = `arn:aws:s3:::${bucket}`;
  if (key === '' && parameters.has('delete')) {
    return [...call.body.matchAll(/<Key>([^<]+)<\/Key>(<VersionId>)?/g)].map(([, name, version]) => ({
      action: `s3:DeleteObject${version === undefined ? '' : 'Version'}`,
      resource: `${arn}/${name}`,
    }));
  }
  if (key === '') {
    const named = Object.keys(SUBRESOURCES).find((name) => parameters.has(name));
    return [{ action: `s3:${SUBRESOURCES[named ?? ''] ?? 'ListBucket'}`, resource: arn }];
  }
  return onObject(call, { bucket, object: `${arn}/${key}`, parameters, dataKey: bucketKey(bucket) });
}

interface ObjectPlace {
  bucket: string;
  object: string;
  parameters: URLSearchParams;
  dataKey: string | undefined;
}

function onObject(call: RecordedCall, { bucket, object, parameters, dataKey }: ObjectPlace): Asked[] {
  const version = parameters.has('versionId') ? 'Version' : '';
  const withKey = (action: string): Asked[] =>
    dataKey === undefined || call.status >= 300 ? [] : [{ action: `kms:${action}`, resource: dataKey }];
  if (parameters.has('retention')) {
    return [{ action: `s3:${call.method === 'GET' ? 'Get' : 'Put'}ObjectRetention`, resource: object }];
  }
  if (call.method === 'DELETE') return [{ action: `s3:DeleteObject${version}`, resource: object }];
  if (call.method === 'GET' || call.method === 'HEAD') {
    return [
      { action: `s3:GetObject${version}`, resource: object },
      // Who may not list hears of what is absent that it is forbidden.
      ...(call.status === 404 ? [{ action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}` }] : []),
      ...(call.method === 'GET' ? withKey('Decrypt') : []),
    ];
  }
  const source = call.headers['x-amz-copy-source'];
  const copied = source === undefined ? '' : decodeURIComponent(source).replace(/^\//, '').replace(/\?.*/, '');
  return [
    { action: 's3:PutObject', resource: object },
    ...(call.headers['x-amz-object-lock-mode'] === undefined
      ? []
      : [{ action: 's3:PutObjectRetention', resource: object }]),
    ...(copied === '' ? [] : [{ action: 's3:GetObject', resource: `arn:aws:s3:::${copied}` }]),
    ...withKey('GenerateDataKey'),
  ];
}

function onBus(body: Body, { account, region }: Place): Asked[] {
  return (body.Entries as { EventBusName?: string }[]).map(({ EventBusName: bus = 'default' }) => ({
    action: 'events:PutEvents',
    resource: bus.startsWith('arn:') ? bus : `arn:aws:events:${region}:${account}:event-bus/${bus}`,
  }));
}

const SCHEDULE_ACTIONS: Readonly<Record<string, string>> = { POST: 'Create', PUT: 'Update', DELETE: 'Delete' };

/** Whoever makes a schedule also hands over the role in which it calls. */
function onSchedule({ method, url }: RecordedCall, body: Body, { account, region }: Place): Asked[] {
  const [path = '', query = ''] = url.split('?');
  const group = body.GroupName ?? new URLSearchParams(query).get('groupName');
  const name = decodeURIComponent(path).split('/').at(-1);
  const resource = `arn:aws:scheduler:${region}:${account}:schedule/${group}/${name}`;
  const role = (body.Target as { RoleArn?: string } | undefined)?.RoleArn;
  return [
    { action: `scheduler:${SCHEDULE_ACTIONS[method] ?? 'Get'}Schedule`, resource },
    ...(role === undefined ? [] : [{ action: 'iam:PassRole', resource: role }]),
  ];
}

/** @throws TypeError for a service that it does not know: then it must be taught, or the call should not be made */
export function askedOf(call: RecordedCall, place: Place): Asked[] {
  const { account, region } = place;
  const service = credentialOf(call)?.service ?? '';
  if (service === 's3') return onBucket(call, place);
  const operation = operationOf(call);
  const body = (call.headers['content-type']?.includes('json') ? JSON.parse(call.body || '{}') : {}) as Body;
  const form = new URLSearchParams(call.body);
  switch (service) {
    case 'dynamodb':
      return onTable(operation, body, place);
    case 'states':
      return onMachine(operation, body, place);
    case 'secretsmanager':
      return [{ action: `secretsmanager:${operation}`, resource: String(body.SecretId) }];
    case 'ssm':
      return [{ action: `ssm:${operation}`, resource: String(body.Name) }];
    case 'kms':
      return [{ action: `kms:${operation}`, resource: String(body.KeyId) }];
    case 'sqs': {
      const name = new URL(String(body.QueueUrl)).pathname.split('/').at(-1);
      // A batch is asked for by the name of one message.
      return [
        { action: `sqs:${operation.replace(/Batch$/, '')}`, resource: `arn:aws:sqs:${region}:${account}:${name}` },
      ];
    }
    case 'events':
      return onBus(body, place);
    case 'scheduler':
      return onSchedule(call, body, place);
    case 'ecs':
    case 'servicequotas':
      return [{ action: `${service}:${operation}`, resource: '*' }];
    case 'sts':
      // Whoever holds credentials may ask whose they are.
      if (form.get('Action') === 'GetCallerIdentity') return [];
      return [{ action: `sts:${form.get('Action')}`, resource: form.get('RoleArn') ?? '*' }];
    default:
      throw new TypeError(`a call of ${service} (${call.method} ${call.url}) cannot be said in the words of IAM yet`);
  }
}
