/**
 * The CDK app: one deployment, described by a file. `cdk synth -c config=<file>`; without it the example is synthesized, which
 * deploys nowhere: its account has no owner.
 */
import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { holdToPacks } from '../lib/packs.ts';
import { Waybill } from '../lib/waybill.ts';
import type { WaybillProps } from '../lib/waybill-props.ts';

const app = new App();
const path = String(app.node.getContext('config'));
holdToPacks(app);
new Waybill(app, 'Waybill', JSON.parse(readFileSync(path, 'utf8')) as WaybillProps);
app.synth();
