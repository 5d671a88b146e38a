/** Where attempts run: the cluster, and for each environment a task definition and the machine that starts its tasks. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { CfnCluster, CfnTaskDefinition } from 'aws-cdk-lib/aws-ecs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { attestKeysOf } from './check-keys.ts';
import type { DeploymentNames } from './deployment-names.ts';
import { cpuOf, memoryOf } from './fargate-sizes.ts';
import type { PinnedKeys, WaybillProps, WorkerEnvironment } from './waybill-props.ts';
import { BLOCKS, WORKER_VOLUMES, type WorkerContainer, WRAPPER } from './worker-containers.ts';
import { digestOfImage } from './worker-executable.ts';

export interface WorkersProps {
  readonly names: DeploymentNames;
  readonly settings: WaybillProps;
  readonly key: IKey;
  readonly logDays: number;
}

export class Workers extends Construct {
  readonly cluster: CfnCluster;
  readonly log: LogGroup;
  /** By environment; their `ref` is the ARN of the very revision. */
  readonly taskDefinitions: ReadonlyMap<string, CfnTaskDefinition>;

  constructor(scope: Construct, id: string, { names, settings, key, logDays }: WorkersProps) {
    super(scope, id);
    this.cluster = new CfnCluster(this, 'Cluster', {
      clusterName: names.cluster,
      clusterSettings: [{ name: 'containerInsights', value: 'enabled' }],
    });
    this.log = new LogGroup(this, 'Log', {
      logGroupName: names.logGroup('worker'),
      retention: logDays,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.taskDefinitions = new Map(
      Object.entries(settings.environments).map(([name, environment]) => [
        name,
        this.#taskDefinition(name, environment, names, settings),
      ]),
    );
  }

  #taskDefinition(
    name: string,
    environment: WorkerEnvironment,
    names: DeploymentNames,
    settings: WaybillProps,
  ): CfnTaskDefinition {
    const filledIn: Record<string, string> = {
      WAYBILL_KEYS: pinned(settings.pinnedKeys),
      WAYBILL_ORIGIN: settings.origin,
      WAYBILL_ENVIRONMENT_IMAGE: digestOfImage(environment.image),
    };
    const container = (of: WorkerContainer, image: string): CfnTaskDefinition.ContainerDefinitionProperty => ({
      name: of.name,
      image,
      entryPoint: [...of.entryPoint],
      user: of.user,
      essential: of.essential,
      readonlyRootFilesystem: of.readonlyRootFilesystem,
      privileged: false,
      stopTimeout: of.stopTimeoutSeconds,
      linuxParameters: { initProcessEnabled: of.initProcessEnabled, capabilities: { drop: [...of.dropCapabilities] } },
      mountPoints: of.mounts.map(({ volume, path, readOnly }) => ({
        sourceVolume: volume,
        containerPath: path,
        readOnly,
      })),
      environment: [
        ...Object.entries(of.environment).map(([key, value]) => ({ name: key, value })),
        ...of.deploymentEnvironment.map((key) => ({ name: key, value: filledIn[key] ?? '' })),
      ],
      ...(of.startsAfter !== null && { dependsOn: [{ containerName: of.startsAfter, condition: 'START' }] }),
      logConfiguration: {
        logDriver: 'awslogs',
        options: {
          'awslogs-group': names.logGroup('worker'),
          'awslogs-region': names.region,
          'awslogs-stream-prefix': of.name,
          mode: 'non-blocking',
        },
      },
    });
    const definition = new CfnTaskDefinition(this, `Task-${name}`, {
      family: names.taskFamily(name),
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: `${cpuOf(environment)}`,
      memory: `${memoryOf(environment)}`,
      ...(environment.ephemeralStorageGiB !== undefined && {
        ephemeralStorage: { sizeInGiB: environment.ephemeralStorageGiB },
      }),
      runtimePlatform: { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' },
      // No task role: whatever runs in a task could take its credentials.
      executionRoleArn: names.arn.role('worker-execution'),
      volumes: Object.keys(WORKER_VOLUMES).map((volume) => ({ name: volume })),
      containerDefinitions: [container(WRAPPER, settings.wrapperImage), container(BLOCKS, environment.image)],
    });
    // A version of the machine names its revision, and an execution that began on an older one has yet to launch it: a revision
    // that is deregistered starts nothing.
    definition.applyRemovalPolicy(RemovalPolicy.RETAIN);
    return definition;
  }
}

/** As the worker reads them, one after the other. */
function pinned(keys: PinnedKeys | undefined): string {
  return Buffer.from(JSON.stringify(keys === undefined ? [] : attestKeysOf(keys))).toString('base64');
}
