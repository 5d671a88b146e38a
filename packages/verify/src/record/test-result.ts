/**
 * in-toto test result v0.1 over the gate and verify blocks of an attempt. What the blocks exited with is the worker's
 * claim.
 */

import { outputName } from '../json/scalars.ts';
import { closed, listOf, oneOf, type Shape, text } from '../json/shape.ts';
import { type NamedDigest, namedDigest, type Statement, statementShape } from './in-toto.ts';

export const TEST_RESULT_PREDICATE = 'https://in-toto.io/attestation/test-result/v0.1';

export interface TestResultPredicate {
  /** `FAILED` as soon as one block did not exit with 0. */
  result: 'PASSED' | 'FAILED';
  /** The compiled item, which says what the blocks run. */
  configuration: NamedDigest[];
  /** `<index>/<block>` of the blocks that exited with 0. */
  passedTests: string[];
  /** Always empty. */
  warnedTests: string[];
  failedTests: string[];
}

/**
 * Subjects: `inputs/<key>` of the manifest, then the recorded outputs of kind `patch` and `output`; without any,
 * `attempt/<id>` with the digest of the manifest's payload.
 */
export type TestResultStatement = Statement<typeof TEST_RESULT_PREDICATE, TestResultPredicate>;

const blockName: Shape<string> = text(/^(?:0|[1-9]\d{0,5})\/(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/, '<index>/<block>');

export const testResultStatement: Shape<TestResultStatement> = statementShape(
  TEST_RESULT_PREDICATE,
  outputName,
  closed<TestResultPredicate>({
    result: oneOf('PASSED', 'FAILED'),
    configuration: listOf(namedDigest(oneOf('spec') as Shape<string>), 1),
    passedTests: listOf(blockName),
    warnedTests: listOf(blockName),
    failedTests: listOf(blockName),
  }),
);
