import { RemovalPolicy } from 'aws-cdk-lib';
import { CfnFlowLog, type IVpc } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import {
  CfnFirewallDomainList,
  CfnFirewallRuleGroup,
  CfnFirewallRuleGroupAssociation,
} from 'aws-cdk-lib/aws-route53resolver';
import type { Construct } from 'constructs';
import type { DeploymentNames } from './deployment-names.ts';

export interface FlowLogProps {
  readonly names: DeploymentNames;
  readonly key: IKey;
  readonly logDays: number;
}

/** Who spoke with whom: the proof that workers spoke with nobody else. */
export function flowLog(scope: Construct, vpc: IVpc, { names, key, logDays }: FlowLogProps): CfnFlowLog {
  const group = new LogGroup(scope, 'FlowLog', {
    logGroupName: names.logGroup('flows'),
    retention: logDays,
    encryptionKey: key,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const flows = new CfnFlowLog(scope, 'Flows', {
    resourceId: vpc.vpcId,
    resourceType: 'VPC',
    trafficType: 'ALL',
    logDestinationType: 'cloud-watch-logs',
    logGroupName: names.logGroup('flows'),
    deliverLogsPermissionArn: names.arn.role('flow-logs'),
  });
  flows.node.addDependency(group);
  return flows;
}

/** DNS leaves a network that nothing else leaves, and carries bytes: other names than these are answered as if there were none. */
export function onlyTheseNames(
  scope: Construct,
  vpc: IVpc,
  { name, region, dnsSuffix }: DeploymentNames,
  more: readonly string[],
): void {
  const needed = new CfnFirewallDomainList(scope, 'NeededNames', {
    name: `${name}-needed`,
    domains: [
      `s3.${region}.${dnsSuffix}`,
      `*.s3.${region}.${dnsSuffix}`,
      `api.ecr.${region}.${dnsSuffix}`,
      `*.dkr.ecr.${region}.${dnsSuffix}`,
      `logs.${region}.${dnsSuffix}`,
      ...more.map((service) => `${service}.${region}.${dnsSuffix}`),
    ],
  });
  const all = new CfnFirewallDomainList(scope, 'AllNames', { name: `${name}-all`, domains: ['*'] });
  const rules = new CfnFirewallRuleGroup(scope, 'Names', {
    name: `${name}-workers`,
    firewallRules: [
      {
        action: 'ALLOW',
        priority: 100,
        firewallDomainListId: needed.attrId,
        // A name of a bucket is an alias of one of a fleet, whose names change and are on no list.
        firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
      },
      { action: 'BLOCK', blockResponse: 'NODATA', priority: 200, firewallDomainListId: all.attrId },
    ],
  });
  new CfnFirewallRuleGroupAssociation(scope, 'NamesOfTheVpc', {
    name: `${name}-workers`,
    firewallRuleGroupId: rules.attrId,
    vpcId: vpc.vpcId,
    priority: 101,
  });
}
