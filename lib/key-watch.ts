/** Rules over CloudTrail: what happens to the signing keys is told at once, by whom ever. They need a trail in the account. */
import { Fn } from 'aws-cdk-lib';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { RUNBOOK } from './alarms.ts';
import type { DeploymentNames } from './deployment-names.ts';
import { admit } from './routes.ts';
import type { KeyArns } from './statement.ts';

/** Each is a way to lose the evidence or its worth. */
const CHANGES = ['ScheduleKeyDeletion', 'DisableKey', 'PutKeyPolicy', 'CreateGrant', 'DeleteImportedKeyMaterial'];

export interface KeyWatchProps {
  readonly names: DeploymentNames;
  readonly keys: KeyArns;
  /** ARNs of the roles that sign. */
  readonly signers: readonly string[];
  readonly topic: ITopic;
  readonly undelivered: Queue;
}

export const KEY_ARTICLES = ['key-changed', 'signed-by-a-stranger'] as const;

export function watchKeys(scope: Construct, { names, keys, signers, topic, undelivered }: KeyWatchProps): void {
  const watched = [...keys.attest, ...keys.log, keys.pseudonym, keys.data, keys.state];
  const fromTrail = { source: ['aws.kms'], 'detail-type': ['AWS API Call via CloudTrail'] };
  tell(scope, 'KeyChanged', {
    names,
    topic,
    undelivered,
    rule: 'key-changed',
    article: 'key-changed',
    pattern: {
      ...fromTrail,
      detail: { eventSource: ['kms.amazonaws.com'], eventName: CHANGES, resources: { ARN: endingIn(watched) } },
    },
  });
  const signing = [...keys.attest, ...keys.log];
  tell(scope, 'SignedByStranger', {
    names,
    topic,
    undelivered,
    rule: 'signed-by-a-stranger',
    article: 'signed-by-a-stranger',
    // Signing counts as reading, which a rule sees only when it asks for all events of the trail.
    allEvents: true,
    pattern: {
      ...fromTrail,
      detail: {
        eventSource: ['kms.amazonaws.com'],
        eventName: ['Sign'],
        $or: waysToSay(signing, names),
        userIdentity: { $or: strangers(signers) },
      },
    },
  });
}

function idsOf(keys: readonly string[]): string[] {
  return keys.map((arn) => Fn.select(1, Fn.split('/', arn)));
}

/** An ARN or an id of one of the keys. */
function endingIn(keys: readonly string[]): object[] {
  return idsOf(keys).map((suffix) => ({ suffix }));
}

/** Users, the root and services have no session issuer, and a field that is absent is not anything but something. */
function strangers(signers: readonly string[]): object[] {
  return [{ 'anything-but': signers }, { exists: false }].map((arn) => ({
    sessionContext: { sessionIssuer: { arn: [arn] } },
  }));
}

/** Of a request that was refused the trail may keep no resources: the key is what was asked for, or stands in the refusal. */
function waysToSay(keys: readonly string[], { name }: DeploymentNames): object[] {
  return [
    { resources: { ARN: endingIn(keys) } },
    { requestParameters: { keyId: [...endingIn(keys), { wildcard: `*alias/${name}/*` }] } },
    { errorMessage: idsOf(keys).map((id) => ({ wildcard: `*key/${id}*` })) },
  ];
}

interface Told {
  readonly names: DeploymentNames;
  readonly topic: ITopic;
  readonly undelivered: Queue;
  readonly rule: string;
  readonly article: (typeof KEY_ARTICLES)[number];
  readonly pattern: object;
  readonly allEvents?: true;
}

function tell(
  scope: Construct,
  id: string,
  { names, topic, undelivered, rule, article, pattern, allEvents }: Told,
): void {
  admit(undelivered, names, rule);
  new CfnRule(scope, id, {
    name: names.rule(rule),
    description: `${RUNBOOK}#${article}`,
    eventPattern: pattern,
    ...(allEvents && { state: 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS' }),
    targets: [{ id: 'operators', arn: topic.topicArn, deadLetterConfig: { arn: undelivered.queueArn } }],
  });
}
