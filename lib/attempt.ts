import { createHash } from 'node:crypto';
import { CfnDeletionPolicy, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnStateMachine, CfnStateMachineAlias, CfnStateMachineVersion } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { type AttemptMachineSettings, attemptMachine } from './attempt-machine.ts';
import { type DeploymentNames, LIVE_ALIAS } from './deployment-names.ts';

export interface AttemptMachineProps {
  readonly names: DeploymentNames;
  readonly environment: string;
  readonly settings: AttemptMachineSettings;
  /** Changes whenever the settings do, and is known when the app is synthesized; the settings hold ARNs that are not. */
  readonly fingerprint: string;
  readonly key: IKey;
  readonly logDays: number;
}

/**
 * The machine of one environment, under a literal name: its role and its log are written in it. Every change of the definition publishes a
 * version and moves the alias; versions stay, so attempts that are under way end on the one that they started on.
 */
export class AttemptMachine extends Construct {
  readonly machine: CfnStateMachine;
  /** From here on attempts start on what this deployment says. */
  readonly live: CfnStateMachineAlias;

  constructor(scope: Construct, id: string, props: AttemptMachineProps) {
    super(scope, id);
    const { names, environment } = props;
    const log = new LogGroup(this, 'Log', {
      logGroupName: names.machineLogGroup(environment),
      retention: props.logDays,
      encryptionKey: props.key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const definition = JSON.stringify(attemptMachine(props.settings));
    this.machine = new CfnStateMachine(this, 'Machine', {
      stateMachineName: names.machine(environment),
      stateMachineType: 'STANDARD',
      roleArn: names.arn.role(`attempt-${environment}`),
      definitionString: definition,
      tracingConfiguration: { enabled: true },
      loggingConfiguration: {
        level: 'ALL',
        // Input and output of a state hold the lease URL.
        includeExecutionData: false,
        destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: log.logGroupArn } }],
      },
    });
    const fingerprint = createHash('sha256').update(props.fingerprint).digest('hex').slice(0, 12);
    const version = new CfnStateMachineVersion(this, `Version${fingerprint}`, {
      stateMachineArn: this.machine.ref,
      stateMachineRevisionId: this.machine.attrStateMachineRevisionId,
      description: fingerprint,
    });
    version.cfnOptions.deletionPolicy = CfnDeletionPolicy.RETAIN;
    version.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
    this.live = new CfnStateMachineAlias(this, 'Live', {
      name: LIVE_ALIAS,
      routingConfiguration: [{ stateMachineVersionArn: version.ref, weight: 100 }],
    });
  }
}
