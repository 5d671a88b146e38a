/** What stays on the screen when a run has ended: every item, where its patch is, and what the evidence is worth. */
import type { RunStatus } from '@waybill/client/documents';
import { escapeText, type VerifyReport } from '@waybill/verify';
import { safeCell } from '../safe-text.ts';
import { attemptText, elapsedMs, noteOf, patchOf, STATE_LOOK } from './item-line.ts';
import { firstOf, formatDuration } from './measure.ts';
import { headLine, warningLines } from './run-tree.ts';
import { type Line, toned } from './styled.ts';
import { type Cell, tableLines } from './table.ts';

/** How commands are named in hints: as the reader would have to type them. */
export interface Hints {
  /** `waybill`, with `--dir` when it is not the default. */
  command: (verb: string) => string;
}

const MAX_ROWS = 200;

function itemRow(item: RunStatus['items'][number], run: RunStatus, nowMs: number): Cell[] {
  const look = STATE_LOOK[item.state] ?? { mark: '?', tone: 'warn' };
  const elapsed = elapsedMs(item, nowMs);
  const [first] = item.attempts;
  return [
    { text: safeCell(item.id, 40) },
    { text: `${look.mark} ${safeCell(item.state)}`, tone: look.tone },
    { text: attemptText(item), tone: 'warn' },
    { text: first === undefined ? '' : `+${formatDuration(Date.parse(first.startedAt) - Date.parse(run.openedAt))}` },
    { text: elapsed === undefined ? '' : formatDuration(elapsed) },
    { text: noteOf(item, run, nowMs) },
  ];
}

/** The table of items; of very many, the first ones. */
export function itemTableLines(run: RunStatus, nowMs: number): Line[] {
  const rows = run.items.slice(0, MAX_ROWS).map((item) => itemRow(item, run, nowMs));
  const hidden = run.items.length - rows.length;
  const more: Line[] = hidden > 0 ? [[toned('quiet', `… ${hidden} more; see them with --json`)]] : [];
  return [...tableLines(['ITEM', 'STATE', 'TRY', 'FROM', 'TOOK', 'YIELD'], rows), ...more];
}

/** One line on the evidence; the whole report is one command away. */
export function evidenceLines(bundle: string, report: VerifyReport): Line[] {
  const good = report.verdict === 'verified';
  const failed = report.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  const claim = good
    ? `verified (${report.tier}) with this engine's own keys, ${report.facts?.events ?? 0} events`
    : `${report.verdict}: ${failed.length > 0 ? firstOf(failed) : 'not signed by the known keys'}`;
  return [
    [toned('quiet', 'evidence  '), toned(good ? 'good' : 'bad', claim)],
    [toned('quiet', '          '), escapeText(bundle)],
  ];
}

/** One that the run is failed for: one that ended what came behind it, where there is such. */
function brokenItem({ items }: RunStatus): RunStatus['items'][number] | undefined {
  const causes = new Set(items.map(({ cause }) => cause));
  const failed = items.filter(({ state, isLetPass }) => state === 'failed' && isLetPass !== true);
  const denied = items.find(({ state }) => state === 'denied');
  return failed.find(({ id }) => causes.has(id)) ?? denied ?? failed[0];
}

function nextSteps(run: RunStatus, { command }: Hints): Line[] {
  const id = safeCell(run.run).slice(0, 12);
  const patched = run.items.find((item) => (patchOf(item)?.sizeBytes ?? 0) > 0);
  const broken = run.state === 'done' ? undefined : brokenItem(run);
  return [
    ...(broken === undefined ? [] : [[toned('quiet', 'why       '), command(`explain ${id} ${safeCell(broken.id)}`)]]),
    ...(patched === undefined ? [] : [[toned('quiet', 'patch     '), command(`patch ${id} ${safeCell(patched.id)}`)]]),
    [toned('quiet', 'audit     '), command(`audit verify ${id}`)],
  ];
}

export interface Summary {
  run: RunStatus;
  nowMs: number;
  evidence?: { bundle: string; report: VerifyReport };
  hints: Hints;
}

export function summaryLines({ run, nowMs, evidence, hints }: Summary): Line[] {
  return [
    headLine(run, nowMs),
    ...warningLines(run),
    [],
    ...itemTableLines(run, nowMs),
    [],
    ...(evidence === undefined ? [] : evidenceLines(evidence.bundle, evidence.report)),
    ...nextSteps(run, hints),
  ];
}
