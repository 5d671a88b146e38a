/** Forgeries around the statements about the end of an attempt, by someone who holds every key. */
import type { ProvenancePredicate, ProvenanceStatement } from '../../packages/verify/src/record/provenance.ts';
import type { TestResultStatement } from '../../packages/verify/src/record/test-result.ts';
import { type Forged, first, forged, OTHER, OTHER_RUN, set } from './forged.ts';
import { type Attestation, type AttestedEnd, entry, provenanceOf, testResultOf } from './honest-attestations.ts';
import type { Forgery } from './honest-bundle.ts';

const LATER = '2026-11-21T06:00:00.000Z';
const STAMP = '{"record":"time","tsr":"MAA="}';

type Build = ProvenancePredicate['buildDefinition'];
type Details = ProvenancePredicate['runDetails'];

export const OF_ATTESTATIONS: Forged[] = [
  ofProvenance('with another digest', (s) => set(first(s.subject).digest, { sha256: OTHER.slice(7) })),
  ofProvenance('under another name', (s) => set(first(s.subject), { name: 'outputs/patch' })),
  ofProvenance('without one of the outputs', (s) => s.subject.length > 1 && s.subject.pop()),
  ofProvenance('of the outputs in another order', (s) => s.subject.reverse()),
  ofProvenance('of an output that was never recorded', (s) => s.subject.push(entry('outputs/more', OTHER))),
  ofProvenance('of the log as an output', (s) => s.subject.push(entry('log', OTHER))),
  ofProvenance('for another plan', (s) => set(build(s).externalParameters, { plan: OTHER })),
  ofProvenance('for another spec', (s) => set(build(s).externalParameters, { spec: OTHER })),
  ofProvenance('for another item', (s) => set(build(s).externalParameters, { item: 'lint' })),
  ofProvenance('of another deployment', (s) => set(build(s).internalParameters, { origin: 'else.example' })),
  ofProvenance('of another run', (s) => set(build(s).internalParameters, { run: OTHER_RUN })),
  ofProvenance('of another attempt', (s) => set(build(s).internalParameters, { attempt: 7 })),
  ofProvenance('of another attempt id', (s) => set(build(s).internalParameters, { attemptId: OTHER_RUN })),
  ofProvenance('with a better isolation', (s) => {
    set(build(s).internalParameters, { isolation: 'none' });
    set(details(s).builder, { id: 'https://waybill.dev/builder/v1#none' });
  }),
  ofProvenance('by a builder of another isolation', (s) =>
    set(details(s).builder, { id: 'https://waybill.dev/builder/v1#in-process' }),
  ),
  ofProvenance('with another outcome', (s) => set(build(s).internalParameters, { outcome: 'partial' })),
  ofProvenance('with another manifest', (s) => set(dependency(s, 'manifest'), { sha256: OTHER.slice(7) })),
  ofProvenance('without its manifest', (s) => drop(s, 'manifest')),
  ofProvenance('with another executable', (s) => set(dependency(s, 'executable'), { sha256: OTHER.slice(7) })),
  ofProvenance('without its executable', (s) => drop(s, 'executable')),
  ofProvenance('with another source', (s) => set(dependency(s, 'source'), { sha256: OTHER.slice(7) })),
  ofProvenance('without its source', (s) => drop(s, 'source')),
  ofProvenance('with another input', (s) => {
    for (const { name, digest } of build(s).resolvedDependencies) {
      if (name === 'inputs/patch') set(digest, { sha256: OTHER.slice(7) });
    }
  }),
  ofProvenance('without its input', (s) => drop(s, 'inputs/patch')),
  ofProvenance('with an input that it never had', (s) =>
    build(s).resolvedDependencies.push(entry('inputs/more', OTHER)),
  ),
  ofProvenance('with a dependency twice', (s) =>
    build(s).resolvedDependencies.push(first(build(s).resolvedDependencies)),
  ),
  ofProvenance('of another invocation', (s) => set(details(s).metadata, { invocationId: OTHER_RUN })),
  ofProvenance('that started later', (s) => set(details(s).metadata, { startedOn: LATER })),
  ofProvenance('that finished later', (s) => set(details(s).metadata, { finishedOn: LATER })),
  ofProvenance('without its log', (s) => details(s).byproducts.pop()),
  ofProvenance('with another log', (s) => {
    for (const { digest } of details(s).byproducts) set(digest, { sha256: OTHER.slice(7) });
  }),
  ofProvenance('with a log that was never recorded', (s) => {
    if (details(s).byproducts.length === 0) details(s).byproducts.push(entry('log', OTHER));
  }),
  forged(
    'no provenance, and none is named',
    { attestations: (list, { data }) => data.item === 'build' && dropType(list, 'provenance') },
    ['provenance ATTESTATION_MISSING'],
  ),
  forged('a provenance is named and left out of the file', { lines: withoutLines(isProvenance) }, [
    'provenance ATTESTATION_MISSING',
  ]),
  forged("another attempt's provenance", { attestations: replayed() }, ['provenance ATTESTATION_MISMATCH']),
  forged('an event names another provenance', { event: naming(0, ({ outputs }) => outputs.length > 0) }, [
    'provenance ATTESTATION_MISMATCH',
    'test-results ATTESTATION_MISMATCH',
  ]),
  forged('a provenance of nothing', { attestations: provenanceOfNothing }, [
    'provenance ATTESTATION_MISMATCH',
    'test-results ATTESTATION_MISMATCH',
  ]),

  ofTests('with another input', (s) => set(first(s.subject).digest, { sha256: OTHER.slice(7) })),
  ofTests('without one of its subjects', (s) => s.subject.length > 1 && s.subject.pop()),
  ofTests('of an output that was never recorded', (s) => s.subject.push(entry('outputs/more', OTHER))),
  ofTests('of the attempt in place of its outputs', (s) => set(s, { subject: [entry(`attempt/${OTHER_RUN}`, OTHER)] })),
  ofTests('that passed although a check failed', ({ predicate }) => set(predicate, { result: 'PASSED' })),
  ofTests('that failed although every check passed', ({ predicate }) => set(predicate, { result: 'FAILED' })),
  ofTests('with a failed check among the passed ones', ({ predicate }) => {
    predicate.passedTests.push(...predicate.failedTests);
    set(predicate, { failedTests: [], result: 'PASSED' });
  }),
  ofTests('without one of the checks', ({ predicate }) => predicate.passedTests.pop()),
  ofTests('with a check that was never claimed', ({ predicate }) => predicate.passedTests.push('9/script')),
  ofTests('with a block that is no check', ({ predicate }) => predicate.passedTests.push('0/script')),
  ofTests('with a warning', ({ predicate }) => predicate.warnedTests.push('1/script')),
  ofTests('of another spec', ({ predicate }) => set(first(predicate.configuration).digest, { sha256: OTHER.slice(7) })),
  ofTests('of two specs', ({ predicate }) => predicate.configuration.push(entry('spec', OTHER))),
  forged('no test result, and none is named', { attestations: (list) => dropType(list, 'test-result') }, [
    'test-results ATTESTATION_MISSING',
  ]),
  forged('a test result is named and left out of the file', { lines: withoutLines(isTestResult) }, [
    'test-results ATTESTATION_MISSING',
  ]),
  forged('an event names another test result', { event: naming(0, ({ outputs }) => outputs.length === 0) }, [
    'test-results ATTESTATION_MISMATCH',
  ]),
  forged('a test result of nothing', { attestations: testsOfNothing }, ['test-results ATTESTATION_MISMATCH']),
  forged('an event names a statement that is not there', { event: namingMore() }, [
    'test-results ATTESTATION_MISMATCH',
  ]),

  forged('a provenance stands behind another event', { lines: moved(isProvenance) }, [
    'container CONTAINER_STRAY',
    'provenance ATTESTATION_MISSING',
  ]),
  forged('a test result stands twice', { lines: doubled(isTestResult) }, ['container CONTAINER_STRAY']),
  forged('a provenance stands twice', { lines: doubled(isProvenance) }, ['container CONTAINER_STRAY']),
  forged(
    'a test result stands before the provenance',
    {
      lines: (lines) =>
        swapped(
          lines,
          lines.findIndex((line, n) => isProvenance(line) && isTestResult(lines[n + 1])),
        ),
    },
    ['container CONTAINER_STRAY'],
  ),
  forged('a time stamp stands twice', { lines: (lines) => counted([...lines.slice(0, -1), STAMP, STAMP]) }, [
    'container CONTAINER_ORDER',
  ]),
  forged('a time stamp stands before the log', { lines: stampedEarly }, ['container CONTAINER_ORDER']),
  forged(
    'a time stamp that is too long',
    { lines: (lines) => counted([...lines.slice(0, -1), STAMP.replace('MAA=', 'AAAA'.repeat(21_846))]) },
    ['well-formed LIMIT'],
    { exit: 3 },
  ),
  forged(
    'a time stamp that is no base64',
    { lines: (lines) => counted([...lines.slice(0, -1), STAMP.replace('MAA=', 'MAA')]) },
    ['well-formed BASE64'],
    { exit: 3 },
  ),
];

