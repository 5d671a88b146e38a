import { LIMITS } from '@waybill/client/limits';
import { JOB_LIMITS } from '#core/names.ts';
import { FUNCTIONS } from '../../../lib/deployment-names.ts';
import { resources } from '../deployment.ts';
import { all, at, failing, first, lines, list, type Rule } from './rule.ts';

const FUNCTION = 'AWS::Lambda::Function';
const MAPPING = 'AWS::Lambda::EventSourceMapping';
const POLICY = 'AWS::IAM::ManagedPolicy';

export const FUNCTION_RULES: readonly Rule[] = [
  {
    says: 'functions: all of them are ours, on arm64 and Node 24, beginning no trace, with a time limit',
    broken: (templates) => {
      const functions = all(templates, FUNCTION);
      const strangers = functions.length === FUNCTIONS.length ? [] : [`${functions.length} functions`];
      return [
        ...strangers,
        ...failing(
          functions,
          ({ properties }) =>
            properties.Runtime === 'nodejs24.x' &&
            at(properties.Architectures, 0) === 'arm64' &&
            at(properties.TracingConfig, 'Mode') === 'PassThrough' &&
            Number(properties.Timeout) > 0,
        ),
      ];
    },
    plant: (templates) => {
      first(templates, FUNCTION).properties.Runtime = 'nodejs20.x';
    },
  },
  {
    says: 'functions: each has a queue for what it could not do and a log of its own',
    broken: (templates) =>
      failing(
        all(templates, FUNCTION),
        ({ properties }) =>
          at(properties.DeadLetterConfig, 'TargetArn') !== undefined &&
          at(properties.LoggingConfig, 'LogGroup') !== undefined,
      ),
    plant: (templates) => {
      delete first(templates, FUNCTION).properties.DeadLetterConfig;
    },
  },
  {
    says: 'functions: none has reserved concurrency, the sequencer least of all',
    broken: (templates) =>
      failing(all(templates, FUNCTION), ({ properties }) => properties.ReservedConcurrentExecutions === undefined),
    plant: (templates) => {
      first(templates, FUNCTION).properties.ReservedConcurrentExecutions = 1;
    },
  },
  {
    says: 'functions: what a whole batch hashes before it stores it fits on the disk',
    broken: (templates) => {
      const largest: Record<string, number> = { submit: LIMITS.sourceBytes, settle: JOB_LIMITS.fileBytes };
      const mappings = all(templates, MAPPING);
      return Object.entries(largest).flatMap(([name, bytes]) => {
        const fn = first(templates, FUNCTION, ({ properties }) => String(properties.FunctionName).endsWith(`-${name}`));
        const mapping = mappings.find(({ properties }) => at(properties.FunctionName, 'Ref') === fn.id);
        const disk = Number(at(fn.properties.EphemeralStorage, 'Size') ?? 512) * 1024 * 1024;
        return disk >= Number(mapping?.properties.BatchSize) * bytes ? [] : [name];
      });
    },
    plant: (templates) => {
      const fn = first(templates, FUNCTION, ({ properties }) => String(properties.FunctionName).endsWith('-settle'));
      delete fn.properties.EphemeralStorage;
    },
  },
  {
    says: 'functions: what may invoke one is a single thing, whose ARN holds the account',
    broken: (templates) =>
      failing(
        all(templates, 'AWS::Lambda::Permission'),
        ({ properties }) => properties.SourceArn !== undefined && properties.SourceAccount === undefined,
      ),
    plant: (templates) => {
      delete first(templates, 'AWS::Lambda::Permission').properties.SourceArn;
    },
  },
  {
    says: 'functions: the minute that was missed is not made up for, since the next one does it',
    broken: (templates) => {
      const reconcile = first(templates, FUNCTION, ({ properties }) =>
        String(properties.FunctionName).endsWith('-reconcile'),
      );
      const [config] = resources(templates, 'AWS::Lambda::EventInvokeConfig').filter(
        ({ properties }) => at(properties.FunctionName, 'Ref') === reconcile.id,
      );
      const { MaximumRetryAttempts: retries, MaximumEventAgeInSeconds: seconds } = config?.properties ?? {};
      return retries === 0 && seconds === 60 ? [] : [reconcile.id];
    },
    plant: (templates) => {
      first(templates, 'AWS::Lambda::EventInvokeConfig').properties.MaximumRetryAttempts = 2;
    },
  },
  {
    says: 'functions: metrics of ours are watched for this deployment alone, under the name that functions are told',
    broken: (templates) => {
      const told = new Set(
        all(templates, FUNCTION).map(({ properties }) => at(properties.Environment, 'Variables', 'WAYBILL_DEPLOYMENT')),
      );
      const watched = all(templates, 'AWS::CloudWatch::Alarm').filter(
        ({ properties }) => properties.Namespace === 'Waybill',
      );
      if (watched.length === 0) return ['nothing of ours is watched'];
      return failing(watched, ({ properties }) => {
        const dimensions = properties.Dimensions as { Name: string; Value: string }[];
        const deployment = dimensions.find(({ Name }) => Name === 'deployment')?.Value;
        return told.size === 1 && told.has(deployment);
      });
    },
    plant: (templates) => {
      const { properties } = first(templates, FUNCTION);
      delete (at(properties.Environment, 'Variables') as Record<string, string>).WAYBILL_DEPLOYMENT;
    },
  },
  {
    says: 'functions: who follows the stream may do all that Lambda asks for',
    broken: (templates) => {
      const wanted = ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map(
        (action) => `dynamodb:${action}`,
      );
      const following = all(templates, POLICY)
        .map(({ id, properties }) => ({
          id,
          actions: lines(properties.PolicyDocument).flatMap(({ Action }) => list(Action)),
        }))
        .filter(({ actions }) => actions.includes('dynamodb:GetRecords'));
      return following.length !== 2
        ? [`${following.length} follow the stream`]
        : following.filter(({ actions }) => !wanted.every((action) => actions.includes(action))).map(({ id }) => id);
    },
    plant: (templates) => {
      for (const { properties } of all(templates, POLICY)) {
        for (const line of lines(properties.PolicyDocument)) {
          if (line.Sid === 'ListStreams') line.Action = [];
        }
      }
    },
  },
];
