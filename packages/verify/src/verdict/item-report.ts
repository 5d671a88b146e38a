/** The report on a disclosure, for people. */
import type { ItemReport } from './disclosure.ts';
import { checkLines, escapeText, facetLines, notProvedOf, tiersOf } from './report.ts';

/** The whole report, ending in a newline. */
export function renderItemReport(report: ItemReport): string {
  const { facts, facets } = report;
  const missing = report.shortfalls.map(({ code, detail }) => `  MISSING  ${code}: ${escapeText(detail)}`);
  const about =
    facts === null
      ? []
      : [
          `  item         ${escapeText(facts.item)} of run ${facts.run}`,
          ...facts.attempts.map(({ attempt, outcome, reason, next, outputs }) => {
            const made = outputs.map(({ name, sha256 }) => `${name} ${sha256}`).join(', ');
            return `  attempt ${attempt}    ${escapeText(`${outcome} (${reason}), then ${next}${made === '' ? '' : `: ${made}`}`)}`;
          }),
          `  log          ${escapeText(facts.origin)}, run ${facts.runSeq}, in a log of ${facts.logSize} entries`,
          ...facetLines(facets),
        ];
  const limits = [...limitsOf(report), ...notProvedOf(report)].map((line) => `  - ${line}`);
  return [
    headline(report),
    ...missing,
    ...about,
    '',
    'Checks',
    ...checkLines(report),
    '',
    'What this does not prove',
    ...limits,
    '',
  ].join('\n');
}

function headline({ verdict, facets, facts, shortfalls }: ItemReport): string {
  switch (verdict) {
    case 'verified':
      return `VERIFIED (${tiersOf(facets)}): the attempts at item ${escapeText(facts?.item ?? '')} are recorded so in the run that was sealed.`;
    case 'failed':
      return 'FAILED: this disclosure contradicts itself or what you supplied. Believe nothing in it.';
    case 'insufficient':
      return shortfalls.some(({ code }) => code === 'NO_KEYS')
        ? 'INSUFFICIENT, UNAUTHENTICATED: the file agrees with itself, but anyone could have written it. Supply the keys.'
        : `INSUFFICIENT (${tiersOf(facets)}): nothing contradicts, but less is shown than was required.`;
    case 'malformed':
      return 'MALFORMED: this cannot be read as a disclosure. Nothing is concluded from it.';
    case 'unreachable':
      return 'UNREACHABLE: what was to be asked could not be asked. Nothing contradicts; try again.';
  }
}

function limitsOf({ verdict, facts }: ItemReport): string[] {
  if (verdict === 'failed' || verdict === 'malformed') return [];
  const isOpen = facts?.attempts.at(-1)?.next === 'retry';
  return [
    'What else happened in the run: the other events are covered by the seal and not shown.',
    isOpen
      ? 'How the item ended: its last attempt shown led to another one, or to a cancel, which is left out.'
      : 'That the last attempt shown was the last one: a later one, or a cancel, may have been left out.',
    'That its inputs came from where its manifest says: the items that made them are not shown.',
  ];
}
