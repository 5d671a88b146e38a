/** The statements about the end of an attempt, written the plain way from its event and its manifest. */
import type { EventData } from '../../packages/verify/src/record/events.ts';
import type { ProvenanceStatement } from '../../packages/verify/src/record/provenance.ts';
import type { DispatchStatement } from '../../packages/verify/src/record/statement.ts';
import type { TestResultStatement } from '../../packages/verify/src/record/test-result.ts';
import { digest, jcs } from './naive-evidence.ts';
import { ORIGIN } from './story.ts';

export type Attestation = ProvenanceStatement | TestResultStatement;

export interface AttestedEnd {
  origin: string;
  run: string;
  at: string;
  data: EventData['attempt.settled'];
  /** Undefined for an attempt that was never dispatched. */
  manifest: DispatchStatement | undefined;
  /** Of a pure item. */
  recipe?: `sha256:${string}` | undefined;
}

export function attestationsOf(end: AttestedEnd): Attestation[] {
  const { data, manifest } = end;
  if (manifest === undefined) return [];
  const statements: Attestation[] = [];
  if (data.outputs.some(({ kind }) => kind !== 'log')) statements.push(provenanceOf(end, manifest));
  if (data.claimed.blocks.some(({ lens }) => lens)) statements.push(testResultOf(end, manifest));
  return statements;
}

export function provenanceOf(
  { origin, run, at, data, recipe }: AttestedEnd,
  manifest: DispatchStatement,
): ProvenanceStatement {
  const { predicate } = manifest;
  const { plan, spec, isolation, executable, source, inputs, reads = [], issuedAt } = predicate;
  const dependencies = [entry('manifest', digest(jcs(manifest)))];
  if (executable !== 'in-process') dependencies.push(entry('executable', executable));
  if (source.kind === 'git') dependencies.push(entry('source', source.bundle));
  for (const { key, sha256 } of [...inputs, ...reads]) dependencies.push(entry(`inputs/${key}`, sha256));
  const { attempt, id, item, outcome, outputs } = data;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: outputs.filter(({ kind }) => kind !== 'log').map(({ name, sha256 }) => entry(name, sha256)),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'https://waybill.dev/build/attempt/v1',
        externalParameters: { plan, spec, item, ...(recipe === undefined ? {} : { recipe }) },
        internalParameters: { origin, run, attempt, attemptId: id, isolation, outcome },
        resolvedDependencies: dependencies,
      },
      runDetails: {
        builder: { id: `https://waybill.dev/builder/v1#${isolation}` },
        metadata: { invocationId: id, startedOn: issuedAt, finishedOn: at },
        byproducts: outputs.filter(({ kind }) => kind === 'log').map(({ name, sha256 }) => entry(name, sha256)),
      },
    },
  };
}

export const OLD_RECIPE = digest('what an older one does');

/** What is signed about the attempt of another run. */
export function provenanceOfOld({
  from,
  outputs,
  isolation,
  executable,
}: EventData['item.reused']): ProvenanceStatement {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: outputs.map(({ name, sha256 }) => entry(name, sha256)),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'https://waybill.dev/build/attempt/v1',
        externalParameters: { plan: digest('a plan'), spec: digest('a spec'), item: from.item, recipe: OLD_RECIPE },
        internalParameters: {
          origin: ORIGIN,
          run: from.run,
          attempt: from.attempt,
          attemptId: from.id,
          isolation,
          outcome: 'succeeded',
        },
        resolvedDependencies: [
          entry('manifest', digest('a manifest')),
          ...(executable === 'in-process' ? [] : [entry('executable', digest('the worker'))]),
          entry('source', digest('a source')),
        ],
      },
      runDetails: {
        builder: { id: `https://waybill.dev/builder/v1#${isolation}` },
        metadata: {
          invocationId: from.id,
          startedOn: '2026-11-20T05:00:00.000Z',
          finishedOn: '2026-11-20T05:00:01.000Z',
        },
        byproducts: [],
      },
    },
  };
}

export function testResultOf({ data }: AttestedEnd, manifest: DispatchStatement): TestResultStatement {
  const { inputs, reads = [], spec } = manifest.predicate;
  const subject = [...inputs, ...reads].map(({ key, sha256 }) => entry(`inputs/${key}`, sha256));
  for (const { kind, name, sha256 } of data.outputs) if (kind !== 'log') subject.push(entry(name, sha256));
  if (subject.length === 0) subject.push(entry(`attempt/${data.id}`, digest(jcs(manifest))));
  const passedTests: string[] = [];
  const failedTests: string[] = [];
  for (const { index, block, lens, exit } of data.claimed.blocks) {
    if (lens) (exit === 0 ? passedTests : failedTests).push(`${index}/${block}`);
  }
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject,
    predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
    predicate: {
      result: failedTests.length > 0 ? 'FAILED' : 'PASSED',
      configuration: [entry('spec', spec)],
      passedTests,
      warnedTests: [],
      failedTests,
    },
  };
}

export function entry(name: string, sha256: string): { name: string; digest: { sha256: string } } {
  return { name, digest: { sha256: sha256.slice(7) } };
}
