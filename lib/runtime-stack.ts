/** Everything that runs and can be made again: queues, functions, machines, the workers' network, and who watches them. */
import { Annotations, type Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnEventBus } from 'aws-cdk-lib/aws-events';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import { Alarms, watchesOf } from './alarms.ts';
import { AttemptMachine } from './attempt.ts';
import { modelArnsOf } from './check-models.ts';
import { keptSecret } from './check-secrets.ts';
import { connect } from './connections.ts';
import { dashboard } from './dashboard.ts';
import { type DeploymentNames, FUNCTIONS, type FunctionName, type QueueName } from './deployment-names.ts';
import { environmentOf, factsOf } from './function-environment.ts';
import { FUNCTION_TIMEOUTS } from './function-timeouts.ts';
import { watchKeys } from './key-watch.ts';
import { signersOf } from './keys.ts';
import type { LedgerStack } from './ledger-stack.ts';
import { ListedRoles } from './listed-roles.ts';
import { budget, operatorsTopic } from './operators.ts';
import type { RoleFacts, RoleTable } from './role-table.ts';
import { rolesOf } from './roles.ts';
import { Queues } from './routes.ts';
import { StageFunction } from './stage-function.ts';
import type { StateStack } from './state-stack.ts';
import type { KeyArns, Statement } from './statement.ts';
import { type People, peoplesPolicies, registrarStatements, submitterStatements } from './submitters.ts';
import { TracedAttempts } from './traced-attempts.ts';
import type { WaybillProps } from './waybill-props.ts';
import { Workers } from './worker.ts';
import { WorkerNetwork } from './worker-network.ts';

export interface RuntimeStackProps extends StackProps {
  readonly names: DeploymentNames;
  readonly settings: WaybillProps;
  readonly ledger: LedgerStack;
  readonly state: StateStack;
}

const DEFAULT_LOG_DAYS = 90;
const MEMORY_MIB: Readonly<Partial<Record<FunctionName, number>>> = {
  slot: 512,
  doctor: 512,
};

/** What a batch spools: a source for each submission, a file for each attempt, a bundle for each run. */
const SPOOL_MIB: Readonly<Partial<Record<FunctionName, number>>> = {
  submit: 10_240,
  settle: 4096,
  reconcile: 4096,
  seal: 4096,
};

export class RuntimeStack extends Stack {
  readonly functions: ReadonlyMap<FunctionName, StageFunction>;
  readonly queues: Queues;
  readonly workers: Workers;
  readonly network: WorkerNetwork;
  readonly machines: ReadonlyMap<string, AttemptMachine>;
  readonly bus: CfnEventBus;
  /** What every role may do. */
  readonly roleTables: readonly RoleTable[];
  /** What people may do who have the policy that is called so. */
  readonly people: Readonly<Record<People, readonly Statement[]>>;
  readonly #zones: readonly string[];

