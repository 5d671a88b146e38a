/**
 * The statements of a bucket as the bed can hold somebody to them. It evaluates the policies of buckets for strangers only,
 * so they go into the policy of a session, where they mean the same: everything is allowed but what they deny. What the bed
 * does not know it would refuse to parse; those statements are left out here, and named.
 */
import type { BucketStatement } from '../../lib/bucket-policies.ts';

/** Condition keys and operators that the bed does not know, or not for these actions. */
const UNKNOWN = /s3:if-none-match|s3:ObjectCreationOperation|ArnNotEquals|aws:PrincipalArn|-days"|aws-kms-key-id/;
const UNKNOWN_ACTIONS: ReadonlySet<string> = new Set(['s3:UpdateObjectEncryption']);

export function leftOut(statements: readonly BucketStatement[]): string[] {
  return statements.filter(isUnknown).map(({ json }) => json.Sid);
}

export function allowedBut(statements: readonly BucketStatement[]): object {
  const known = statements.filter((statement) => !isUnknown(statement));
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] },
      ...known.map(({ json: { Principal: _everybody, ...json } }) => ({
        ...json,
        Action: json.Action.filter((action) => !UNKNOWN_ACTIONS.has(action)),
      })),
    ],
  };
}

function isUnknown({ json }: BucketStatement): boolean {
  return UNKNOWN.test(JSON.stringify(json.Condition ?? {}));
}
