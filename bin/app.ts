/**
 * The CDK app: one deployment, described by a file. `cdk synth -c config=<file>`; without it the example is synthesized, which
 * deploys nowhere: its account has no owner.
 */
import { App } from 'aws-cdk-lib';
import { readDeploymentFile } from '../lib/deployment-file.ts';
import { holdToPacks } from '../lib/packs.ts';
import { WaybillPropsError } from '../lib/props-error.ts';
import { Waybill } from '../lib/waybill.ts';

// Not at the end of the process: then there would be stacks of a deployment that was refused.
const app = new App({ autoSynth: false });
holdToPacks(app);
try {
  new Waybill(app, 'Waybill', readDeploymentFile(app.node.tryGetContext('config')));
  app.synth();
} catch (error) {
  if (!(error instanceof WaybillPropsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
