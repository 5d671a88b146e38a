import { App } from 'aws-cdk-lib';
import { Waybill } from 'waybill/construct';
import { images, Network, place } from './facts.ts';

const app = new App();
const { vpc } = new Network(app, 'Network', { env: place });
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
