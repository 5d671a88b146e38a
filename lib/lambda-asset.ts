import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Annotations, AssetHashType } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { FunctionName } from './deployment-names.ts';

const LAMBDAS = join(import.meta.dirname, '..', 'build', 'lambdas');

/**
 * The bundle of a function, hashed over its bytes: the same sources give the same template. The command line makes it before each
 * synthesis (`build` in cdk.json). A bundle that is not there is an error of the stack, which nothing can then be deployed from.
 */
export function lambdaAsset(scope: Construct, name: FunctionName, folder: string = LAMBDAS): Code {
  const bundle = join(folder, name);
  if (existsSync(join(bundle, 'index.mjs'))) {
    return Code.fromAsset(bundle, { assetHashType: AssetHashType.SOURCE });
  }
  Annotations.of(scope).addError(
    `The function ${name} is not bundled. Run \`npm run build:lambdas\` where Waybill is installed first.`,
  );
  return Code.fromInline(`exports.handler = () => Promise.reject(new TypeError('not bundled'));`);
}
