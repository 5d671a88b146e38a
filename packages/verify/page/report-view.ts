/** The verdict as a page: the claim, how far it reaches, every check, and what is not proved. */
import type { CheckResult } from '../src/verdict/check-run.ts';
import { DEMANDABLE, type Facets } from '../src/verdict/facets.ts';
import { headlineOf, momentOf, notProvedOf } from '../src/verdict/report.ts';
import type { VerifiedFacts, VerifyReport } from '../src/verdict/verdict.ts';
import { element, shown, svgElement } from './elements.ts';
import type { Timeline } from './timeline.ts';
import { timelineView } from './timeline-view.ts';

/** Shapes as well as colours: a tick, a cross, a dash, a question. */
const MARKS: Record<string, { path: string; says: string }> = {
  pass: { path: 'M3 8.5 6.5 12 13 4.5', says: 'Passed' },
  fail: { path: 'M4 4 12 12M12 4 4 12', says: 'Failed' },
  skip: { path: 'M4 8H12', says: 'Not checked' },
  short: { path: 'M8 3.5V9M8 12V12.6', says: 'Not enough' },
  unreachable: { path: 'M8 3.5V9M8 12V12.6', says: 'Could not be asked' },
};
const MARK_OF_VERDICT: Record<VerifyReport['verdict'], string> = {
  verified: 'pass',
  failed: 'fail',
  insufficient: 'short',
  malformed: 'fail',
  unreachable: 'unreachable',
};

/** @param timeline only for a file whose every line was read and that does not contradict itself */
export function reportView(report: VerifyReport, timeline: Timeline | undefined): HTMLElement {
  const { facts, facets, checks, verdict } = report;
  const sections = [verdictView(report)];
  if (facts !== null)
    sections.push(
      section(verdict === 'verified' ? 'Run' : 'Run, as the file says', factsView(facts)),
      section('How far this reaches', facetsView(facets)),
    );
  sections.push(section(`Checks (${tally(checks)})`, checksView(checks)));
  sections.push(
    section('What this does not prove', listOf(notProvedOf(report, report.facts?.counts.reused), 'limits')),
  );
  // Last, because it is as long as the run.
  if (facts !== null && timeline !== undefined) sections.push(section('Timeline', timelineView(timeline)));
  return element('div', {}, ...sections);
}

function verdictView(report: VerifyReport): HTMLElement {
  const [word = '', ...rest] = headlineOf(report).split(': ');
  const claim = rest.join(': ');
  const missing = report.shortfalls.map(({ code, detail }) => `${code}: ${detail}`);
  const title = element(
    'h2',
    { id: 'verdict', tabindex: '-1' },
    mark(MARK_OF_VERDICT[report.verdict]),
    shown(sentenceCase(word)),
  );
  return element(
    'section',
    { class: `verdict ${report.verdict}`, 'aria-labelledby': 'verdict' },
    title,
    element('p', { class: 'claim' }, shown(claim.slice(0, 1).toUpperCase() + claim.slice(1))),
    ...(missing.length === 0 ? [] : [element('p', { class: 'label' }, 'Missing'), listOf(missing, 'missing')]),
  );
}

/** The command shouts its verdict; here size and colour do. */
function sentenceCase(word: string): string {
  return word.replace(/[A-Z]{2,}/g, (loud) => loud.toLowerCase()).replace(/^./, (first) => first.toUpperCase());
}

function section(title: string, content: HTMLElement): HTMLElement {
  return element('section', {}, element('h3', {}, title), content);
}

