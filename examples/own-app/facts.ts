/** What an app of yours knows already: where it is deployed, its network, the images that were pushed, the exported keys. */

import { Stack, type StackProps } from 'aws-cdk-lib';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { CfnParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';

export const place = { account: '111122223333', region: 'eu-central-1' };

export const vpcOfOurs = {
  vpcId: 'vpc-0123456789abcdef0',
  vpcCidrBlock: '10.1.0.0/16',
  availabilityZones: ['eu-central-1a', 'eu-central-1b'],
  isolatedSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
};

/** Stands for the stack of yours that has the network, or where it is. */
export class Network extends Stack {
  readonly vpc: IVpc;

  constructor(scope: Construct, id: string, props: StackProps) {
    super(scope, id, props);
    this.vpc = Vpc.fromVpcAttributes(this, 'Ours', vpcOfOurs);
    new CfnParameter(this, 'Where', { type: 'String', value: this.vpc.vpcId });
  }
}

const registry = `${place.account}.dkr.ecr.${place.region}.amazonaws.com`;

export const images = {
  wrapperImage: `${registry}/waybill/wrapper@sha256:${'1'.repeat(64)}`,
  workerDigest: `sha256:${'2'.repeat(64)}`,
  environments: { default: { image: `${registry}/waybill/node@sha256:${'3'.repeat(64)}` } },
  pinnedKeys: {
    format: 'waybill-keys/v1',
    origin: 'acme.example/waybill',
    keys: [{ use: 'attest', spki: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE' }],
  },
};
