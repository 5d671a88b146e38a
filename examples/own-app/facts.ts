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
  isolatedSubnetRouteTableIds: ['rtb-0123456789abcdef0', 'rtb-0123456789abcdef1'],
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
    keys: [
      {
        use: 'log',
        alg: 'ed25519',
        keyid: '06add05a5695236cffd52b44b6a0b127cddf82b8bfdef72ff085719c015599a3',
        spki: 'MCowBQYDK2VwAyEARFuRM7zLWa3M4LbJ/CUGjgJNBxVoWnjKKFnXgBq7a5w=',
        from: 0,
        vkey: 'acme.example/waybill+64d9ac17+AURbkTO8y1mtzOC2yfwlBo4CTQcVaFp4yihZ14Aau2uc',
      },
      {
        use: 'attest',
        alg: 'ecdsa-p256-sha256',
        keyid: '6083305141bc19da596d5e119466da768a1c36668a2d32f124d56beb07903957',
        spki: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEL78XmD4/pvIkZ00xxeNulFsJhaXY84szSKrLXSQnsNsLefmFDsKHUpMCn41nSisyu1t5jpnYwYTPmFoEjqmMDA==',
        from: 1,
      },
    ],
  },
};
