/** Whom the deployment writes to, and when money runs away. */
import { createHash } from 'node:crypto';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnSubscription, Topic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { DeploymentNames } from './deployment-names.ts';
import { KEY_ARTICLES } from './key-watch.ts';
import type { WaybillProps } from './waybill-props.ts';

export interface OperatorsProps {
  readonly names: DeploymentNames;
  readonly settings: WaybillProps;
  readonly key: IKey;
  /** Takes what could not be delivered to them. */
  readonly undelivered: Queue;
}

export function operatorsTopic(scope: Construct, { names, settings, key, undelivered }: OperatorsProps): Topic {
  const topic = new Topic(scope, 'Operators', {
    topicName: names.topic,
    displayName: `Waybill ${names.name}`,
    masterKey: key,
  });
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'Alarms',
      principals: ['cloudwatch', 'budgets'].map((service) => new ServicePrincipal(`${service}.amazonaws.com`)),
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': names.account } },
    }),
  );
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'Rules',
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { ArnLike: { 'aws:SourceArn': KEY_ARTICLES.map((rule) => names.arn.rule(`${rule}*`)) } },
    }),
  );
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'TlsOnly',
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
  );
  undelivered.addToResourcePolicy(
    new PolicyStatement({
      sid: 'FromTopic',
      principals: [new ServicePrincipal('sns.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [undelivered.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': topic.topicArn } },
    }),
  );
  new CfnSubscription(scope, 'OperatorsMail', {
    topicArn: topic.topicArn,
    protocol: 'email',
    endpoint: settings.alarmEmail,
    redrivePolicy: { deadLetterTargetArn: undelivered.queueArn },
  });
  return topic;
}

/** Counts what carries the deployment's tag, once the tag is activated for cost allocation in the account's billing settings. */
export function budget(
  scope: Construct,
  { names, settings }: { names: DeploymentNames; settings: WaybillProps },
): CfnBudget {
  const subscribers = [{ subscriptionType: 'EMAIL', address: settings.alarmEmail }];
  return new CfnBudget(scope, 'Budget', {
    budget: {
      // Whoever else is told makes it another budget, for which the name has to be free.
      budgetName: `${names.name}-${names.region}-monthly-${shortHash(JSON.stringify(subscribers))}`,
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      budgetLimit: { amount: settings.monthlyBudgetUsd, unit: 'USD' },
      costFilters: { TagKeyValue: [`user:waybill:deployment$${names.name}`] },
    },
    notificationsWithSubscribers: [
      {
        notification: {
          notificationType: 'FORECASTED',
          comparisonOperator: 'GREATER_THAN',
          threshold: 80,
          thresholdType: 'PERCENTAGE',
        },
        subscribers,
      },
      {
        notification: {
          notificationType: 'ACTUAL',
          comparisonOperator: 'GREATER_THAN',
          threshold: 100,
          thresholdType: 'PERCENTAGE',
        },
        subscribers,
      },
    ],
  });
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
