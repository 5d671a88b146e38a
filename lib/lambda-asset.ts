import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssetHashType } from 'aws-cdk-lib';
import { type AssetCode, Code } from 'aws-cdk-lib/aws-lambda';
import type { FunctionName } from './deployment-names.ts';

const LAMBDAS = join(import.meta.dirname, '..', 'build', 'lambdas');

/** The bundle of a function, hashed over its bytes: the same sources give the same template. */
export function lambdaAsset(name: FunctionName): AssetCode {
  const folder = join(LAMBDAS, name);
  if (!existsSync(join(folder, 'index.mjs'))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'index.mjs'),
      `export const handler = async () => { throw new TypeError('${name} was not built'); };\n`,
    );
  }
  return Code.fromAsset(folder, { assetHashType: AssetHashType.SOURCE });
}
