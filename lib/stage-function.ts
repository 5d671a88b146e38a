import { type Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { DeploymentNames, FunctionName } from './deployment-names.ts';
import { lambdaAsset } from './lambda-asset.ts';

export interface StageFunctionProps {
  readonly which: FunctionName;
  readonly names: DeploymentNames;
  readonly role: IRole;
  /** Encrypts the log. */
  readonly key: IKey;
  readonly logDays: number;
  readonly deadLetters: IQueue;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeout: Duration;
  readonly memoryMiB?: number;
  /** For bytes that are hashed before they are stored; what Lambda gives by itself holds two files of outputs at most. */
  readonly spoolMiB?: number;
}

/** A function as all of ours are: arm64, Node 24, with a log that ends and a queue for what it could not do. */
export class StageFunction extends Construct {
  readonly lambda: LambdaFunction;

  constructor(scope: Construct, id: string, props: StageFunctionProps) {
    super(scope, id);
    const { names, which } = props;
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: names.logGroup(which),
      retention: props.logDays,
      encryptionKey: props.key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.lambda = new LambdaFunction(this, 'Function', {
      functionName: names.functionName(which),
      description: `Waybill ${names.name}: ${which}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: lambdaAsset(this, which),
      role: props.role,
      environment: { ...props.environment },
      timeout: props.timeout,
      memorySize: props.memoryMiB ?? 1024,
      ...(props.spoolMiB !== undefined && { ephemeralStorageSize: Size.mebibytes(props.spoolMiB) }),
      // Nobody before them begins a trace, and one of each call would be a tenth of what an item costs (ADR 29).
      tracing: Tracing.PASS_THROUGH,
      loggingFormat: LoggingFormat.JSON,
      // How long calls take is a metric. Lambda's own lines are paid like ours: they come for calls that fail.
      systemLogLevelV2: SystemLogLevel.WARN,
      logGroup,
      deadLetterQueue: props.deadLetters,
    });
  }
}
