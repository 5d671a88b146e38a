import { all, at, failing, first, lines, list, type Rule } from './rule.ts';

const ENDPOINT = 'AWS::EC2::VPCEndpoint';
const GROUP = 'AWS::EC2::SecurityGroup';
const EGRESS = 'AWS::EC2::SecurityGroupEgress';

export const NETWORK_RULES: readonly Rule[] = [
  {
    says: 'network: nothing leads to the internet',
    broken: (templates) => {
      const ways = [
        'AWS::EC2::NatGateway',
        'AWS::EC2::InternetGateway',
        'AWS::EC2::EIP',
        'AWS::EC2::Route',
        'AWS::EC2::EgressOnlyInternetGateway',
      ];
      const open = Object.entries(templates.runtime.Resources).filter(([, { Type }]) => ways.includes(Type));
      return [
        ...open.map(([id]) => id),
        ...failing(all(templates, 'AWS::EC2::Subnet'), ({ properties }) => properties.MapPublicIpOnLaunch !== true),
      ];
    },
    plant: (templates) => {
      templates.runtime.Resources.Planted = { Type: 'AWS::EC2::NatGateway', Properties: {} };
    },
  },
  {
    says: 'network: workers open connections to S3 and to their endpoints, and nobody opens one to them',
    broken: (templates) => {
      const outward = all(templates, EGRESS).filter(({ properties }) => properties.CidrIp !== undefined);
      const inline = all(templates, GROUP).filter(({ properties }) => {
        const rules = [...list(properties.SecurityGroupEgress as object[])];
        return rules.some((rule) => at(rule, 'CidrIp') !== undefined && at(rule, 'CidrIp') !== '255.255.255.255/32');
      });
      return [...outward, ...inline].map(({ id }) => id);
    },
    plant: (templates) => {
      first(templates, EGRESS).properties.CidrIp = '0.0.0.0/0';
    },
  },
  {
    says: 'network: endpoints let nobody through but our own roles, and to the layers of images',
    broken: (templates) =>
      failing(all(templates, ENDPOINT), ({ properties }) => {
        const said = lines(properties.PolicyDocument);
        return (
          said.length > 0 &&
          said.every(({ Condition, Resource }) => {
            const layers = /^arn:aws:s3:::prod-[a-z0-9-]+-starport-layer-bucket\/\*$/.test(String(Resource));
            return layers || Condition?.ArnEquals?.['aws:PrincipalArn'] !== undefined;
          })
        );
      }),
    plant: (templates) => {
      delete first(templates, ENDPOINT).properties.PolicyDocument;
    },
  },
  {
    says: 'network: images can be fetched, because the way to the layers of ECR is open',
    broken: (templates) => {
      const s3 = all(templates, ENDPOINT).filter(({ properties }) => properties.VpcEndpointType === 'Gateway');
      const open = s3.some(({ properties }) =>
        JSON.stringify(properties.PolicyDocument).includes('starport-layer-bucket/*'),
      );
      return open ? [] : ['no gateway to the layers'];
    },
    plant: (templates) => {
      const { properties } = first(templates, ENDPOINT, (found) => found.properties.VpcEndpointType === 'Gateway');
      properties.PolicyDocument = {
        Statement: lines(properties.PolicyDocument).filter(({ Sid }) => Sid !== 'ImageLayers'),
      };
    },
  },
  {
    says: 'network: every name but the needed ones is answered with nothing',
    broken: (templates) =>
      failing(all(templates, 'AWS::Route53Resolver::FirewallRuleGroup'), ({ properties }) => {
        const rules = properties.FirewallRules as { Action: string; Priority: number }[];
        const last = [...rules].sort((a, b) => b.Priority - a.Priority)[0];
        const lists = all(templates, 'AWS::Route53Resolver::FirewallDomainList').map(({ properties: { Domains } }) =>
          String(Domains),
        );
        return last?.Action === 'BLOCK' && lists.includes('*');
      }),
    plant: (templates) => {
      const rules = first(templates, 'AWS::Route53Resolver::FirewallRuleGroup').properties.FirewallRules as {
        Action: string;
      }[];
      for (const rule of rules) rule.Action = 'ALLOW';
    },
  },
  {
    says: 'network: a needed name is answered wherever its aliases lead, which the rule for all other names would refuse',
    broken: (templates) =>
      failing(all(templates, 'AWS::Route53Resolver::FirewallRuleGroup'), ({ properties }) =>
        (properties.FirewallRules as Record<string, string>[])
          .filter(({ Action }) => Action === 'ALLOW')
          .every(({ FirewallDomainRedirectionAction: action }) => action === 'TRUST_REDIRECTION_DOMAIN'),
      ),
    plant: (templates) => {
      const [rule] = first(templates, 'AWS::Route53Resolver::FirewallRuleGroup').properties.FirewallRules as Record<
        string,
        unknown
      >[];
      delete rule?.FirewallDomainRedirectionAction;
    },
  },
  {
    says: 'network: the flow log may find its group, and is made after the role, the policy and the group that it needs',
    broken: (templates) => {
      const named =
        (type: string, property: string) =>
        ({ properties }: { properties: Record<string, unknown> }): boolean =>
          String(properties[property]).endsWith(type);
      const role = first(templates, 'AWS::IAM::Role', named('-flow-logs', 'RoleName'));
      const policy = first(templates, 'AWS::IAM::ManagedPolicy', named('-flow-logs', 'ManagedPolicyName'));
      const group = first(templates, 'AWS::Logs::LogGroup', named('/flows', 'LogGroupName'));
      const actions = lines(policy.properties.PolicyDocument).flatMap(({ Action }) => list(Action));
      return [
        ...['logs:DescribeLogGroups', 'logs:DescribeLogStreams'].filter((action) => !actions.includes(action)),
        ...failing(all(templates, 'AWS::EC2::FlowLog'), ({ resource }) =>
          [role.id, policy.id, group.id].every((id) => list(resource.DependsOn).includes(id)),
        ),
      ];
    },
    plant: (templates) => {
      delete first(templates, 'AWS::EC2::FlowLog').resource.DependsOn;
    },
  },
];
