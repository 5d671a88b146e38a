/** The deployment file as the outputs of the deployed stacks say it. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { SpecRefused, TerminalError } from '@waybill/client';
import { awsFailure, callerIdentity } from '@waybill/client/aws';
import { DEPLOYMENT_FORMAT, type Deployment, parseDeployment } from '@waybill/client/deployment';

/** Where each output of a stack stands in the file; a list is separated by commas. */
const FIELDS: Readonly<Record<string, { at: readonly string[]; isList?: true }>> = {
  WaybillOrigin: { at: ['origin'] },
  WaybillLedgerBucket: { at: ['buckets', 'ledger'] },
  WaybillInboxBucket: { at: ['buckets', 'inbox'] },
  WaybillStagingBucket: { at: ['buckets', 'staging'] },
  WaybillArtifactsBucket: { at: ['buckets', 'artifacts'] },
  WaybillAttestKeys: { at: ['keys', 'attest'], isList: true },
  WaybillLogKeys: { at: ['keys', 'log'], isList: true },
  WaybillDataKey: { at: ['keys', 'data'] },
  WaybillRetention: { at: ['retention'] },
  WaybillTable: { at: ['table'] },
  WaybillStateMachine: { at: ['stateMachine'] },
  WaybillCluster: { at: ['cluster'] },
  WaybillDeadLetterQueues: { at: ['deadLetterQueues'], isList: true },
  WaybillImages: { at: ['images'], isList: true },
  WaybillReconcileSchedule: { at: ['reconcileSchedule'] },
  WaybillFunctions: { at: ['functions'], isList: true },
  WaybillNetwork: { at: ['network'] },
  WaybillAlarmTopic: { at: ['alarmTopic'] },
  WaybillVCpus: { at: ['vCpus'] },
};

/**
 * Asks CloudFormation for the outputs of the stacks. Throws TerminalError DEPLOYMENT_INVALID for stacks that are not
 * Waybill's or are two deployments, and what AWS refuses.
 */
export async function pullDeployment(stacks: readonly string[], region: string): Promise<Deployment> {
  const client = new CloudFormationClient({ region });
  const { account } = await callerIdentity(region);
  const outputs = new Map<string, string>();
  for (const stack of stacks) {
    for (const [key, value] of await outputsOf(client, stack)) {
      const before = outputs.get(key);
      if (before !== undefined && before !== value)
        throw invalid(stack, `${key} is another one than in the stacks before`);
      outputs.set(key, value);
    }
  }
  return deploymentFrom(outputs, { account, region, stacks });
}

export function deploymentFrom(
  outputs: ReadonlyMap<string, string>,
  { account, region, stacks }: { account: string; region: string; stacks: readonly string[] },
): Deployment {
  const file: Record<string, unknown> = { format: DEPLOYMENT_FORMAT, account, region, buckets: {} };
  for (const [output, { at, isList }] of Object.entries(FIELDS)) {
    const value = outputs.get(output);
    if (value !== undefined) place(file, at, isList ? value.split(',') : value);
  }
  if (file.origin === undefined) throw invalid(stacks.join(', '), 'no stack has the output WaybillOrigin');
  const parsed = parseDeployment(new TextEncoder().encode(JSON.stringify(file)));
  if (parsed.ok) return parsed.deployment;
  throw new SpecRefused(parsed.refusals);
}

function place(into: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) into[key] = value;
  else {
    into[key] ??= {};
    place(into[key] as Record<string, unknown>, rest, value);
  }
}

async function outputsOf(client: CloudFormationClient, stack: string): Promise<[string, string][]> {
  const found = await client.send(new DescribeStacksCommand({ StackName: stack })).catch((cause: Error) => {
    // CloudFormation has no name of its own for a stack that is not there
    if (cause.name === 'ValidationError') throw invalid(stack, `there is no such stack (${cause.message})`);
    throw awsFailure(cause, stack);
  });
  const outputs = found.Stacks?.[0]?.Outputs ?? [];
  return outputs.flatMap(({ OutputKey, OutputValue }): [string, string][] =>
    OutputKey === undefined || OutputValue === undefined || FIELDS[OutputKey] === undefined
      ? []
      : [[OutputKey, OutputValue]],
  );
}

function invalid(path: string, problem: string): TerminalError {
  const fix = 'Name the ledger, the state and the runtime stack of one deployment, in the region that they are in.';
  return new TerminalError({ code: 'DEPLOYMENT_INVALID', path, problem, fix });
}