/** Every provenance is edited; one that fits none of them stays as it is. */
function ofProvenance(title: string, edit: (statement: ProvenanceStatement) => unknown): Forged {
  const attestations: Forgery['attestations'] = (list) => {
    for (const statement of list) if (isOf(statement, 'provenance')) edit(statement);
  };
  return forged(`a provenance ${title}`, { attestations }, ['provenance ATTESTATION_MISMATCH']);
}

function ofTests(title: string, edit: (statement: TestResultStatement) => unknown): Forged {
  const attestations: Forgery['attestations'] = (list) => {
    for (const statement of list) if (isOf(statement, 'test-result')) edit(statement);
  };
  return forged(`a test result ${title}`, { attestations }, ['test-results ATTESTATION_MISMATCH']);
}

interface Kinds {
  provenance: ProvenanceStatement;
  'test-result': TestResultStatement;
}

function isOf<Kind extends keyof Kinds>(statement: Attestation, kind: Kind): statement is Kinds[Kind] & Attestation {
  return statement.predicateType.includes(`/${kind}/`);
}

function build({ predicate }: ProvenanceStatement): Build {
  return predicate.buildDefinition;
}

function details({ predicate }: ProvenanceStatement): Details {
  return predicate.runDetails;
}

function dependency(statement: ProvenanceStatement, name: string): { sha256: string } {
  return first(build(statement).resolvedDependencies.filter((one) => one.name === name)).digest;
}

