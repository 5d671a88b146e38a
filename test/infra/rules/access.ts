import { resources } from '../deployment.ts';
import { all, at, failing, first, lines, list, type Rule } from './rule.ts';

const ROLE = 'AWS::IAM::Role';
const POLICY = 'AWS::IAM::ManagedPolicy';
/** IAM counts the characters of a managed policy without white space. */
const MAX_POLICY_CHARACTERS = 6_144;
const OF_EXECUTIONS = /^states:(SendTask\w+|(Describe|Start)Execution)$/;

export const ACCESS_RULES: readonly Rule[] = [
  {
    says: 'roles: each has customer-managed policies and nothing else',
    broken: (templates) => [
      ...failing(
        all(templates, ROLE),
        ({ properties }) =>
          properties.Policies === undefined &&
          list(properties.ManagedPolicyArns as object[]).length === 1 &&
          list(properties.ManagedPolicyArns as object[]).every((arn) => at(arn, 'Ref') !== undefined),
      ),
      ...resources(templates, 'AWS::IAM::Policy').map(({ id }) => id),
    ],
    plant: (templates) => {
      first(templates, ROLE).properties.Policies = [{ PolicyName: 'x', PolicyDocument: {} }];
    },
  },
  {
    says: 'roles: a service takes one only for a thing of this account, a role of this account only by its name',
    broken: (templates) =>
      failing(all(templates, ROLE), ({ properties }) =>
        lines(properties.AssumeRolePolicyDocument).every(({ Principal, Condition }) => {
          if (at(Principal, 'Service') === undefined) return Condition?.ArnEquals?.['aws:PrincipalArn'] !== undefined;
          return (
            Condition?.StringEquals?.['aws:SourceAccount'] !== undefined &&
            Condition.ArnLike?.['aws:SourceArn'] !== undefined
          );
        }),
      ),
    plant: (templates) => {
      const [line] = lines(first(templates, ROLE).properties.AssumeRolePolicyDocument);
      delete line?.Condition;
    },
  },
  {
    says: 'roles: Lambda and Step Functions take theirs for a version or an alias of the thing as well',
    broken: (templates) => {
      const taken = all(templates, ROLE).flatMap(({ id, properties }) =>
        lines(properties.AssumeRolePolicyDocument)
          .filter(({ Principal }) => /^(lambda|states)\./.test(String(at(Principal, 'Service'))))
          .map(({ Condition }) => ({ id, arns: list(Condition?.ArnLike?.['aws:SourceArn'] as string[] | undefined) })),
      );
      return taken.length === 0
        ? ['no service takes a role']
        : taken.filter(({ arns }) => !arns.some((arn) => arn.endsWith(':*')) || arns.length !== 2).map(({ id }) => id);
    },
    plant: (templates) => {
      const line = all(templates, ROLE)
        .flatMap(({ properties }) => lines(properties.AssumeRolePolicyDocument))
        .find(({ Principal }) => at(Principal, 'Service') === 'states.amazonaws.com');
      if (line?.Condition?.ArnLike)
        line.Condition.ArnLike['aws:SourceArn'] = 'arn:aws:states:us-east-1:0:stateMachine:x';
    },
  },
  {
    says: 'policies: no action is a wildcard',
    broken: (templates) =>
      failing(all(templates, POLICY), ({ properties }) =>
        lines(properties.PolicyDocument).every(({ Action }) => list(Action).every((action) => !action.includes('*'))),
      ),
    plant: (templates) => {
      const [line] = lines(first(templates, POLICY).properties.PolicyDocument);
      if (line !== undefined) line.Action = ['s3:*'];
    },
  },
  {
    says: 'policies: each fits into what IAM takes',
    broken: (templates) =>
      failing(
        all(templates, POLICY),
        ({ properties }) => JSON.stringify(properties.PolicyDocument).length <= MAX_POLICY_CHARACTERS,
      ),
    plant: (templates) => {
      const [line] = lines(first(templates, POLICY).properties.PolicyDocument);
      if (line !== undefined) line.Action = Array.from({ length: 400 }, (_, n) => `s3:GetObject${n}`);
    },
  },
  {
    says: 'policies: a role is passed to a named service alone',
    broken: (templates) =>
      failing(all(templates, POLICY), ({ properties }) =>
        lines(properties.PolicyDocument)
          .filter(({ Action }) => list(Action).includes('iam:PassRole'))
          .every(({ Condition }) => Condition?.StringEquals?.['iam:PassedToService'] !== undefined),
      ),
    plant: (templates) => {
      for (const { properties } of all(templates, POLICY)) {
        for (const line of lines(properties.PolicyDocument)) {
          if (list(line.Action).includes('iam:PassRole')) delete line.Condition;
        }
      }
    },
  },
  {
    says: 'policies: a task is started from any revision of one family on one cluster, and stopped there alone',
    broken: (templates) => {
      const starting = all(templates, POLICY).flatMap(({ id, properties }) =>
        lines(properties.PolicyDocument)
          .filter(({ Action }) => list(Action).some((action) => /^ecs:(RunTask|StopTask)$/.test(action)))
          .map((line) => ({ id, line })),
      );
      if (starting.length === 0) return ['nobody starts tasks'];
      return starting
        .filter(({ line }) => {
          const onCluster = line.Condition?.ArnEquals?.['ecs:cluster'] !== undefined;
          // Of one revision alone, versions of the machine that name an older one could launch nothing.
          const ofFamily = /^arn:aws:ecs:[^:]+:\d+:task-definition\/waybill-worker-[a-z0-9-]+:\*$/.test(
            String(line.Resource),
          );
          return !(onCluster && (ofFamily || !list(line.Action).includes('ecs:RunTask')));
        })
        .map(({ id }) => id);
    },
    plant: (templates) => {
      for (const { properties } of all(templates, POLICY)) {
        for (const line of lines(properties.PolicyDocument)) {
          if (list(line.Action).includes('ecs:RunTask'))
            line.Resource = 'arn:aws:ecs:us-east-1:000000000000:task-definition/waybill-worker-default:3';
        }
      }
    },
  },
  {
    says: 'policies: Step Functions is asked about machines, never about a version or an alias, which it would not find',
    broken: (templates) => {
      const about = all(templates, POLICY).flatMap(({ id, properties }) =>
        lines(properties.PolicyDocument)
          .filter(({ Action }) => list(Action).some((action) => action.startsWith('states:')))
          .map((line) => ({ id, line })),
      );
      if (about.length === 0) return ['nobody starts attempts'];
      return about
        .filter(({ line }) => {
          const isQualified = list(line.Resource as string).some((arn) => /:stateMachine:[^:]+:/.test(arn));
          const isLive =
            JSON.stringify(line.Condition?.['ForAnyValue:StringEquals']?.['states:StateMachineQualifier']) ===
            '["live"]';
          return isQualified || (list(line.Action).includes('states:StartExecution') && !isLive);
        })
        .map(({ id }) => id);
    },
    plant: (templates) => {
      for (const { properties } of all(templates, POLICY)) {
        for (const line of lines(properties.PolicyDocument)) {
          if (list(line.Action).includes('states:StartExecution')) {
            line.Resource = list(line.Resource as string).map((arn) => `${arn}:live`);
          }
        }
      }
    },
  },
  {
    says: 'policies: attempts of an environment that was taken away can be kept, looked at and ended, and none be started',
    broken: (templates) => {
      const about = all(templates, POLICY).flatMap(({ id, properties }) =>
        lines(properties.PolicyDocument)
          .filter(({ Action }) => list(Action).some((action) => OF_EXECUTIONS.test(action)))
          .map(({ Action, Resource }) => ({ id, actions: list(Action), arns: list(Resource as string | string[]) })),
      );
      const ofAll = /:(stateMachine:waybill-attempt-\*|execution:waybill-attempt-\*:a-\*)$/;
      return ['SendTaskHeartbeat', 'SendTaskSuccess', 'DescribeExecution', 'StartExecution'].flatMap((name) => {
        const found = about.filter(({ actions }) => actions.includes(`states:${name}`));
        if (found.length === 0) return [`nobody may ${name}`];
        const isOfAll = ({ arns }: { arns: string[] }): boolean => arns.some((arn) => ofAll.test(arn));
        return found.filter((line) => isOfAll(line) === (name === 'StartExecution')).map(({ id }) => `${id}: ${name}`);
      });
    },
    plant: (templates) => {
      for (const { properties } of all(templates, POLICY)) {
        for (const line of lines(properties.PolicyDocument)) {
          if (list(line.Action).includes('states:SendTaskHeartbeat')) {
            line.Resource = list(line.Resource as string).map((arn) => arn.replace('*', 'default'));
          }
        }
      }
    },
  },
];
