import { createHash } from 'node:crypto';
import { CfnSamplingRule } from 'aws-cdk-lib/aws-xray';
import { Construct } from 'constructs';
import type { DeploymentNames } from './deployment-names.ts';

/** Of attempts, which share is traced. */
const TRACED_SHARE = 0.05;
/** Before the default rule, which has the last place. */
const PRIORITY = 1_000;

/**
 * X-Ray's own rule takes the first request of each second, beside a share: of attempts that start seconds apart, all. This one
 * takes the share alone.
 */
export class TracedAttempts extends Construct {
  constructor(scope: Construct, id: string, names: DeploymentNames) {
    super(scope, id);
    new CfnSamplingRule(this, 'Rule', {
      samplingRule: {
        // It may have 32 characters, which names of deployments can exceed.
        ruleName: `waybill-${createHash('sha256').update(names.name).digest('hex').slice(0, 20)}`,
        version: 1,
        priority: PRIORITY,
        reservoirSize: 0,
        fixedRate: TRACED_SHARE,
        serviceType: 'AWS::StepFunctions::StateMachine',
        serviceName: names.machine('*'),
        resourceArn: '*',
        host: '*',
        httpMethod: '*',
        urlPath: '*',
      },
    });
  }
}
