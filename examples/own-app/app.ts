import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Waybill } from '../../lib/waybill.ts';
import { images, place, vpcOfOurs } from './facts.ts';

const app = new App();
const vpc = Vpc.fromVpcAttributes(new Stack(app, 'Network', { env: place }), 'Ours', vpcOfOurs);
new Waybill(app, 'Waybill', {
  env: place,
  ...images,
  origin: 'acme.example/waybill',
  retention: { mode: 'COMPLIANCE', days: 2557 },
  network: { vpc, endpointSecurityGroups: ['sg-0123456789abcdef0'] },
  s3PrefixListId: 'pl-6ea54007',
  permissionsBoundary: 'arn:aws:iam::111122223333:policy/boundary',
  alarmEmail: 'operators@acme.example',
  monthlyBudgetUsd: 200,
});
