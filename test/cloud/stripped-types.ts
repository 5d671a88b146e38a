/**
 * Resource types of our templates that the wiring bed's CloudFormation does not know, each with the reason why the deployed tests mean
 * something without it. Reviewed by hand: a type that is not here fails the deployment, and a type that is known after all
 * fails a test.
 */
export const STRIPPED_TYPES: Readonly<Record<string, string>> = {
  'AWS::StepFunctions::StateMachineVersion': 'made through the API after the deployment',
  'AWS::StepFunctions::StateMachineAlias': 'made through the API after the deployment',
  'AWS::EC2::SecurityGroupEgress': 'containers are local processes without a network of their own',
  'AWS::EC2::SecurityGroupIngress': 'containers are local processes without a network of their own',
  'AWS::XRay::SamplingRule': 'nothing is traced there',
  'AWS::Budgets::Budget': 'nothing costs anything there',
  'AWS::EC2::FlowLog': 'no packet crosses the emulated network',
  'AWS::Route53Resolver::FirewallDomainList': 'no name is looked up in the emulated network',
  'AWS::Route53Resolver::FirewallRuleGroup': 'no name is looked up in the emulated network',
  'AWS::Route53Resolver::FirewallRuleGroupAssociation': 'no name is looked up in the emulated network',
};
