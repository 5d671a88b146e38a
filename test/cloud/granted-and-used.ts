/** What the roles of a deployment may do beside what was done in it: by their own calls, and by services on their behalf. */
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  ListExportsCommand,
} from '@aws-sdk/client-cloudformation';
import { KMSClient, ListAliasesCommand } from '@aws-sdk/client-kms';
import type { RecordedCall } from './beds/recorder.ts';
import { type CallOfRole, callsByRole } from './callers.ts';
import type { World } from './deployed-world.ts';
import { callsOfServices } from './derived-calls.ts';
import { type AskedByRole, askedOf, type Place } from './recorded-actions.ts';
import { type PolicyStatement, policiesOf } from './role-policies.ts';

export interface GrantedAndUsed {
  policies: Map<string, PolicyStatement[]>;
  /** Recorded. */
  made: AskedByRole[];
  /** Nobody records what services do in our roles: derived from the templates that make them do it. */
  derived: AskedByRole[];
}

/** A variable of IAM. */
const WHO_ASKS = ['$', '{aws:userid}'].join('');
const STACKS = ['ledger', 'state', 'runtime'] as const;

interface Reference {
  Ref?: string;
  'Fn::ImportValue'?: string;
  'Fn::GetAtt'?: string[];
}

/** What references of the runtime stack's policies became: exports of the other stacks, and names of its own resources. */
async function resolver({ bed, deployed, transport }: World): Promise<(reference: unknown) => string> {
  const place = { endpoint: bed.url, region: bed.region, credentials: bed.credentials };
  const stacks = new CloudFormationClient(place);
  const { Exports = [] } = await stacks.send(new ListExportsCommand({}));
  const exported = new Map(Exports.map(({ Name, Value }) => [Name, Value]));
  const physical = new Map<string | undefined, string | undefined>();
  for (const stack of STACKS) {
    const named = new DescribeStackResourcesCommand({ StackName: `${deployed.names.name}-${stack}` });
    for (const { LogicalResourceId, PhysicalResourceId } of (await stacks.send(named)).StackResources ?? [])
      physical.set(LogicalResourceId, PhysicalResourceId);
  }
  return (reference) => {
    if (typeof reference === 'string') return reference.replaceAll(WHO_ASKS, transport.principal);
    const { Ref, 'Fn::ImportValue': name, 'Fn::GetAtt': of = [] } = reference as Reference;
    const attribute = (): string | undefined =>
      [...exported].find(([known]) => known?.includes(`FnGetAtt${of[0]}${of[1]}`))?.[1];
    const found = Ref !== undefined ? physical.get(Ref) : name !== undefined ? exported.get(name) : attribute();
    if (found === undefined) throw new TypeError(`nobody knows what ${JSON.stringify(reference)} came to be`);
    return found;
  };
}

async function placeOf({ bed, deployed: { names } }: World): Promise<Place> {
  const { account, region } = bed;
  const kms = new KMSClient({ endpoint: bed.url, region, credentials: bed.credentials });
  const { Aliases = [] } = await kms.send(new ListAliasesCommand({}));
  const keyOf = (alias: string): string => {
    const id = Aliases.find(({ AliasName }) => AliasName === `alias/${names.name}/${alias}`)?.TargetKeyId;
    if (id === undefined) throw new TypeError(`there is no key ${alias}`);
    return `arn:aws:kms:${region}:${account}:key/${id}`;
  };
  const dataKey = keyOf('data');
  const encrypted = new Set([names.bucket('staging'), names.bucket('artifacts')]);
  return {
    account,
    region,
    machine: names.arn.machine('default'),
    tableKey: keyOf('state'),
    bucketKey: (bucket) => (encrypted.has(bucket) ? dataKey : undefined),
  };
}

/**
 * As AWS answers it. Submitters and workers may not list what is staged, and take the refusal for an absence; the bed says of a log or
 * of secrets that are not there that they are absent, whoever asks.
 */
export function asAnswered({ role, call }: CallOfRole, staging: string): RecordedCall {
  const isOfLog = role === 'submitter' && call.url.startsWith(`/${staging}/logs/`);
  const isOfSecrets = role.endsWith('-mailbox') && /^[^?]+\/sealed\.json\?/.test(call.url);
  return (isOfLog || isOfSecrets) && call.status === 404 ? { ...call, status: 403 } : call;
}

/** The policy of people who submit is attached to a role that the tests made for one of them. */
export async function grantedAndUsed(world: World): Promise<GrantedAndUsed> {
  const { names, templates } = world.deployed;
  const place = await placeOf(world);
  const resolve = await resolver(world);
  const root = world.bed.credentials.accessKeyId;
  const made = callsByRole(names, { calls: world.bed.calls, root }).flatMap(({ role, call }) =>
    // What was refused in spite of its policies is the scenarios' matter: here only what was asked for counts.
    askedOf(asAnswered({ role, call }, names.bucket('staging')), place).map((asked) => ({
      role: role === 'submitter' ? names.role('submitters') : role,
      asked,
    })),
  );
  return {
    policies: policiesOf(templates.values(), resolve),
    made,
    derived: callsOfServices(templates.values(), { names, resolve }),
  };
}
