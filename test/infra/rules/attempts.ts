import type { Templates } from '../deployment.ts';
import { all, at, failing, first, lines, list, type Rule } from './rule.ts';

const MACHINE = 'AWS::StepFunctions::StateMachine';
const TASK = 'AWS::ECS::TaskDefinition';

interface State {
  Type: string;
  Resource?: string;
  TimeoutSeconds?: number;
  TimeoutSecondsPath?: string;
  HeartbeatSeconds?: number;
  HeartbeatSecondsPath?: string;
  Next?: string;
  Catch?: { Next: string }[];
  Choices?: { Next: string }[];
  Parameters?: Record<string, unknown>;
}

/** What stands for a value that only CloudFormation knows is cut out: states are what is looked at. */
function statesOf(properties: Record<string, unknown>): Record<string, State> {
  const text = at(properties.DefinitionString, 'Fn::Join', 1) as (string | object)[];
  const json = text.map((part) => (typeof part === 'string' ? part : 'resolved')).join('');
  return (JSON.parse(json) as { States: Record<string, State> }).States;
}

function inDefinition(templates: Templates, from: string, to: string): void {
  const { properties } = first(templates, MACHINE);
  const parts = at(properties.DefinitionString, 'Fn::Join', 1) as (string | object)[];
  parts.forEach((part, index) => {
    if (typeof part === 'string') parts[index] = part.replaceAll(from, to);
  });
}

const hasTimeout = (state: State): boolean =>
  state.TimeoutSeconds !== undefined || state.TimeoutSecondsPath !== undefined;

type Container = Record<string, unknown> & { Image: string; User: string };

const containersOf = (properties: Record<string, unknown>): Container[] =>
  properties.ContainerDefinitions as Container[];

