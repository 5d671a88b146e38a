/** The report for people: what holds, check by check, and what this does not prove. Plain text, no colours. */
import type { CheckStatus } from './check-run.ts';
import type { VerifiedFacts, VerifyReport } from './verify-bundle.ts';

const MAX_TEXT = 200;
const MARKS: Record<CheckStatus, string> = { pass: 'ok  ', fail: 'FAIL', skip: 'skip' };
/** Control and format characters (ANSI, bidirectional overrides, zero width), separators, private use, unassigned. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text from a bundle, made safe for a terminal: no control, bidirectional or invisible characters, at most 200 long. */
export function escapeText(text: string): string {
  const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return shown.toWellFormed().replace(UNSAFE, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** The whole report, ending in a newline. */
export function renderReport(report: VerifyReport): string {
  const checks = report.checks.map(({ status, id, claim, detail }) => {
    const reason = detail === '' ? '' : `\n       ${escapeText(detail)}`;
    return `  ${MARKS[status]} ${id.padEnd(20)} ${claim}${reason}`;
  });
  const limits = notProved(report).map((line) => `  - ${line}`);
  const facts = report.facts === null ? [] : describe(report.facts);
  return [headline(report), ...facts, '', 'Checks', ...checks, '', 'What this does not prove', ...limits, ''].join(
    '\n',
  );
}

function headline({ verdict, tier, facts }: VerifyReport): string {
  switch (verdict) {
    case 'verified':
      return `VERIFIED (${tier}): run ${facts?.run} is recorded as the holder of these keys sealed it.`;
    case 'failed':
      return 'FAILED: this evidence contradicts itself or the keys. Believe nothing in it.';
    case 'insufficient':
      return 'INSUFFICIENT, UNAUTHENTICATED: the file agrees with itself, but anyone could have written it. Supply the keys.';
    case 'malformed':
      return 'MALFORMED: this cannot be read as an audit bundle. Nothing is concluded from it.';
  }
}

function describe(facts: VerifiedFacts): string[] {
  const { counts } = facts;
  const ended = (['done', 'failed', 'skipped', 'cancelled', 'denied'] as const).map(
    (state) => `${counts[state]} ${state}`,
  );
  const loud = [
    ...warn(counts.unsandboxed, 'ran without a sandbox, with the rights of the account that ran the engine'),
    ...warn(facts.inProcess, "ran inside the engine's own process, with no worker and no sandbox"),
  ];
  return [
    `  run      ${escapeText(facts.name)} (${facts.run}), ${facts.state}, ${facts.openedAt} to ${facts.completedAt}`,
    `  items    ${counts.items}: ${ended.join(', ')}; ${counts.attempts} attempts, ${counts.retries} of them retries`,
    `  sealed   ${facts.events} events under ${facts.root}`,
    `  log      ${escapeText(facts.origin)}, run ${facts.runSeq}, in a log of ${facts.logSize} entries`,
    ...loud,
  ];
}

function warn(attempts: number, how: string): string[] {
  if (attempts === 0) return [];
  return [`  WARNING  ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} ${how}, as the record itself says`];
}

function notProved({ verdict, checks }: VerifyReport): string[] {
  if (verdict === 'failed' || verdict === 'malformed')
    return ['Anything. Ask for the bundle again from where it was published.'];
  const unsigned = checks.some(({ status }) => status === 'skip')
    ? ['Who wrote this: no signature was checked, because no keys were supplied.']
    : [];
  return [
    ...unsigned,
    'That the times are true: they are those of the operator. No third party stamped them.',
    'That the log has no second version: no witness and no anchor was checked.',
    'That the log holds every run of the deployment: one run was checked here.',
    'What the worker claimed (keys under "claimed"): the platform recorded it without seeing it happen.',
    'That the outputs are good: they are only the ones that were produced, unchanged.',
  ];
}
