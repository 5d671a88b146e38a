import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProvenanceStatement, TestResultStatement } from '@waybill/verify';
import { type EndedAttempt, statementsAbout } from './attestations.ts';

const digest = (digit: string): `sha256:${string}` => `sha256:${digit.repeat(64)}`;
const hex = (digit: string): string => digit.repeat(64);
const PATCH = { name: 'patch', kind: 'patch', sha256: digest('1'), sizeBytes: 1 } as const;
const LOG = { name: 'log', kind: 'log', sha256: digest('2'), sizeBytes: 1 } as const;
const TIMES = { startedAt: '1970-01-01T00:00:00.000Z', endedAt: '1970-01-01T00:00:01.000Z' };

function ended(how: Partial<EndedAttempt>): EndedAttempt {
  return {
    origin: 'o',
    run: 'a'.repeat(32),
    item: 'x',
    attempt: 1,
    attemptId: 'b'.repeat(32),
    spec: digest('3'),
    isolation: 'bubblewrap',
    manifest: {
      payload: digest('4'),
      issuedAtMs: 1_000,
      plan: digest('5'),
      executable: digest('6'),
      source: digest('7'),
      inputs: [{ key: 'in', sha256: digest('8') }],
    },
    outcome: 'succeeded',
    outputs: [PATCH, LOG],
    blocks: [],
    endedAtMs: 2_000,
    ...how,
  };
}

function namesOf(list: readonly { name: string }[]): string[] {
  return list.map(({ name }) => name);
}

test('an attempt that left a log only, and claims no checks, has no statements', () => {
  assert.deepEqual(statementsAbout(ended({ outputs: [LOG] })), []);
});

test('the provenance names what the attempt was given, and the log beside the outputs', () => {
  const [text] = statementsAbout(ended({}));
  const { subject, predicate } = JSON.parse(text ?? '') as ProvenanceStatement;
  assert.deepEqual(subject, [{ name: 'patch', digest: { sha256: hex('1') } }]);
  const { resolvedDependencies } = predicate.buildDefinition;
  assert.deepEqual(namesOf(resolvedDependencies), ['manifest', 'executable', 'source', 'inputs/in']);
  assert.deepEqual(predicate.runDetails.byproducts, [{ name: 'log', digest: { sha256: hex('2') } }]);
  assert.equal(predicate.runDetails.metadata.startedOn, '1970-01-01T00:00:01.000Z');
  assert.equal(predicate.runDetails.metadata.finishedOn, '1970-01-01T00:00:02.000Z');
});

test('without a source and a worker there is nothing to name but the manifest', () => {
  const manifest = {
    payload: digest('4'),
    issuedAtMs: 0,
    plan: digest('5'),
    executable: 'in-process',
    inputs: [],
  } as const;
  const [text] = statementsAbout(ended({ manifest: { ...manifest, inputs: [] }, isolation: 'in-process' }));
  const { predicate } = JSON.parse(text ?? '') as ProvenanceStatement;
  assert.deepEqual(namesOf(predicate.buildDefinition.resolvedDependencies), ['manifest']);
  assert.equal(predicate.runDetails.builder.id, 'https://waybill.dev/builder/v1#in-process');
});

test('a check without an exit code of 0 has failed; a block without a lens is no check', () => {
  const block = (index: number, exit: number | null, lens?: 'gate' | 'verify'): EndedAttempt['blocks'][number] => ({
    index,
    block: 'script',
    exit,
    ...TIMES,
    ...(lens ? { lens } : {}),
  });
  const blocks = [block(0, 1), block(1, 0, 'gate'), block(2, null, 'verify')];
  const [, text] = statementsAbout(ended({ blocks }));
  const { subject, predicate } = JSON.parse(text ?? '') as TestResultStatement;
  assert.deepEqual(namesOf(subject), ['inputs/in', 'patch']);
  assert.deepEqual(
    [predicate.result, predicate.passedTests, predicate.failedTests],
    ['FAILED', ['1/script'], ['2/script']],
  );
});