function drop(statement: ProvenanceStatement, name: string): void {
  const { resolvedDependencies } = build(statement);
  set(build(statement), { resolvedDependencies: resolvedDependencies.filter((one) => one.name !== name) });
}

function dropType(list: Attestation[], kind: keyof Kinds): void {
  const at = list.findIndex((statement) => isOf(statement, kind));
  if (at >= 0) list.splice(at, 1);
}

/** Every provenance is the first one. */
function replayed(): NonNullable<Forgery['attestations']> {
  let shown: ProvenanceStatement | undefined;
  return (list) => {
    for (const [n, statement] of list.entries()) {
      if (!isOf(statement, 'provenance')) continue;
      if (shown !== undefined) list[n] = shown;
      shown ??= statement;
    }
  };
}

function provenanceOfNothing(list: Attestation[], end: AttestedEnd): void {
  if (end.data.item !== 'lint' || end.manifest === undefined) return;
  const statement = provenanceOf(end, end.manifest);
  statement.subject.push(entry('outputs/table.csv', OTHER));
  list.unshift(statement);
}

function testsOfNothing(list: Attestation[], end: AttestedEnd): void {
  if (end.data.item === 'lint' && end.manifest !== undefined) list.push(testResultOf(end, end.manifest));
}

type Settled = AttestedEnd['data'];

function naming(n: number, isMeant: (data: Settled) => boolean): NonNullable<Forgery['event']> {
  return (line) => {
    if (line.type !== 'attempt.settled' || !isMeant(line.data)) return;
    if (line.data.attestations[n] !== undefined) line.data.attestations[n] = OTHER;
  };
}

function namingMore(): NonNullable<Forgery['event']> {
  return (line) => {
    if (line.type === 'attempt.settled' && line.data.item === 'lint') line.data.attestations.push(OTHER);
  };
}

function payloadOf(line: string | undefined): string {
  const value = JSON.parse(line ?? '{}') as { payload?: string };
  return Buffer.from(value.payload ?? '', 'base64').toString();
}

function isProvenance(line: string | undefined): boolean {
  return payloadOf(line).includes('"https://slsa.dev/provenance/v1"');
}

function isTestResult(line: string | undefined): boolean {
  return payloadOf(line).includes('/test-result/');
}

type Edit = (lines: string[]) => string[];

function withoutLines(isMeant: (line: string) => boolean): Edit {
  return (lines) => counted(lines.slice(0, -1).filter((line) => !isMeant(line)));
}

function doubled(isMeant: (line: string) => boolean): Edit {
  return (lines) => counted(lines.slice(0, -1).flatMap((line) => (isMeant(line) ? [line, line] : [line])));
}

/** The first one goes behind the last event. */
function moved(isMeant: (line: string) => boolean): Edit {
  return (lines) => {
    const at = lines.findIndex(isMeant);
    const rest = lines.toSpliced(at, 1);
    const seal = rest.findIndex((line) => line.includes('"record":"seal"'));
    return rest.toSpliced(seal, 0, lines[at] as string);
  };
}

function swapped(lines: string[], at: number): string[] {
  return lines.toSpliced(at, 2, lines[at + 1] as string, lines[at] as string);
}

function stampedEarly(lines: string[]): string[] {
  const at = lines.findIndex((line) => line.includes('"record":"log"'));
  return counted(lines.slice(0, -1).toSpliced(at, 0, STAMP));
}

/** With an end record that counts these lines. */
function counted(lines: string[]): string[] {
  return [...lines, JSON.stringify({ end: { lines: lines.length } })];
}