export const ATTEMPT_RULES: readonly Rule[] = [
  {
    says: 'machine: every state that does something ends in time, and one that waits for a token asks for signs of life',
    broken: (templates) =>
      all(templates, MACHINE).flatMap(({ properties }) =>
        Object.entries(statesOf(properties)).flatMap(([name, state]) => {
          if (state.Type !== 'Task') return [];
          const waits = state.Resource?.endsWith('.waitForTaskToken') === true;
          const beats = state.HeartbeatSeconds !== undefined || state.HeartbeatSecondsPath !== undefined;
          return hasTimeout(state) && (!waits || beats) ? [] : [name];
        }),
      ),
    plant: (templates) => inDefinition(templates, '"HeartbeatSeconds', '"Comment'),
  },
  {
    says: 'machine: whatever happens after a launch, a task is stopped',
    broken: (templates) =>
      all(templates, MACHINE).flatMap(({ properties }) => {
        const states = Object.entries(statesOf(properties));
        const stop = states.find(([, { Resource }]) => Resource?.endsWith('ecs:stopTask'))?.[0];
        const parks = states.filter(([, { Resource }]) => Resource?.endsWith('.waitForTaskToken'));
        if (stop === undefined || parks.length === 0) return ['there is no stop'];
        // An error is followed there, or to where it is looked whether there is a task.
        const named = Object.fromEntries(states);
        const leads = ({ Next }: { Next: string }): boolean =>
          Next === stop || named[Next]?.Choices?.some(({ Next: chosen }) => chosen === stop) === true;
        return parks
          .filter(([, { Next, Catch }]) => Next !== stop || Catch?.some(leads) !== true)
          .map(([name]) => name);
      }),
    plant: (templates) => inDefinition(templates, '"Catch"', '"Comment"'),
  },
  {
    says: 'machine: it has a literal name, is traced, and its log holds no lease URL',
    broken: (templates) =>
      failing(
        all(templates, MACHINE),
        ({ properties }) =>
          typeof properties.StateMachineName === 'string' &&
          at(properties.TracingConfiguration, 'Enabled') === true &&
          at(properties.LoggingConfiguration, 'Level') === 'ALL' &&
          at(properties.LoggingConfiguration, 'IncludeExecutionData') === false,
      ),
    plant: (templates) => {
      delete first(templates, MACHINE).properties.StateMachineName;
    },
  },
  {
    says: 'machine: one attempt in twenty is traced, by a rule that takes no first of each second',
    broken: (templates) => {
      const rules = all(templates, 'AWS::XRay::SamplingRule');
      return [
        ...(rules.length === 1 ? [] : [`${rules.length} rules`]),
        ...failing(rules, ({ properties }) => {
          const rule = properties.SamplingRule;
          const machines = new RegExp(`^${String(at(rule, 'ServiceName')).replaceAll('*', '.+')}$`);
          return (
            at(rule, 'ReservoirSize') === 0 &&
            at(rule, 'FixedRate') === 0.05 &&
            String(at(rule, 'RuleName')).length <= 32 &&
            all(templates, MACHINE).every((machine) => machines.test(String(machine.properties.StateMachineName)))
          );
        }),
      ];
    },
    plant: (templates) => {
      const [rule] = all(templates, 'AWS::XRay::SamplingRule');
      (rule?.properties.SamplingRule as Record<string, unknown>).ReservoirSize = 1;
    },
  },
  {
    says: 'machine: attempts start on an alias of a version that stays',
    broken: (templates) => [
      ...failing(
        all(templates, 'AWS::StepFunctions::StateMachineVersion'),
        ({ resource }) => resource.DeletionPolicy === 'Retain',
      ),
      ...failing(all(templates, 'AWS::StepFunctions::StateMachineAlias'), ({ properties }) => {
        return at(properties.RoutingConfiguration, 0, 'Weight') === 100;
      }),
    ],
    plant: (templates) => {
      delete first(templates, 'AWS::StepFunctions::StateMachineVersion').resource.DeletionPolicy;
    },
  },
  {
    says: 'machine: attempts start on a new version only when those who start them are new too',
    broken: (templates) =>
      failing(all(templates, 'AWS::StepFunctions::StateMachineAlias'), ({ resource }) => {
        const names = list(resource.DependsOn).map((id) => templates.runtime.Resources[id]?.Properties.FunctionName);
        return ['dispatch', 'reconcile'].every((name) => names.includes(`waybill-${name}`));
      }),
    plant: (templates) => {
      delete first(templates, 'AWS::StepFunctions::StateMachineAlias').resource.DependsOn;
    },
  },
  {
    says: 'machine: the revision of the task definition is pinned',
    broken: (templates) =>
      failing(all(templates, MACHINE), ({ properties }) => {
        const parts = at(properties.DefinitionString, 'Fn::Join', 1) as unknown[];
        const refs = parts.map((part) => String(at(part, 'Ref')));
        return refs.some((ref) => templates.runtime.Resources[ref]?.Type === TASK);
      }),
    plant: (templates) => {
      const parts = at(first(templates, MACHINE).properties.DefinitionString, 'Fn::Join', 1) as unknown[];
      parts.forEach((part, index) => {
        if (templates.runtime.Resources[String(at(part, 'Ref'))]?.Type === TASK)
          parts[index] = 'waybill-worker-default';
      });
    },
  },
  {
    says: 'tasks: they carry the tag of the deployment, by which their cost is counted, and the machine may put it on',
    broken: (templates) => {
      const mayTag = all(templates, 'AWS::IAM::ManagedPolicy').some(({ properties }) =>
        lines(properties.PolicyDocument).some(
          ({ Action, Condition }) =>
            list(Action).includes('ecs:TagResource') && Condition?.StringEquals?.['ecs:CreateAction'] === 'RunTask',
        ),
      );
      return [
        ...(mayTag ? [] : ['nobody may tag a task']),
        ...failing(all(templates, TASK), ({ properties }) =>
          list(properties.Tags as object[]).some((tag) => at(tag, 'Key') === 'waybill:deployment'),
        ),
        ...failing(all(templates, MACHINE), ({ properties }) =>
          Object.values(statesOf(properties)).some(
            ({ Resource, Parameters }) =>
              Resource?.endsWith('ecs:runTask') === true && Parameters?.PropagateTags === 'TASK_DEFINITION',
          ),
        ),
      ];
    },
    plant: (templates) => inDefinition(templates, '"PropagateTags":"TASK_DEFINITION"', '"PropagateTags":"NONE"'),
  },
  {
    says: 'tasks: without a role of their own, two containers by digest, not root, on a root that nobody writes',
    broken: (templates) =>
      failing(all(templates, TASK), ({ properties }) => {
        const containers = containersOf(properties);
        return (
          properties.TaskRoleArn === undefined &&
          containers.map(({ Name }) => Name).join() === 'wrapper,blocks' &&
          containers.every(
            (container) =>
              /@sha256:[0-9a-f]{64}$/.test(container.Image) &&
              /^[1-9]\d*:[1-9]\d*$/.test(container.User) &&
              container.ReadonlyRootFilesystem === true &&
              container.Privileged !== true &&
              at(container.LinuxParameters, 'Capabilities', 'Drop', 0) === 'ALL',
          )
        );
      }),
    plant: (templates) => {
      first(templates, TASK).properties.TaskRoleArn = 'arn:aws:iam::000000000000:role/x';
    },
  },
];
