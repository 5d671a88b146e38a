/** Checks that what is signed about the end of an attempt says what its event and its manifest say. */

import { mustFind, mustHold } from '../contradiction.ts';
import type { Digest } from '../crypto/digest.ts';
import { isSameJson } from '../json/same.ts';
import type { Signed } from '../record/bundle-line.ts';
import type { EventData, RecordedOutput } from '../record/events.ts';
import type { NamedDigest } from '../record/in-toto.ts';
import type { SettledEvent } from '../record/pairing.ts';
import { ATTEMPT_BUILD_TYPE, BUILDER_ID, type ProvenanceStatement } from '../record/provenance.ts';
import type { DispatchStatement } from '../record/statement.ts';
import type { TestResultStatement } from '../record/test-result.ts';
import type { Check, CheckContext, Watcher } from './check.ts';
import { duringRun, signatureWatcher } from './signatures.ts';

/** What is kept of a manifest while its attempt is open: not its bytes. */
type Manifest = Omit<Signed<DispatchStatement>, 'envelope'>;

/** Remembers the manifests of attempts that have not ended, by item. */
class OpenManifests {
  readonly #byItem = new Map<string, Manifest>();

  readonly dispatch: NonNullable<Watcher['dispatch']> = (event, manifest) => {
    if (manifest === undefined) return;
    const { payloadDigest, statement } = manifest;
    this.#byItem.set(event.data.item, { payloadDigest, statement });
  };

  /** The manifest of an attempt that ends now; undefined when there is none of just this attempt. */
  end({ item, id }: EventData['attempt.settled']): Manifest | undefined {
    const manifest = this.#byItem.get(item);
    this.#byItem.delete(item);
    return manifest?.statement.predicate.attemptId === id ? manifest : undefined;
  }
}

export const provenance: Check = {
  id: 'provenance',
  code: 'ATTESTATION_MISMATCH',
  claim: 'Every patch and output has a provenance that names it, its attempt, and what the attempt was given.',
  start({ facts }: CheckContext) {
    const manifests = new OpenManifests();
    return {
      dispatch: manifests.dispatch,
      settlement(event, attestations) {
        const manifest = manifests.end(event.data);
        const at = placeOf(event);
        if (productsOf(event).length === 0) {
          mustHold(attestations.provenance === undefined, `${at} left nothing and has a provenance`);
          return;
        }
        const { statement, payloadDigest } = mustFind(
          attestations.provenance,
          `${at} has outputs and no provenance`,
          'ATTESTATION_MISSING',
        );
        mustHold(event.data.attestations[0] === payloadDigest, `${at} names another provenance`);
        const told = mustFind(manifest, `${at} has outputs and no manifest`);
        // A disclosure shows no plan: what is named there is only known to be signed.
        const { recipe } = facts.plan.isComplete
          ? (facts.plan.items.get(event.data.item) ?? {})
          : statement.predicate.buildDefinition.externalParameters;
        mustBeProvenance(event, told, statement, recipe, at);
      },
    };
  },
};

function mustBeProvenance(
  { data, at: endedAt, origin, run }: SettledEvent,
  { statement: { predicate: told }, payloadDigest }: Manifest,
  { subject, predicate }: ProvenanceStatement,
  recipe: Digest | undefined,
  at: string,
): void {
  const { buildDefinition, runDetails } = predicate;
  const { attempt, id, item, outcome, outputs } = data;
  const { plan, spec, isolation } = told;
  const expected: Record<string, [found: unknown, right: unknown]> = {
    'other subjects than it has outputs': [subject, named(outputs.filter(isProduct))],
    'another kind of build': [buildDefinition.buildType, ATTEMPT_BUILD_TYPE],
    'another plan, spec, item or recipe': [
      buildDefinition.externalParameters,
      { plan, spec, item, ...(recipe === undefined ? {} : { recipe }) },
    ],
    'another attempt, isolation or outcome': [
      buildDefinition.internalParameters,
      { origin, run, attempt, attemptId: id, isolation, outcome },
    ],
    'other dependencies than the manifest gave it': [
      buildDefinition.resolvedDependencies,
      dependenciesOf(told, payloadDigest),
    ],
    'another builder': [runDetails.builder.id, `${BUILDER_ID}#${isolation}`],
    'another invocation or other times': [
      runDetails.metadata,
      { invocationId: id, startedOn: told.issuedAt, finishedOn: endedAt },
    ],
    'another log': [runDetails.byproducts, named(outputs.filter((output) => !isProduct(output)))],
  };
  mustAgree(expected, `the provenance of ${at}`);
}

