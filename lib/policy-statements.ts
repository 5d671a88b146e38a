import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Statement } from './statement.ts';

/** As the CDK takes them; `why` is for readers of the table. */
export function policyStatements(statements: readonly Statement[]): PolicyStatement[] {
  return statements.map(
    ({ sid, actions, resources, conditions }) =>
      new PolicyStatement({
        sid,
        actions: [...actions],
        resources: [...resources],
        ...(conditions && { conditions }),
      }),
  );
}
