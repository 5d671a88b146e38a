import { matchesGlob } from 'node:path';
import { productionProps, type Resource, resources, type Templates } from '../deployment.ts';
import { all, at, failing, first, lines, list, type Rule } from './rule.ts';

const MAPPING = 'AWS::Lambda::EventSourceMapping';
const QUEUE = 'AWS::SQS::Queue';

const isDeadLetters = (properties: Record<string, unknown>): boolean => String(properties.QueueName).includes('-dead');

/** Of the runtime stack, or of the state stack, which exports it. */
function queueBehind(templates: Templates, arn: unknown): Resource | undefined {
  const imported = at(arn, 'Fn::ImportValue');
  if (imported === undefined) return templates.runtime.Resources[String(at(arn, 'Fn::GetAtt', 0))];
  const exported = Object.values(templates.state.Outputs ?? {}).find((one) => at(one, 'Export', 'Name') === imported);
  return templates.state.Resources[String(at(exported, 'Value', 'Fn::GetAtt', 0))];
}

export const DELIVERY_RULES: readonly Rule[] = [
  {
    says: 'logs: every group ends and is encrypted with a key of the deployment',
    broken: (templates) =>
      failing(
        all(templates, 'AWS::Logs::LogGroup'),
        ({ properties }) => Number(properties.RetentionInDays) > 0 && properties.KmsKeyId !== undefined,
      ),
    plant: (templates) => {
      delete first(templates, 'AWS::Logs::LogGroup').properties.RetentionInDays;
    },
  },
  {
    says: 'logs: the policy of the key admits every group that is encrypted with it, or the group cannot be made',
    broken: (templates) => {
      const { account, region } = productionProps().env;
      const admitted = all(templates, 'AWS::KMS::Key').flatMap(({ properties }) =>
        lines(properties.KeyPolicy).flatMap(({ Condition }) =>
          list(Condition?.ArnLike?.['kms:EncryptionContext:aws:logs:arn'] as string[] | undefined),
        ),
      );
      return failing(
        all(templates, 'AWS::Logs::LogGroup').filter(({ properties }) => properties.KmsKeyId !== undefined),
        ({ properties }) => {
          const arn = `arn:aws:logs:${region}:${account}:log-group:${properties.LogGroupName}`;
          return admitted.some((pattern) => matchesGlob(arn.replaceAll('/', ':'), pattern.replaceAll('/', ':')));
        },
      );
    },
    plant: (templates) => {
      first(templates, 'AWS::Logs::LogGroup').properties.LogGroupName = '/aws/vendedlogs/states/somebody-else';
    },
  },
  {
    says: 'delivery: every mapping takes partial answers, and those of the stream filter, split, give up and keep what failed',
    broken: (templates) =>
      failing(all(templates, MAPPING), ({ properties }) => {
        const partial = at(properties.FunctionResponseTypes, 0) === 'ReportBatchItemFailures';
        if (properties.StartingPosition === undefined) return partial;
        return (
          partial &&
          properties.BisectBatchOnFunctionError === true &&
          properties.MaximumRetryAttempts === 5 &&
          at(properties.FilterCriteria, 'Filters', 0) !== undefined &&
          at(properties.DestinationConfig, 'OnFailure', 'Destination') !== undefined
        );
      }),
    plant: (templates) => {
      delete first(templates, MAPPING, ({ properties }) => 'StartingPosition' in properties).properties
        .DestinationConfig;
    },
  },
  {
    says: 'delivery: every queue is encrypted, and all but those of dead letters give up after some receives',
    broken: (templates) =>
      failing(
        all(templates, QUEUE),
        ({ properties }) =>
          properties.SqsManagedSseEnabled === true &&
          (isDeadLetters(properties) || Number(at(properties.RedrivePolicy, 'maxReceiveCount')) > 0),
      ),
    plant: (templates) => {
      delete first(templates, QUEUE, ({ properties }) => !isDeadLetters(properties)).properties.RedrivePolicy;
    },
  },
  {
    says: 'delivery: a message stays hidden for six times as long as its function may take; of those in order, no longer than it',
    broken: (templates) =>
      all(templates, MAPPING).flatMap(({ id, properties }) => {
        if (properties.StartingPosition !== undefined) return [];
        const queue = queueBehind(templates, properties.EventSourceArn);
        if (queue === undefined) return [id];
        const fn = templates.runtime.Resources[String(at(properties.FunctionName, 'Ref'))];
        const hidden = Number(queue.Properties.VisibilityTimeout);
        const limit = Number(fn?.Properties.Timeout);
        // While a batch is hidden its whole group stands still.
        const isRight = queue.Properties.FifoQueue === true ? hidden === limit : hidden >= 6 * limit;
        return isRight ? [] : [id];
      }),
    plant: (templates) => {
      first(templates, QUEUE, ({ properties }) => !isDeadLetters(properties)).properties.VisibilityTimeout = 30;
    },
  },
  {
    says: 'delivery: every target of a rule has dead letters',
    broken: (templates) =>
      failing(all(templates, 'AWS::Events::Rule'), ({ properties }) =>
        (properties.Targets as object[]).every((target) => at(target, 'DeadLetterConfig', 'Arn') !== undefined),
      ),
    plant: (templates) => {
      const [target] = first(templates, 'AWS::Events::Rule').properties.Targets as Record<string, unknown>[];
      delete target?.DeadLetterConfig;
    },
  },
  {
    says: 'templates: there is no custom resource, so nothing of CDK runs in the account',
    broken: (templates) =>
      resources(templates)
        .filter(({ type }) => type.startsWith('Custom::') || type === 'AWS::CloudFormation::CustomResource')
        .map(({ id }) => id),
    plant: (templates) => {
      templates.state.Resources.Planted = { Type: 'Custom::S3AutoDeleteObjects', Properties: {} };
    },
  },
];
