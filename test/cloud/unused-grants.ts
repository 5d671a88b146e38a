/**
 * What roles may do and no scenario does, each with the reason why it stays granted. A line that a scenario does use after all,
 * or that nothing grants, is an error: so this list never says more than it has to.
 */
export interface UnusedGrant {
  /** `*` for any text. */
  roles: string;
  sid: string;
  actions: readonly string[];
  why: string;
  /** Of what depends on the moment: a run of the scenarios may use it, and that is no error. */
  sometimes?: true;
}

const SHARED =
  'One set of actions on rows for every function that decides: what a decision deletes or checks follows from the run.';
const RACE = 'Only when two things happen to one attempt at once, which no scenario brings about.';

const REGISTERED =
  'No scenario registers anything; test/cloud/transport.test.ts registers and reads in a bucket of the bed.';

export const UNUSED_GRANTS: readonly UnusedGrant[] = [
  {
    roles: 'models',
    sid: 'Ask',
    actions: ['bedrock:InvokeModelWithResponseStream'],
    why: 'A server of ours stands in the place of Bedrock, which the bed does not have.',
  },
  { roles: 'registrars', sid: 'Register', actions: ['s3:PutObject'], why: REGISTERED },
  { roles: 'submitters', sid: 'ReadRegistry', actions: ['s3:GetObject'], why: REGISTERED },
  { roles: 'submitters', sid: 'ListRegistry', actions: ['s3:ListBucket'], why: REGISTERED },
  {
    roles: 'dispatch',
    sid: 'Rows',
    actions: ['dynamodb:ConditionCheckItem', 'dynamodb:DeleteItem', 'dynamodb:Query'],
    why: SHARED,
    sometimes: true,
  },
  {
    roles: 'settle',
    sid: 'Rows',
    actions: ['dynamodb:ConditionCheckItem', 'dynamodb:DeleteItem', 'dynamodb:Query'],
    why: SHARED,
    sometimes: true,
  },
  { roles: 'submit', sid: 'Rows', actions: ['dynamodb:DeleteItem'], why: SHARED, sometimes: true },
  { roles: 'seal', sid: 'Rows', actions: ['dynamodb:ConditionCheckItem'], why: SHARED, sometimes: true },
  {
    roles: 'slot',
    sid: 'WriteInboxOutboxSchedulesJson',
    actions: ['s3:PutObject'],
    why: 'Only when what a schedule runs cannot be read or written any more, and its owner is to see that.',
  },
  {
    roles: 'advance',
    sid: 'Leases',
    actions: ['s3:PutObject'],
    why: 'A stop that was left to the list of todos tells workers by their leases; the scenarios stop too few items for that.',
    sometimes: true,
  },
  {
    roles: 'advance',
    sid: 'DataKey',
    actions: ['kms:GenerateDataKey'],
    why: 'The same: S3 encrypts the lease.',
    sometimes: true,
  },
  {
    roles: 'advance',
    sid: 'DataKey',
    actions: ['kms:Decrypt'],
    why: 'A status tells of a beat or a result that is staged when it is written; attempts of the scenarios are over before they beat.',
    sometimes: true,
  },
  {
    roles: 'advance',
    sid: 'Leases',
    actions: ['s3:GetObject'],
    why: 'A status shows the progress of workers that have beaten, which takes longer than any scenario.',
    sometimes: true,
  },
  {
    roles: 'advance',
    sid: 'ListStaging',
    actions: ['s3:ListBucket'],
    why: 'The same: without it S3 says of a heartbeat that is not there that it is forbidden.',
    sometimes: true,
  },
  { roles: 'dispatch', sid: 'ExecutionRow', actions: ['dynamodb:UpdateItem'], why: RACE, sometimes: true },
  { roles: 'dispatch', sid: 'Complete', actions: ['states:SendTaskSuccess'], why: RACE, sometimes: true },
  { roles: 'dispatch', sid: 'Leases', actions: ['s3:GetObject'], why: RACE, sometimes: true },
  { roles: 'dispatch', sid: 'DataKey', actions: ['kms:Decrypt'], why: RACE, sometimes: true },
  {
    roles: 'dispatch',
    sid: 'ListStaging',
    actions: ['s3:ListBucket'],
    why: 'Without it S3 says of a lease that is gone that it is forbidden.',
    sometimes: true,
  },
  {
    roles: '*',
    sid: 'Describe',
    actions: ['states:DescribeExecution'],
    why: 'Only when nobody knows whether StartExecution arrived, or an execution is looked for.',
    sometimes: true,
  },
  {
    roles: 'submit',
    sid: 'ReadInboxOutbox',
    actions: ['s3:GetObject'],
    why: 'Only when two answers to the same submission come at once.',
    sometimes: true,
  },
  {
    roles: 'submit',
    sid: 'ListStaging',
    actions: ['s3:ListBucket'],
    why: 'Without it S3 says of a lease that is gone that it is forbidden.',
    sometimes: true,
  },
  {
    roles: 'reconcile',
    sid: 'ReadArtifactsSha256',
    actions: ['s3:GetObject'],
    why: 'For a condition whose decision was cut off; that of advance is not.',
    sometimes: true,
  },
  {
    roles: 'seal',
    sid: 'WriteLedger',
    actions: ['s3:GetObjectRetention'],
    why: 'S3 tells the lock of an object, in the answer to a read, only to who holds it.',
  },
  {
    roles: 'doctor',
    sid: '*',
    actions: ['*'],
    why: 'The doctor looks at real accounts, and no scenario asks it; it reads only. What it asks for is tested with its questions.',
  },
];
