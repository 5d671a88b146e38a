/** The report on a deployment's log, as data and for people. */
import { toBase64 } from '../crypto/base64.ts';
import type { TrustedKey } from '../keys/key-history.ts';
import type { TrustFile } from '../keys/trust.ts';
import { escapeText } from '../verdict/report.ts';
import { LOG_EXIT, type LogFinding, type LogFindings, type LogVerdict } from './log-finding.ts';
import type { LogHead } from './log-head.ts';
import type { LogTimeline } from './log-timeline.ts';
import type { RunBook } from './run-book.ts';

export interface UnsealedRun {
  run: string;
  runSeq: number;
  openedAt: string;
  ageMs: number;
}

export interface LogAuditReport {
  format: 'waybill-log-report/v1';
  verdict: LogVerdict;
  exitCode: 0 | 1 | 2 | 3 | 5;
  /** The checkpoint that was begun with; null when there was none to read. */
  head: { origin: string; size: number; root: string; note: string } | null;
  /** Entries that were read and hashed, of all that the head has; and how many of each type. */
  read: number;
  entries: Record<string, number>;
  runs: { opened: number; sealed: number; aborted: number; unsealed: UnsealedRun[] };
  times: { first: string | null; last: string | null; longestSilenceMs: number };
  /** As the log says. */
  keys: TrustedKey[];
  /** What follows from the pinned keys; null without them, and when anything contradicts. */
  trust: TrustFile | null;
  /** Checkpoints of the ledger that were compared with the entries, and bundles that were verified. */
  checkpoints: number;
  bundles: number;
  findings: LogFinding[];
  /** Findings beyond those that are listed. */
  omitted: number;
}

export interface AuditedLog {
  findings: LogFindings;
  head: LogHead | undefined;
  walked: number;
  entries: Record<string, number>;
  runs: RunBook;
  keys: TrustedKey[];
  trust: TrustFile | null;
  checkpoints: number;
  bundles: number;
  timeline: LogTimeline;
  nowMs: number;
}

export function reportOfLog(audited: AuditedLog): LogAuditReport {
  const { findings, head, runs, timeline, nowMs } = audited;
  const { verdict } = findings;
  const all = [...runs.runs];
  const inState = (wanted: string): typeof all => all.filter(({ state }) => state === wanted);
  return {
    format: 'waybill-log-report/v1',
    verdict,
    exitCode: LOG_EXIT[verdict],
    head: head === undefined ? null : describeHead(head),
    read: audited.walked,
    entries: audited.entries,
    runs: {
      opened: all.length,
      sealed: inState('sealed').length,
      aborted: inState('aborted').length,
      unsealed: inState('open').map(({ run, runSeq, openedAt }) => {
        return { run, runSeq, openedAt, ageMs: nowMs - Date.parse(openedAt) };
      }),
    },
    times: { first: timeline.first ?? null, last: timeline.last ?? null, longestSilenceMs: timeline.longestSilenceMs },
    keys: audited.keys,
    trust: findings.has('contradiction') || findings.has('malformed') ? null : audited.trust,
    checkpoints: audited.checkpoints,
    bundles: audited.bundles,
    findings: findings.listed,
    omitted: findings.omitted,
  };
}

function describeHead({ text, checkpoint: { origin, size, root } }: LogHead): LogAuditReport['head'] {
  return { origin, size, root: toBase64(root), note: text };
}

const HEADLINES: Record<LogVerdict, string> = {
  verified: 'VERIFIED: the log is whole, and every entry, key and run in it follows from the ones before.',
  failed: 'FAILED: this log contradicts itself or what you supplied. Keep a copy of it: the contradiction is evidence.',
  insufficient: 'INSUFFICIENT: nothing contradicts, but less is shown than was required or promised.',
  malformed: 'MALFORMED: parts of this log cannot be read. Nothing is concluded from it.',
  unreachable: 'UNREACHABLE: the ledger could not be asked. Nothing contradicts; try again.',
};

/** The whole report, ending in a newline. */
export function renderLogReport(report: LogAuditReport): string {
  const { head, runs, times, entries } = report;
  const counts = Object.entries(entries).map(([type, count]) => `${count} ${type}`);
  const facts =
    head === null
      ? []
      : [
          `  log          ${escapeText(head.origin)}, ${head.size} entries under ${head.root}`,
          `  read         ${report.read} entries: ${counts.join(', ')}`,
          `  runs         ${runs.opened} opened, ${runs.sealed} sealed, ${runs.aborted} aborted, ${runs.unsealed.length} open`,
          `  times        ${times.first} to ${times.last}, longest silence ${secondsOf(times.longestSilenceMs)} s`,
          `  keys         ${report.keys.map(describeKey).join(', ')}`,
          `  compared     ${report.checkpoints} checkpoints, ${report.bundles} bundles`,
        ];
  const open = runs.unsealed.map(
    ({ run, runSeq, openedAt, ageMs }) => `  run ${runSeq} (${run}), opened ${openedAt}, ${secondsOf(ageMs)} s ago`,
  );
  const findings = report.findings.map(({ kind, code, detail, run }) => {
    const about = run === undefined ? '' : `run ${run}: `;
    return `  ${MARKS[kind]} ${code.padEnd(20)} ${escapeText(about + detail)}`;
  });
  const rest = report.omitted === 0 ? [] : [`  … and ${report.omitted} more`];
  return [
    HEADLINES[report.verdict],
    ...facts,
    ...section('Runs that are not sealed', open),
    ...section('Findings', [...findings, ...rest]),
    ...section(
      'What this does not prove',
      notProved(report).map((line) => `  - ${line}`),
    ),
    '',
  ].join('\n');
}

const MARKS: Record<LogFinding['kind'], string> = {
  contradiction: 'FAIL ',
  malformed: 'FAIL ',
  unreachable: '?    ',
  shortfall: 'short',
  notice: 'note ',
};

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines];
}

function describeKey({ use, keyid, from, to, revoked }: TrustedKey): string {
  const end = to === undefined ? '' : revoked === undefined ? ` to ${to}` : ` to ${to} (revoked)`;
  return `${use} ${keyid.slice(0, 8)} from ${from}${end}`;
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}

function notProved({ verdict, bundles, runs }: LogAuditReport): string[] {
  if (verdict === 'failed' || verdict === 'malformed') return ['Anything, beyond what is listed above.'];
  return [
    'That the log has no second version that others are shown: compare heads with others, or require witnesses.',
    'That the times are true: they are those of the operator.',
    'That every run was entered: what never reached the log left no gap in it.',
    ...(bundles < runs.sealed ? ['What happened in runs whose bundle was not verified here.'] : []),
    'That the keys were in nobody else’s hands.',
  ];
}