function dependenciesOf(
  { executable, source, inputs, reads = [] }: DispatchStatement['predicate'],
  payloadDigest: Digest,
): NamedDigest[] {
  const manifest = { name: 'manifest', sha256: payloadDigest };
  const program = executable === 'in-process' ? [] : [{ name: 'executable', sha256: executable }];
  const origin = source.kind === 'git' ? [{ name: 'source', sha256: source.bundle }] : [];
  return named([manifest, ...program, ...origin, ...[...inputs, ...reads].map(asInput)]);
}

export const testResults: Check = {
  id: 'test-results',
  code: 'ATTESTATION_MISMATCH',
  claim: 'Every attempt with gates or checks has a test result that repeats what its worker claims of them.',
  start() {
    const manifests = new OpenManifests();
    return {
      dispatch: manifests.dispatch,
      settlement(event, { testResult }) {
        const manifest = manifests.end(event.data);
        const at = placeOf(event);
        const own = event.data.attestations.slice(productsOf(event).length === 0 ? 0 : 1);
        if (!event.data.claimed.blocks.some(({ lens }) => lens !== undefined)) {
          mustHold(testResult === undefined, `${at} claims no tests and has a test result`);
          mustHold(own.length === 0, `${at} names a statement too many`);
          return;
        }
        const { statement, payloadDigest } = mustFind(
          testResult,
          `${at} claims tests and has no test result`,
          'ATTESTATION_MISSING',
        );
        mustHold(own.length === 1 && own[0] === payloadDigest, `${at} names another test result`);
        mustBeTestResult(event, mustFind(manifest, `${at} claims tests and has no manifest`), statement, at);
      },
    };
  },
};

function mustBeTestResult(
  event: SettledEvent,
  { statement: { predicate: told }, payloadDigest }: Manifest,
  { subject, predicate }: TestResultStatement,
  at: string,
): void {
  const judged = named([...[...told.inputs, ...(told.reads ?? [])].map(asInput), ...productsOf(event)]);
  const itself = named([{ name: `attempt/${event.data.id}`, sha256: payloadDigest }]);
  const tests = event.data.claimed.blocks.filter(({ lens }) => lens !== undefined);
  const namesOf = (hasPassed: boolean): string[] =>
    tests.filter(({ exit }) => (exit === 0) === hasPassed).map(({ index, block }) => `${index}/${block}`);
  const right: TestResultStatement['predicate'] = {
    result: namesOf(false).length > 0 ? 'FAILED' : 'PASSED',
    configuration: named([{ name: 'spec', sha256: told.spec }]),
    passedTests: namesOf(true),
    warnedTests: [],
    failedTests: namesOf(false),
  };
  const expected: Record<string, [found: unknown, right: unknown]> = {
    'other subjects than its inputs and outputs': [subject, judged.length > 0 ? judged : itself],
    'other results than its worker claims': [predicate, right],
  };
  mustAgree(expected, `the test result of ${at}`);
}

export const attestationSignatures: Check = {
  id: 'attestation-signatures',
  code: 'SIGNATURE_UNTRUSTED',
  claim:
    'Every provenance and test result was signed by a key that the auditor trusts and that was valid during the run.',
  needsTrust: true,
  start(context: CheckContext) {
    const { see, settle, finish } = signatureWatcher(context, duringRun);
    return {
      settlement(event, { provenance, testResult }) {
        if (provenance !== undefined) see(provenance, `the provenance of ${placeOf(event)}`);
        if (testResult !== undefined) see(testResult, `the test result of ${placeOf(event)}`);
      },
      settle,
      finish,
    };
  },
};

function placeOf({ data: { attempt, item } }: SettledEvent): string {
  return `attempt ${attempt} at item ${item}`;
}

function isProduct({ kind }: RecordedOutput): boolean {
  return kind !== 'log';
}

function productsOf({ data: { outputs } }: SettledEvent): RecordedOutput[] {
  return outputs.filter(isProduct);
}

function asInput({ key, sha256 }: { key: string; sha256: Digest }): { name: string; sha256: Digest } {
  return { name: `inputs/${key}`, sha256 };
}

function named(list: readonly { name: string; sha256: Digest }[]): NamedDigest[] {
  return list.map(({ name, sha256 }) => ({ name, digest: { sha256: sha256.slice('sha256:'.length) } }));
}

/** Each key says what is wrong when its two values differ. */
function mustAgree(expected: Record<string, [found: unknown, right: unknown]>, what: string): void {
  for (const [problem, [found, right]] of Object.entries(expected)) {
    mustHold(isSameJson(found, right), `${what} names ${problem}`);
  }
}