  constructor(scope: Construct, id: string, { names, settings, ledger, state, ...props }: RuntimeStackProps) {
    super(scope, id, props);
    this.#zones = settings.availabilityZones ?? [];
    if (settings.pinnedKeys === undefined) {
      Annotations.of(this).addError(
        'Workers have no keys to check manifests with. Deploy the ledger stack alone, write its keys to a file with `waybill keys export`, and pass that as pinnedKeys.',
      );
    }
    const logDays = settings.logDays ?? DEFAULT_LOG_DAYS;
    const key = state.stateKey;
    const common = { names, settings, key, logDays };
    this.network = new WorkerNetwork(this, 'Network', common);
    this.workers = new Workers(this, 'Worker', common);
    const keys: KeyArns = {
      data: state.dataKey.keyArn,
      state: state.stateKey.keyArn,
      pseudonym: ledger.pseudonymKey.keyArn,
      attest: ledger.attestKeys.map(arnOf),
      log: ledger.logKeys.map(arnOf),
    };
    const environments = Object.keys(settings.environments);
    const { fromWorkers, toModels } = this.network;
    this.roleTables = rolesOf({ names, keys, environments, fromWorkers, toModels, ...namedIn(settings, names) });
    const roles = new ListedRoles(this, 'Roles', names, this.roleTables);
    this.network.flowLog?.node.addDependency(roles.role('flow-logs'), roles.policy('flow-logs'));
    for (const task of this.workers.taskDefinitions.values())
      task.node.addDependency(roles.role('worker-execution'), roles.policy('worker-execution'));
    this.people = { submitters: submitterStatements(names, keys), registrars: registrarStatements(names) };
    peoplesPolicies(roles, names, this.people);
    this.machines = new Map(
      environments.map((environment) => [environment, this.#machine(environment, { ...common, roles })]),
    );
    this.queues = new Queues(this, 'Queues', { names, timeouts: queueTimeouts(), arrivals: state.arrivals });
    this.bus = new CfnEventBus(this, 'Bus', {
      name: names.bus,
      description: `Waybill ${names.name}: what happens to runs`,
    });
    new TracedAttempts(this, 'TracedAttempts', names);
    new CfnScheduleGroup(this, 'Schedules', { name: names.scheduleGroup });
    const facts = {
      ...factsOf({ names, settings, keys }),
      WAYBILL_NETWORK: this.network.vpc.vpcId,
      ...this.#queueUrls(),
      WAYBILL_DEAD_LETTER_URLS: [...this.queues.allDeadLetters.values()].map(({ queueUrl }) => queueUrl).join(','),
    };
    this.functions = new Map(
      FUNCTIONS.map((which) => [
        which,
        new StageFunction(this, `${which.slice(0, 1).toUpperCase()}${which.slice(1)}`, {
          which,
          names,
          key,
          logDays,
          role: roles.role(which).withoutPolicyUpdates(),
          deadLetters: this.queues.ofFunction(which),
          environment: environmentOf(which, facts),
          timeout: FUNCTION_TIMEOUTS[which],
          ...(MEMORY_MIB[which] !== undefined && { memoryMiB: MEMORY_MIB[which] }),
          ...(SPOOL_MIB[which] !== undefined && { spoolMiB: SPOOL_MIB[which] }),
        }),
      ]),
    );
    // A newer machine and its newer worker may read and write what only newer functions know; older ones ignore what they do not know.
    for (const { live } of this.machines.values()) live.node.addDependency(...this.functions.values());
    connect(this, {
      names,
      queues: this.queues,
      tableStreamArn: state.table.tableStreamArn ?? '',
      environments,
      fn: (which) => this.fn(which),
    });
    this.#watch({ names, settings, key, keys });
  }

  /** Of those that functions send to. */
  #queueUrls(): Record<string, string> {
    return {
      WAYBILL_SUBMIT_QUEUE_URL: this.queues.queue('submit').queueUrl,
      WAYBILL_SEAL_QUEUE_URL: this.queues.queue('seal').queueUrl,
      WAYBILL_NOTIFY_QUEUE_URL: this.queues.queue('notify').queueUrl,
      WAYBILL_TIMER_QUEUE_URL: this.queues.queue('timers').queueUrl,
    };
  }

  #watch({
    names,
    settings,
    key,
    keys,
  }: {
    names: DeploymentNames;
    settings: WaybillProps;
    key: Key;
    keys: KeyArns;
  }): void {
    const undelivered = this.queues.deadLetters('operators');
    const topic = operatorsTopic(this, { names, settings, key, undelivered });
    const watches = watchesOf(names, [...this.queues.allDeadLetters.keys()], Object.keys(settings.environments));
    const alarms = new Alarms(this, 'Alarms', { names, watches, topic });
    watchKeys(this, { names, keys, signers: signersOf(names), topic, undelivered });
    dashboard(this, { names, alarms: alarms.all });
    budget(this, { names, settings });
  }

  /** Those that were typed out; Stack would ask the account for its own. */
  override get availabilityZones(): string[] {
    return [...this.#zones];
  }

  fn(which: FunctionName): StageFunction {
    return this.functions.get(which) as StageFunction;
  }

  #machine(
    environment: string,
    { names, key, logDays, roles }: { names: DeploymentNames; key: Key; logDays: number; roles: ListedRoles },
  ): AttemptMachine {
    const task = this.workers.taskDefinitions.get(environment);
    const settings = {
      partition: names.partition,
      cluster: names.arn.cluster,
      taskDefinition: task?.ref ?? '',
      subnets: this.network.subnets.map(({ subnetId }) => subnetId),
      securityGroups: [this.network.securityGroup.securityGroupId],
      table: names.table,
    };
    const machine = new AttemptMachine(this, `Attempt-${environment}`, {
      names,
      environment,
      settings,
      fingerprint: JSON.stringify(
        this.resolve([settings, task?.containerDefinitions, task?.cpu, task?.memory, task?.ephemeralStorage]),
      ),
      key,
      logDays,
    });
    machine.machine.node.addDependency(roles.role(`attempt-${environment}`));
    return machine;
  }
}

function arnOf({ keyArn }: Key): string {
  return keyArn;
}

function queueTimeouts(): Record<QueueName, Duration> {
  const { submit, release, settle, seal, notify, reconcile } = FUNCTION_TIMEOUTS;
  return { submit, release, settle, seal, notify, timers: reconcile };
}

/** What of the account its roles may reach beside what is made here. */
function namedIn(
  settings: WaybillProps,
  names: DeploymentNames,
): Pick<RoleFacts, 'secrets' | 'callbackKeys' | 'models' | 'repositories'> {
  const secrets = Object.values(settings.secrets ?? {}).map(keptSecret);
  const callbackKeys = Object.values(settings.callbacks ?? {}).map(({ secret }) => keptSecret(secret));
  return { secrets, callbackKeys, models: modelArnsOf(settings), repositories: repositoriesOf(settings, names) };
}

/** Of images that are in ECR; others are public, or their registry asks for what only the customer knows. */
function repositoriesOf({ wrapperImage, environments }: WaybillProps, { partition }: DeploymentNames): string[] {
  const images = [wrapperImage, ...Object.values(environments).map(({ image }) => image)];
  const arns = images.flatMap((image) => {
    const parts = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^@]+)@/.exec(image);
    return parts === null ? [] : [`arn:${partition}:ecr:${parts[2]}:${parts[1]}:repository/${parts[3]}`];
  });
  return [...new Set(arns)].sort();
}