function factsView(facts: VerifiedFacts): HTMLElement {
  const { counts } = facts;
  const ended = (['done', 'failed', 'skipped', 'cancelled', 'denied'] as const)
    .filter((state) => counts[state] > 0)
    .map((state) => `${grouped(counts[state])} ${state}`);
  if (counts.tolerated) ended.push(`${grouped(counts.tolerated)} of the failures let pass by the plan`);
  if (counts.reopened) ended.push(`${grouped(counts.reopened)} opened again`);
  const unsandboxed = [
    ...(counts.unsandboxed > 0 ? [`${grouped(counts.unsandboxed)} ran without a sandbox`] : []),
    ...(facts.inProcess > 0 ? [`${grouped(facts.inProcess)} ran inside the engine's own process`] : []),
    ...(facts.reusedUnsandboxed > 0
      ? [`${grouped(facts.reusedUnsandboxed)} took over what was made without a sandbox`]
      : []),
    ...(facts.reusedInProcess > 0
      ? [`${grouped(facts.reusedInProcess)} took over what was made inside an engine's own process`]
      : []),
  ];
  const entries: [string, string, string?][] = [
    ['Name', facts.name],
    ['Ended', facts.state],
    ['Items', `${grouped(counts.items)}: ${ended.join(', ')}`],
    [
      'Attempts',
      `${grouped(counts.attempts)}, of them ${grouped(counts.retries)} ${counts.retries === 1 ? 'retry' : 'retries'}`,
    ],
    ...(unsandboxed.length > 0 ? [['Warning', unsandboxed.join('; '), 'warning'] as [string, string, string]] : []),
    ['Opened', facts.openedAt],
    ['Completed', facts.completedAt],
    ['Sealed', facts.sealedAt],
    ['Run id', facts.run, 'mono'],
    ['Log', `${facts.origin}, run ${facts.runSeq}, ${grouped(facts.logSize)} entries`, 'mono'],
    ['Root', `${facts.root} (${grouped(facts.events)} events)`, 'mono'],
    ['Plan', facts.plan, 'mono'],
  ];
  const rows = entries.flatMap(([term, value, look = '']) => [
    element('dt', {}, term),
    element('dd', { class: look }, shown(value)),
  ]);
  return element('dl', { class: 'facts' }, ...rows);
}

function grouped(count: number): string {
  return count.toLocaleString('en');
}

function facetsView({ integrity, time, completeness, freshness }: Facets): HTMLElement {
  const { tier, witnesses, anchor } = integrity;
  const seen = witnesses === null ? [] : [`${witnesses.k} of ${witnesses.n} witnesses: ${witnesses.names.join(', ')}`];
  const kept = anchor === null ? [] : [`kept at ${anchor.bucket}/${anchor.key}, locked until ${anchor.lockedUntil}`];
  const age =
    freshness.attested === null ? 'No third party vouched for it.' : `Vouched for at ${momentOf(freshness.attested)}.`;
  return element(
    'div',
    { class: 'facets' },
    facet('Integrity', DEMANDABLE.integrity, tier, [...seen, ...kept].join('; ')),
    facet('Time', DEMANDABLE.time, time.tier, `From ${momentOf(time.from)} to ${momentOf(time.to)}. ${age}`),
    facet('Completeness', DEMANDABLE.completeness, completeness, ''),
  );
}

function facet(title: string, steps: readonly string[], reached: string, note: string): HTMLElement {
  const level = steps.indexOf(reached);
  const list = steps.map((step, n) => {
    const current: Record<string, string> = n === level ? { 'aria-current': 'step' } : {};
    return element('li', { class: n <= level ? 'reached' : 'above', ...current }, step);
  });
  return element(
    'div',
    { class: 'facet' },
    element('h4', {}, title),
    element('ol', { 'aria-label': `${title}: ${reached}` }, ...list),
    element('p', { class: 'dim' }, shown(note)),
  );
}

function tally(checks: readonly CheckResult[]): string {
  const passed = checks.filter(({ status }) => status === 'pass').length;
  const failed = checks.filter(({ status }) => status === 'fail').length;
  const rest = checks.length - passed - failed;
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    `${passed} passed`,
    ...(rest > 0 ? [`${rest} not made`] : []),
  ];
  return parts.join(', ');
}

function checksView(checks: readonly CheckResult[]): HTMLElement {
  const rows = checks.map(({ id, status, claim, code, detail }) => {
    const reason = code === null ? detail : `${code}: ${detail}`;
    return element(
      'li',
      { class: `check ${status}` },
      mark(status),
      element('div', {}, claim, ...(reason === '' ? [] : [element('p', { class: 'reason' }, shown(reason))])),
      element('code', {}, id),
    );
  });
  return element('ul', { class: 'checks' }, ...rows);
}

function mark(status: string): SVGElement {
  const { path = '', says = '' } = MARKS[status] ?? {};
  const drawing = svgElement('path', { d: path });
  return svgElement('svg', { class: `mark ${status}`, viewBox: '0 0 16 16', role: 'img', 'aria-label': says }, drawing);
}

function listOf(lines: readonly string[], name: string): HTMLElement {
  return element('ul', { class: name }, ...lines.map((line) => element('li', {}, shown(line))));
}
