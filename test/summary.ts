import { relative, resolve } from 'node:path';
import type { Group } from './groups.ts';
import type { Totals } from './totals-reporter.ts';

export interface GroupRun {
  group: Group;
  /** Relative to the repository. */
  files: string[];
  /** Those of the files whose tests stand in a suite file, under which the test runner reports them. */
  throughSuite: string[];
  exit: number | null;
  elapsedMs: number;
  /** Null when the process died before it could report. */
  totals: Totals | null;
  output: string;
}

export interface Conditions {
  skipsAllowed: boolean;
  /** Components that nothing can install and that are absent: a skip that names one of them is honest anywhere. */
  absent: readonly string[];
  elapsedMs: number;
  root: string;
}

export interface Summary {
  ok: boolean;
  text: string;
}

/** What a developer runs after every change. Its budget is printed, not asserted: a busy machine proves nothing. */
const QUICK_BUDGET_MS = 15_000;
const QUICK_GROUPS: readonly Group[] = ['unit', 'flow', 'architecture'];
const SLOWEST_SHOWN = 5;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** What makes a run red beyond its failed tests: dead processes, files that ran no test, skips that are not allowed. */
export function faultsOf(runs: readonly GroupRun[], { skipsAllowed, absent, root }: Conditions): string[] {
  const faults: string[] = [];
  for (const { group, files, throughSuite, exit, totals } of runs) {
    if (files.length === 0) faults.push(`${group}: no test file found`);
    else if (totals === null) faults.push(`${group}: the test process died (exit ${exit}) before its totals`);
    else {
      if (exit !== 0 && totals.failed === 0) faults.push(`${group}: exit ${exit} although no test failed`);
      const ran = new Set(Object.keys(totals.fileMs));
      const silent = files.filter((file) => !ran.has(resolve(root, file)) && !throughSuite.includes(file));
      faults.push(...silent.map((file) => `${group}: ${file} ran no test`));
      const unexplained = totals.skips.filter(({ reason }) => !absent.some((name) => reason.includes(name)));
      if (!skipsAllowed)
        faults.push(...unexplained.map(({ title, reason }) => `${group}: skipped: ${title} (${reason})`));
    }
  }
  return faults;
}

export function summarise(runs: readonly GroupRun[], conditions: Conditions): Summary {
  const totals = runs.flatMap((run) => run.totals ?? []);
  const count = (of: (part: Totals) => number): number => totals.reduce((sum, part) => sum + of(part), 0);
  const passed = count((part) => part.passed);
  const failed = count((part) => part.failed);
  const skipped = count((part) => part.skips.length);
  const faults = faultsOf(runs, conditions);
  const quick = runs.length === QUICK_GROUPS.length && runs.every(({ group }) => QUICK_GROUPS.includes(group));
  const lines = [
    '',
    ...runs.map((run) => groupLine(run)),
    ...skipLines(totals),
    ...slowestLines(totals, conditions.root),
    `wall clock: ${seconds(conditions.elapsedMs)}${quick ? ` of a budget of ${seconds(QUICK_BUDGET_MS)}` : ''}`,
    ...faults.map((fault) => `fault: ${fault}`),
    `${passed} passed, ${failed + faults.length} failed, ${skipped} skipped`,
    '',
  ];
  return { ok: failed === 0 && faults.length === 0 && passed > 0, text: lines.join('\n') };
}

function groupLine({ group, files, elapsedMs, totals }: GroupRun): string {
  const figures =
    totals === null
      ? 'no totals'
      : `${totals.passed} passed, ${totals.failed} failed, ${totals.skips.length} skipped in`;
  return `${group.padEnd(14)} ${figures} ${files.length} files, ${seconds(elapsedMs)}`;
}

/** Reasons with their numbers, so that a reader sees what to install. */
function skipLines(totals: readonly Totals[]): string[] {
  const byReason = Map.groupBy(
    totals.flatMap((part) => part.skips),
    ({ reason }) => reason,
  );
  return [...byReason].map(([reason, skips]) => `skipped ${skips.length}: ${reason}`);
}

function slowestLines(totals: readonly Totals[], root: string): string[] {
  const files = totals.flatMap((part) => Object.entries(part.fileMs)).sort(([, left], [, right]) => right - left);
  const shown = files.slice(0, SLOWEST_SHOWN).map(([file, ms]) => `${relative(root, file)} ${seconds(ms)}`);
  return shown.length === 0 ? [] : [`slowest files: ${shown.join(', ')}`];
}
