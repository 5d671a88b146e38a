import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { type Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { lambdaAsset } from '../../lib/lambda-asset.ts';

function stackWith(folder: string): Stack {
  const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'Stack');
  const code: Code = lambdaAsset(stack, 'submit', folder);
  new LambdaFunction(stack, 'Function', { runtime: Runtime.NODEJS_24_X, handler: 'index.handler', code });
  return stack;
}

test('functions: one that is not bundled is an error of its stack, and one that is bundled is none', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-bundles-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  Annotations.fromStack(stackWith(folder)).hasError('*', Match.stringLikeRegexp('submit is not bundled'));
  mkdirSync(join(folder, 'submit'));
  writeFileSync(join(folder, 'submit', 'index.mjs'), 'export const handler = async () => {};\n');
  assert.deepEqual(Annotations.fromStack(stackWith(folder)).findError('*', Match.anyValue()), []);
});
