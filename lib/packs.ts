import { type App, Validations } from 'aws-cdk-lib';
import {
  AwsSolutionsChecks,
  HIPAASecurityChecks,
  type NagPack,
  NIST80053R5Checks,
  PCIDSS321Checks,
  ServerlessChecks,
} from 'cdk-nag';

/** The rule packs that the app is held to. */
export function packs(app: App): NagPack[] {
  return [
    new AwsSolutionsChecks(app),
    new HIPAASecurityChecks(app),
    new NIST80053R5Checks(app),
    new PCIDSS321Checks(app),
    new ServerlessChecks(app),
  ];
}

/** A finding of theirs that `acknowledgements.ts` does not answer fails the synthesis. */
export function holdToPacks(app: App): void {
  Validations.of(app).addPlugins(...packs(app));
}
