/** What is signed about the end of an attempt: where its outputs came from, and what its gates and checks claim. */
import type { OutputRef } from '@waybill/client/documents';
import {
  ATTEMPT_BUILD_TYPE,
  BUILDER_ID,
  type ClaimedBlock,
  canonicalize,
  type Digest,
  type NamedDigest,
  PROVENANCE_PREDICATE,
  type ProvenanceStatement,
  type SealedOutcome,
  STATEMENT_TYPE,
  TEST_RESULT_PREDICATE,
  type TestResultStatement,
} from '@waybill/verify';
import { isoTime } from '#core/evidence.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { ManifestFacts } from '#core/record-rows.ts';

export interface EndedAttempt {
  origin: string;
  run: string;
  item: string;
  attempt: number;
  attemptId: string;
  spec: Digest;
  /** Of a pure item. */
  recipe?: Digest | undefined;
  isolation: Isolation;
  manifest: ManifestFacts;
  outcome: SealedOutcome;
  outputs: readonly OutputRef[];
  blocks: readonly ClaimedBlock[];
  /** Time of the event that names the statements. */
  endedAtMs: number;
}

/** The statements about the attempt in JCS, in the order in which its event names them; none for one that left nothing. */
export function statementsAbout(ended: EndedAttempt): string[] {
  const products = ended.outputs.filter(({ kind }) => kind !== 'log').map(({ name, sha256 }) => named(name, sha256));
  const tests = ended.blocks.filter(({ lens }) => lens !== undefined);
  const statements = [];
  if (products.length > 0) statements.push(canonicalize(provenance(ended, products)));
  if (tests.length > 0) statements.push(canonicalize(testResult(ended, products, tests)));
  return statements;
}

function provenance(ended: EndedAttempt, subject: NamedDigest[]): ProvenanceStatement {
  const { origin, run, item, attempt, attemptId, spec, recipe, isolation, manifest, outcome } = ended;
  const log = ended.outputs.find(({ kind }) => kind === 'log');
  return {
    _type: STATEMENT_TYPE,
    subject,
    predicateType: PROVENANCE_PREDICATE,
    predicate: {
      buildDefinition: {
        buildType: ATTEMPT_BUILD_TYPE,
        externalParameters: { plan: manifest.plan, spec, item, ...(recipe === undefined ? {} : { recipe }) },
        internalParameters: { origin, run, attempt, attemptId, isolation, outcome },
        resolvedDependencies: dependencies(manifest),
      },
      runDetails: {
        builder: { id: `${BUILDER_ID}#${isolation}` },
        metadata: {
          invocationId: attemptId,
          startedOn: isoTime(manifest.issuedAtMs),
          finishedOn: isoTime(ended.endedAtMs),
        },
        byproducts: log === undefined ? [] : [named('log', log.sha256)],
      },
    },
  };
}

function dependencies({ payload, executable, source, inputs }: ManifestFacts): NamedDigest[] {
  return [
    named('manifest', payload),
    ...(executable === 'in-process' ? [] : [named('executable', executable)]),
    ...(source === undefined ? [] : [named('source', source)]),
    ...inputs.map(({ key, sha256 }) => named(`inputs/${key}`, sha256)),
  ];
}

function testResult(ended: EndedAttempt, products: NamedDigest[], tests: ClaimedBlock[]): TestResultStatement {
  const { attemptId, spec, manifest } = ended;
  const judged = [...manifest.inputs.map(({ key, sha256 }) => named(`inputs/${key}`, sha256)), ...products];
  const namesOf = (blocks: ClaimedBlock[]): string[] => blocks.map(({ index, block }) => `${index}/${block}`);
  const failed = tests.filter(({ exit }) => exit !== 0);
  return {
    _type: STATEMENT_TYPE,
    subject: judged.length > 0 ? judged : [named(`attempt/${attemptId}`, manifest.payload)],
    predicateType: TEST_RESULT_PREDICATE,
    predicate: {
      result: failed.length > 0 ? 'FAILED' : 'PASSED',
      configuration: [named('spec', spec)],
      passedTests: namesOf(tests.filter(({ exit }) => exit === 0)),
      warnedTests: [],
      failedTests: namesOf(failed),
    },
  };
}

function named(name: string, digest: Digest): NamedDigest {
  return { name, digest: { sha256: digest.slice('sha256:'.length) } };
}
