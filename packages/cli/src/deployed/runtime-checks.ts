/** What runs attempts: table, state machine, cluster, quotas, images, queues for what failed, and the clock of it all. */
import { DescribeContinuousBackupsCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { DescribeImagesCommand } from '@aws-sdk/client-ecr';
import { DescribeClustersCommand } from '@aws-sdk/client-ecs';
import { DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import { GetServiceQuotaCommand } from '@aws-sdk/client-service-quotas';
import { DescribeStateMachineAliasCommand, DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Clients } from './clients.ts';
import { answer, asked, bad, type Check, claim, doubtful, type Found, good, unnamed } from './finding.ts';

const table: Check = {
  name: 'table',
  run: async ({ dynamodb }, { table: name }) => {
    if (name === undefined) return [unnamed('table')];
    const { Table: found } = await answer(name, dynamodb.send(new DescribeTableCommand({ TableName: name })));
    const backups = await answer(name, dynamodb.send(new DescribeContinuousBackupsCommand({ TableName: name })));
    const recovery = backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus;
    const stream = found?.StreamSpecification?.StreamViewType ?? 'none';
    return [
      claim(found?.TableStatus === 'ACTIVE', `${name} is active`, `${name} is ${found?.TableStatus}`),
      claim(stream === 'NEW_AND_OLD_IMAGES', 'its stream carries old and new rows', `its stream carries ${stream}`),
      claim(found?.DeletionProtectionEnabled === true, 'is protected from deletion', 'is not protected from deletion'),
      claim(found?.SSEDescription?.SSEType === 'KMS', 'is encrypted with a key of yours', 'has no key of yours'),
      claim(recovery === 'ENABLED', 'can be restored to any second', 'cannot be restored to a point in time'),
    ];
  },
};

const machine: Check = {
  name: 'state machine',
  run: async ({ sfn }, { stateMachine: alias }) => {
    if (alias === undefined) return [unnamed('stateMachine')];
    const found = await answer(alias, sfn.send(new DescribeStateMachineAliasCommand({ stateMachineAliasArn: alias })));
    const [route, ...others] = found.routingConfiguration ?? [];
    const version = route?.stateMachineVersionArn ?? '';
    const routed = claim(
      route !== undefined && others.length === 0,
      `starts attempts on ${version.split(':').slice(-2).join(':')}`,
      'the alias leads to no version, or to more than one',
    );
    if (route === undefined) return [routed];
    const described = await answer(version, sfn.send(new DescribeStateMachineCommand({ stateMachineArn: version })));
    const isLogged = (described.loggingConfiguration?.level ?? 'OFF') !== 'OFF';
    return [
      routed,
      claim(described.type === 'STANDARD', 'is a standard one', `is of type ${described.type}`),
      isLogged ? good('is logged') : doubtful('writes no log', 'Deploy the runtime stack again.'),
    ];
  },
};

const cluster: Check = {
  name: 'cluster',
  run: async ({ ecs }, { cluster: name }) => {
    if (name === undefined) return [unnamed('cluster')];
    const found = await answer(name, ecs.send(new DescribeClustersCommand({ clusters: [name] })));
    const status = found.clusters?.[0]?.status ?? 'not there';
    return [claim(status === 'ACTIVE', `${name} is active`, `${name} is ${status}`)];
  },
};

const FARGATE = { service: 'fargate', code: 'L-3032A538' };
const FUNCTIONS = { service: 'lambda', code: 'L-B99A9384' };
/** As a new account has it. */
const FEW_FUNCTIONS = 10;

const quotas: Check = {
  name: 'quotas',
  run: async ({ quotas: client }, { vCpus }) => {
    const quotaOf = async ({ service, code }: typeof FARGATE): Promise<number> => {
      const command = new GetServiceQuotaCommand({ ServiceCode: service, QuotaCode: code });
      return (await answer(code, client.send(command))).Quota?.Value ?? 0;
    };
    const [workers, functions] = [await quotaOf(FARGATE), await quotaOf(FUNCTIONS)];
    return [
      ...(vCpus === undefined ? [unnamed('vCpus')] : [workersOf(workers, Number(vCpus))]),
      functions > FEW_FUNCTIONS
        ? good(`${functions} functions at once`)
        : doubtful(`${functions} functions at once, as in a new account`, moreOf(FUNCTIONS)),
    ];
  },
};

function workersOf(quota: number, wanted: number): Found {
  const found = `${quota} vCPUs of Fargate at once, where the slots of all queues take ${wanted}`;
  return quota >= wanted ? good(found) : doubtful(found, `${moreOf(FARGATE)}, or give the queues fewer slots`);
}

function moreOf({ service, code }: typeof FARGATE): string {
  return `Ask for more: aws service-quotas request-service-quota-increase --service-code ${service} --quota-code ${code} --desired-value <n>`;
}

const IMAGE = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^@]+)@(sha256:[0-9a-f]{64})$/;

const images: Check = {
  name: 'images',
  run: async ({ ecr }, { images: named }) => {
    if (named === undefined || named.length === 0) return [unnamed('images')];
    return Promise.all(named.map((image) => imageOf(ecr, image)));
  },
};

async function imageOf(ecr: Clients['ecr'], image: string): Promise<Found> {
  const [, registryId, , repositoryName, imageDigest] = IMAGE.exec(image) ?? [];
  if (imageDigest === undefined) {
    return doubtful(`${image} is not in ECR by digest`, 'Push it to ECR: workers reach no other registry.');
  }
  const command = new DescribeImagesCommand({ registryId, repositoryName, imageIds: [{ imageDigest }] });
  const found = await asked(image, ecr.send(command), ['ImageNotFoundException', 'RepositoryNotFoundException']);
  const fix = 'Push the image again, and deploy the digest that the push prints.';
  if (found === null) return bad(`${image} is not there: no attempt can start`, fix);
  return good(`${repositoryName}@${imageDigest.slice(0, 19)} is there`);
}

const deadLetters: Check = {
  name: 'dead letters',
  run: async ({ sqs }, { deadLetterQueues: urls }) => {
    if (urls === undefined || urls.length === 0) return [unnamed('deadLetterQueues')];
    return Promise.all(
      urls.map(async (url) => {
        const command = new GetQueueAttributesCommand({
          QueueUrl: url,
          AttributeNames: ['ApproximateNumberOfMessages'],
        });
        const { Attributes } = await answer(url, sqs.send(command));
        const depth = Number(Attributes?.ApproximateNumberOfMessages ?? 0);
        const name = url.split('/').at(-1) ?? url;
        const fix = 'Read one, mend what it fails on, then redrive the queue (aws sqs start-message-move-task).';
        return depth === 0
          ? good(`${name} is empty`)
          : bad(`${name} holds ${depth} messages that nobody could handle`, fix);
      }),
    );
  },
};

const schedule: Check = {
  name: 'schedule',
  run: async ({ events }, { reconcileSchedule: named }) => {
    if (named === undefined) return [unnamed('reconcileSchedule')];
    const { State: state } = await answer(named, events.send(new DescribeRuleCommand({ Name: named })));
    return [claim(state === 'ENABLED', `${named} is on`, `${named} is ${state}: lost events stay lost`, 'Enable it.')];
  },
};

export const RUNTIME_CHECKS: readonly Check[] = [table, machine, cluster, quotas, images, deadLetters, schedule];
