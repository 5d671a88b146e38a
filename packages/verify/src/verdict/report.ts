/** The report for people: what holds, check by check, and what this does not prove. Plain text, no colours. */
import type { CheckStatus } from './check-run.ts';
import type { Facets, Moment } from './facets.ts';
import type { VerifiedFacts, VerifyReport } from './verdict.ts';

const MAX_TEXT = 200;
const MARKS: Record<CheckStatus, string> = {
  pass: 'ok   ',
  fail: 'FAIL ',
  skip: 'skip ',
  short: 'short',
  unreachable: '?    ',
};
/** Control and format characters (ANSI, bidirectional overrides, zero width), separators, private use, unassigned. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text from a bundle, made safe for a terminal: no control, bidirectional or invisible characters, at most 200 long. */
export function escapeText(text: string): string {
  const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return shown.toWellFormed().replace(UNSAFE, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** The whole report, ending in a newline. */
export function renderReport(report: VerifyReport): string {
  const checks = checkLines(report);
  const limits = notProvedOf(report, report.facts?.counts.reused).map((line) => `  - ${line}`);
  const facts = report.facts === null ? [] : describe(report.facts, report.facets);
  const missing = report.shortfalls.map(({ code, detail }) => `  MISSING  ${code}: ${escapeText(detail)}`);
  const head = [headlineOf(report), ...missing, ...facts];
  return [...head, '', 'Checks', ...checks, '', 'What this does not prove', ...limits, ''].join('\n');
}

/** One line for each check, and why it did not pass. */
export function checkLines({ checks }: Pick<VerifyReport, 'checks'>): string[] {
  return checks.map(({ status, id, claim, code, detail }) => {
    // Every check says the same when the file stops early.
    const reason = code === null ? detail : code === 'CUT_SHORT' ? '' : `${code}: ${detail}`;
    return `  ${MARKS[status]} ${id.padEnd(22)} ${claim}${reason === '' ? '' : `\n        ${escapeText(reason)}`}`;
  });
}

/** The claim in one sentence, the verdict first. */
export function headlineOf({ verdict, facets, facts, shortfalls }: VerifyReport): string {
  switch (verdict) {
    case 'verified':
      return `VERIFIED (${tiersOf(facets)}): run ${facts?.run} is recorded as the holder of these keys sealed it.`;
    case 'failed':
      return 'FAILED: this evidence contradicts itself or what you supplied. Believe nothing in it.';
    case 'insufficient':
      return shortfalls.some(({ code }) => code === 'NO_KEYS')
        ? 'INSUFFICIENT, UNAUTHENTICATED: the file agrees with itself, but anyone could have written it. Supply the keys.'
        : `INSUFFICIENT (${tiersOf(facets)}): nothing contradicts, but less is shown than was required.`;
    case 'malformed':
      return 'MALFORMED: this cannot be read as an audit bundle. Nothing is concluded from it.';
    case 'unreachable':
      return 'UNREACHABLE: what was to be asked could not be asked. Nothing contradicts; try again.';
  }
}

export function tiersOf({ integrity, time }: Facets): string {
  const { tier, witnesses } = integrity;
  const by = witnesses === null ? tier : `${tier} ${witnesses.k}/${witnesses.n}`;
  return time.tier === 'asserted' ? by : `${by}, time ${time.tier}`;
}

function describe(facts: VerifiedFacts, facets: Facets): string[] {
  const { counts } = facts;
  const ended = (['done', 'failed', 'skipped', 'cancelled', 'denied'] as const).map(
    (state) => `${counts[state]} ${state}`,
  );
  const again = counts.reopened ? `; ${counts.reopened} opened again` : '';
  const taken = counts.reused ? `; ${counts.reused} of the done took over what an earlier attempt had made` : '';
  const passed = counts.tolerated ? `; ${counts.tolerated} of the failures let pass by the plan` : '';
  return [
    `  run          ${escapeText(facts.name)} (${facts.run}), ${facts.state}, ${facts.openedAt} to ${facts.completedAt}`,
    `  items        ${counts.items}: ${ended.join(', ')}; ${counts.attempts} attempts, ${counts.retries} of them retries${again}${passed}${taken}`,
    `  sealed       ${facts.events} events under ${facts.root}`,
    `  log          ${escapeText(facts.origin)}, run ${facts.runSeq}, in a log of ${facts.logSize} entries`,
    ...facetLines(facets),
    ...clockWarning(facts, facets),
    ...warn(counts.unsandboxed, 'attempt', 'ran without a sandbox, with the rights of the account that ran the engine'),
    ...warn(facts.inProcess, 'attempt', "ran inside the engine's own process, with no worker and no sandbox"),
    ...warn(facts.reusedUnsandboxed, 'item', 'took over what an attempt without a sandbox had made'),
    ...warn(facts.reusedInProcess, 'item', "took over what an attempt inside an engine's own process had made"),
  ];
}

export function facetLines({ integrity, time, completeness, freshness }: Facets): string[] {
  const { tier, witnesses, anchor } = integrity;
  const seen =
    witnesses === null ? [] : [`by ${witnesses.k} of ${witnesses.n} witnesses: ${witnesses.names.join(', ')}`];
  const kept =
    anchor === null ? [] : [`kept at ${anchor.bucket}/${anchor.key}, locked until ${anchor.lockedUntil.slice(0, 10)}`];
  const { attested, ageMs } = freshness;
  const age =
    attested === null || ageMs === null
      ? `unknown: ${attested === null ? 'no third party vouched for a time' : `${momentOf(attested)} is still to come`}`
      : `vouched for ${ageOf(ageMs)} ago, counted from ${momentOf(attested)}`;
  return [
    `  integrity    ${escapeText([tier, ...seen, ...kept].join('; '))}`,
    `  time         ${time.tier}: from ${momentOf(time.from)} to ${momentOf(time.to)}`,
    `  completeness ${completeness}`,
    `  freshness    ${age}`,
  ];
}

const VOUCHERS: Record<Moment['by'], string> = {
  operator: 'says the operator',
  witnesses: 'say the witnesses',
  tsa: 'says the time-stamping authority',
};

/** A moment with the one who vouches for it. */
export function momentOf(moment: Moment | null): string {
  return moment === null ? 'unknown' : `${moment.at} (${VOUCHERS[moment.by]})`;
}

function ageOf(ms: number): string {
  const units: readonly [number, string][] = [
    [86_400_000, 'days'],
    [3_600_000, 'hours'],
    [60_000, 'minutes'],
  ];
  const [unitMs, name] = units.find(([least]) => ms >= 2 * least) ?? [1000, 'seconds'];
  return `${Math.floor(ms / unitMs)} ${name}`;
}

/** A third party saw the checkpoint before the operator says that the run was sealed. */
function clockWarning({ sealedAt }: VerifiedFacts, { time: { to } }: Facets): string[] {
  if (to === null || to.by === 'operator' || sealedAt <= to.at) return [];
  return [`  WARNING      the operator's clock was ahead: it says ${sealedAt} for a seal that was seen by ${to.at}`];
}

function warn(count: number, what: 'attempt' | 'item', how: string): string[] {
  if (count === 0) return [];
  return [`  WARNING      ${count} ${count === 1 ? what : `${what}s`} ${how}, as the record itself says`];
}

/**
 * What nobody may conclude from the report.
 * @param reused items that took over what an earlier attempt had made
 */
export function notProvedOf(
  { verdict, facets, checks }: Pick<VerifyReport, 'verdict' | 'facets' | 'checks'>,
  reused = 0,
): string[] {
  if (verdict === 'failed' || verdict === 'malformed')
    return ['Anything. Ask for the bundle again from where it was published.'];
  const { integrity, completeness } = facets;
  const lines: string[] = [];
  if (integrity.tier === 'self-consistent') {
    lines.push('Who wrote this: no signature was checked, because no keys were supplied.');
  }
  lines.push(...unprovenTime(facets));
  if (integrity.witnesses === null) {
    lines.push(
      integrity.anchor === null
        ? 'That the log has no second version: no witness and no anchor was checked.'
        : 'That the log has no second version: this one is kept where nobody can rewrite it, and another may be kept elsewhere.',
    );
  } else {
    lines.push('That the witnesses are independent of the operator, and honest: that is your policy.');
  }
  if (checks.some(({ code }) => code === 'NO_TSA_ROOTS')) {
    lines.push('What the time-stamp token in the file says: it was not judged, because no roots were supplied.');
  }
  if (completeness !== 'log') lines.push('That the log holds every run of the deployment: one run was checked here.');
  if (reused > 0) lines.push(OF_REUSED);
  lines.push(
    'What the worker claimed (keys under "claimed", results of checks): the platform recorded it without seeing it happen.',
    'That the engine recorded what truly happened: the operator, who holds the keys, could have sealed something else.',
    'That the outputs are good: they are only the ones that were produced, unchanged.',
  );
  return lines;
}

const OF_REUSED =
  'Where a result was used again: that the run which made it was sealed. Its provenance is signed; ask for the bundle of that run.';

function unprovenTime({ time }: Facets): string[] {
  if (time.tier === 'asserted')
    return ['That the times are true: they are those of the operator. No third party vouched.'];
  const { to } = time;
  return [
    `How long before ${to?.at} it happened: the checkpoint existed by then, and earlier times are the operator's.`,
  ];
}
