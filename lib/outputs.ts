/** What the stacks say about the deployment: `waybill deployment pull` makes the deployment file from these outputs. */
import { CfnOutput, type Stack } from 'aws-cdk-lib';
import type { DeploymentNames } from './deployment-names.ts';
import { examinedFacts } from './function-environment.ts';
import type { LedgerStack } from './ledger-stack.ts';
import type { RuntimeStack } from './runtime-stack.ts';
import type { StateStack } from './state-stack.ts';
import type { WaybillProps } from './waybill-props.ts';

export interface Declared {
  readonly names: DeploymentNames;
  readonly ledger: LedgerStack;
  readonly state: StateStack;
  readonly runtime: RuntimeStack;
}

export function declareOutputs({ names, ledger, state, runtime }: Declared, settings: WaybillProps): void {
  const { mode, days } = settings.retention;
  const region = names.region;
  const pull = `waybill deployment pull --region ${region}`;
  const all = [ledger, state, runtime].map(({ stackName }) => `--stack ${stackName}`).join(' ');
  declare(ledger, {
    // Not read by anybody but people: the command line shows outputs when it has deployed.
    NextStepAfterLedger: `${pull} --stack ${ledger.stackName} -o ledger-only.json, then waybill keys export --target aws --deployment ledger-only.json; put the keys into pinnedKeys and deploy the rest (docs/deploy.md, 5 and 6)`,
    WaybillOrigin: settings.origin,
    WaybillLedgerBucket: names.bucket('ledger'),
    WaybillAttestKeys: listed(ledger.attestKeys.map(({ keyArn }) => keyArn)),
    WaybillLogKeys: listed(ledger.logKeys.map(({ keyArn }) => keyArn)),
    WaybillRetention: `${mode}:${days}`,
  });
  declare(state, {
    WaybillInboxBucket: names.bucket('inbox'),
    WaybillStagingBucket: names.bucket('staging'),
    WaybillArtifactsBucket: names.bucket('artifacts'),
    WaybillTable: names.table,
    WaybillDataKey: state.dataKey.keyArn,
  });
  const { images, functions, vCpus } = examinedFacts(names, settings);
  declare(runtime, {
    NextStep: `confirm the mail to ${settings.alarmEmail}, then ${pull} ${all} -o waybill-deployment.json, then waybill doctor --deployed --deployment waybill-deployment.json (docs/deploy.md, 6 to 9)`,
    WaybillStateMachine: names.arn.machineAlias('default'),
    WaybillCluster: names.cluster,
    WaybillDeadLetterQueues: listed([...runtime.queues.allDeadLetters.values()].map(({ queueUrl }) => queueUrl)),
    WaybillImages: listed(images),
    WaybillReconcileSchedule: names.rule('each-minute'),
    WaybillFunctions: listed(functions),
    WaybillNetwork: runtime.network.vpc.vpcId,
    WaybillAlarmTopic: names.arn.topic,
    WaybillVCpus: vCpus,
    WaybillSubmitterPolicy: names.role('submitters'),
    WaybillRegistrarPolicy: names.role('registrars'),
  });
}

function listed(values: readonly string[]): string {
  return values.join(',');
}

function declare(stack: Stack, outputs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value }).overrideLogicalId(name);
}
