/**
 * Every role of a deployment and everything it may do. Nothing grants anything anywhere else: no construct adds a statement to a
 * role or to a policy of a bucket or key, and a test compares the templates with this table.
 */
import { type BucketName, type DeploymentNames, FUNCTIONS, type FunctionName } from './deployment-names.ts';
import { DUTIES } from './function-duties.ts';
import { executionRole, flowLogRole, machineRole, scheduleRole } from './machine-roles.ts';
import { itsVersionsToo, type RoleFacts, type RoleTable } from './role-table.ts';
import type { Statement } from './statement.ts';
import { type Vocabulary, vocabulary } from './statements.ts';

export function rolesOf(facts: RoleFacts): RoleTable[] {
  const say = vocabulary(facts.names, facts.keys);
  return [
    ...FUNCTIONS.map((name) => functionRole(name, facts, say)),
    mailboxRole(facts, say),
    ...(facts.models.length === 0 ? [] : [modelsRole(facts, say)]),
    executionRole(facts, say),
    ...facts.environments.map((environment) => machineRole(environment, facts, say)),
    scheduleRole(facts),
    flowLogRole(facts, say),
  ];
}

function functionRole(name: FunctionName, facts: RoleFacts, say: Vocabulary): RoleTable {
  const { names } = facts;
  return {
    role: name,
    trust: { service: 'lambda.amazonaws.com', sourceArn: itsVersionsToo(names.arn.functionArn(name)) },
    statements: [
      ...DUTIES[name](say, facts),
      say.send('DeadLetters', [names.deadLetters(name === 'seal' ? 'seal-function' : name)]),
      say.logs(name),
    ],
  };
}

/** Presigned URLs are signed in this role, so it is the most that a worker can ever do; each session is narrowed to the keys of one attempt. */
function mailboxRole({ names, fromWorkers }: RoleFacts, say: Vocabulary): RoleTable {
  const bound = (statement: Statement): Statement => ({
    ...statement,
    conditions: { ...statement.conditions, StringEquals: { ...statement.conditions?.StringEquals, ...fromWorkers } },
  });
  return {
    role: 'mailbox',
    trust: { roles: (['dispatch', 'reconcile'] as const).map((name) => names.role(name)) },
    statements: [
      bound(say.read('staging', '*')),
      bound(say.write('staging', '*')),
      // The worker takes away what it was sent as soon as it has read it.
      bound(say.removeFromChannel()),
      bound(say.read('artifacts', 'sha256/*')),
      // Without the network: S3 makes these calls.
      say.dataKey(),
    ],
  };
}

/** Of workers that ask models, each in a session that is narrowed to one of them. Out of their network it is worth nothing. */
function modelsRole({ names, models, toModels }: RoleFacts, say: Vocabulary): RoleTable {
  return {
    role: 'models',
    trust: { roles: [names.role('release')] },
    statements: [{ ...say.askModels(models), conditions: { StringEquals: toModels } }],
  };
}

/** Keys have no ARN before they are deployed; whoever asks the table beforehand asks with these. */
export const STAND_IN_KEYS = {
  data: 'key/data',
  state: 'key/state',
  pseudonym: 'key/pseudonym',
  attest: ['key/attest'],
  log: ['key/log'],
} as const;

/** ARNs of the roles whose table lets them put objects into a bucket: its policy refuses everybody else, whatever other policies say. */
export function writersOf(bucket: BucketName, names: DeploymentNames): string[] {
  return rolesThat('s3:PutObject', names.arn.objects(bucket, ''), names);
}

/** ARNs of the roles that may do it to something whose ARN begins so. */
export function rolesThat(action: string, begins: string, names: DeploymentNames): string[] {
  const facts = {
    names,
    keys: STAND_IN_KEYS,
    environments: [],
    secrets: [],
    callbackKeys: [],
    models: [],
    repositories: [],
    fromWorkers: {},
    toModels: {},
  };
  return rolesOf(facts)
    .filter(({ statements }) =>
      statements.some(
        ({ actions, resources }) =>
          actions.includes(action) && resources.some((resource) => resource.startsWith(begins)),
      ),
    )
    .map(({ role }) => names.arn.role(role));
}
