/** A run as a tree of items, cut to a screen when there is one. */
import { type ItemStatus, NOT_IN_STORE, type RunState, type RunStatus } from '@waybill/client/documents';
import { safeCell } from '../safe-text.ts';
import { ageOfWaits, attemptText, elapsedMs, markOf, noteOf, STATE_LOOK } from './item-line.ts';
import { counted, formatDuration } from './measure.ts';
import { type Line, type Tone, toned } from './styled.ts';

/** Where an item stands in the tree; without one, a run is shown as a list. */
export type Depths = ReadonlyMap<string, number>;

const MAX_INDENT = 12;
const MIN_NAME_COLUMNS = 8;
const MAX_NAME_COLUMNS = 40;

const RUN_TONE: Record<RunState, Tone> = {
  open: 'quiet',
  running: 'busy',
  suspended: 'warn',
  done: 'good',
  failed: 'bad',
  cancelled: 'warn',
};

interface NamedItem {
  item: ItemStatus;
  name: string;
}

function nameOf(item: ItemStatus, depths: Depths): string {
  const depth = Math.min(depths.get(item.id) ?? 0, MAX_INDENT);
  return `${'  '.repeat(depth)}${safeCell(item.id)}`;
}

/** Items in the order of the tree; those that it does not know follow. */
export function treeOrder(items: readonly ItemStatus[], depths: Depths): ItemStatus[] {
  const place = new Map([...depths.keys()].map((id, index) => [id, index]));
  return items.toSorted((left, right) => (place.get(left.id) ?? items.length) - (place.get(right.id) ?? items.length));
}

function itemLine({ item, name }: NamedItem, nameColumns: number, run: RunStatus, nowMs: number): Line {
  const elapsed = elapsedMs(item, nowMs);
  return [
    markOf(item.state),
    ` ${name.padEnd(nameColumns)}  `,
    toned(STATE_LOOK[item.state]?.tone ?? 'warn', safeCell(item.state).padEnd(9)),
    '  ',
    (elapsed === undefined ? '' : formatDuration(elapsed)).padStart(8),
    '  ',
    toned('warn', attemptText(item).padEnd(9)),
    '  ',
    toned('quiet', noteOf(item, run, nowMs)),
  ];
}

/** `8 items: 3 done, 2 running, 3 pending`, states in the order of their life, without those that nobody is in. */
export function countsText({ counts }: RunStatus): string {
  const order = [
    'done',
    'failed',
    'skipped',
    'cancelled',
    'denied',
    'running',
    'ready',
    'suspended',
    'pending',
  ] as const;
  const parts = order.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`);
  const { retries, questions = 0, requeues = 0, lost = 0, putOff = 0 } = counts;
  const again = [
    ...(retries > 0 ? [counted(retries, 'retry').replace('retrys', 'retries')] : []),
    ...(questions > 0 ? [counted(questions, 'question')] : []),
    ...(requeues > 0 ? [`${requeues} sent back`] : []),
    ...(lost > 0 ? [counted(lost, 'lost worker')] : []),
    ...(putOff > 0 ? [`${putOff} put off`] : []),
  ];
  return [`${counted(counts.items, 'item')}: ${parts.join(', ')}`, ...again].join(again.length > 0 ? '; ' : '');
}

/** A run that was aborted has a state too, but none that says so. */
export function runStateCell(run: RunStatus): { text: string; tone: Tone } {
  if (run.aborted !== undefined) return { text: 'aborted', tone: 'bad' };
  return { text: safeCell(run.state), tone: RUN_TONE[run.state] ?? 'warn' };
}

export function abortedLines({ aborted }: RunStatus): Line[] {
  if (aborted === undefined) return [];
  const meaning =
    aborted.reason === NOT_IN_STORE
      ? 'the engine of this state directory does not know this run; another one began it, or its store was lost'
      : 'the log says that this run was never sealed';
  return [[toned('bad', 'aborted'), `  ${safeCell(aborted.reason)}: ${meaning}`]];
}

/** A run that has ended is not paused any more, whatever it was. */
export function isPaused(run: RunStatus): boolean {
  return run.pausedAt !== undefined && run.completedAt === undefined;
}

/** It stays open when all of its items have ended, until somebody closes it. */
export function isTakingItems(run: RunStatus): boolean {
  return run.openEnded === 'open' && run.completedAt === undefined;
}

/** Of a run that has ended, no time goes on. */
function clockMs({ completedAt, aborted }: RunStatus, nowMs: number): number {
  const ended = completedAt ?? aborted?.at;
  return ended === undefined ? nowMs : Date.parse(ended);
}

export function headLine(run: RunStatus, nowMs: number): Line {
  const state = runStateCell(run);
  return [
    toned('strong', safeCell(run.name)),
    toned('quiet', ` ${safeCell(run.run).slice(0, 12)}  `),
    toned(state.tone, state.text),
    ...(isPaused(run) ? [toned('warn', ', paused')] : []),
    ...(isTakingItems(run) ? [toned('quiet', ', takes more items')] : []),
    ...(run.extending === undefined ? [] : [toned('busy', ', is being extended')]),
    `  ${formatDuration(clockMs(run, nowMs) - Date.parse(run.openedAt))}  `,
    countsText(run),
  ];
}

export function warningLines(run: RunStatus): Line[] {
  return run.warnings.map((warning) => [toned('warn', `WARNING  ${safeCell(warning, 160)}`)]);
}

function ageLines(run: RunStatus, nowMs: number): Line[] {
  const age = ageOfWaits(run.items, run, nowMs);
  return age === undefined ? [] : [[toned('quiet', `what waits for other runs is ${age}`)]];
}

/** When not all items fit: first those that are of interest now, in their order, then as many others as there is room for. */
function fitting(items: readonly ItemStatus[], room: number): ItemStatus[] {
  if (items.length <= room) return [...items];
  const interest = (item: ItemStatus): number => {
    if (item.state === 'failed' || item.state === 'denied') return 0;
    if (item.state === 'running' || item.state === 'suspended') return 1;
    return item.state === 'ready' ? 2 : item.state === 'done' ? 4 : 3;
  };
  const chosen = new Set(
    items.toSorted((left, right) => interest(left) - interest(right)).slice(0, Math.max(0, room - 1)),
  );
  return items.filter((item) => chosen.has(item));
}

export interface TreeView {
  run: RunStatus;
  depths: Depths;
  nowMs: number;
  /** Lines that there is room for; all when absent. */
  rows?: number;
}

/** Head, warnings, items, and how many more there are. */
export function runTreeLines({ run, depths, nowMs, rows = Number.POSITIVE_INFINITY }: TreeView): Line[] {
  const top = [headLine(run, nowMs), ...abortedLines(run), ...warningLines(run), ...ageLines(run, nowMs), []];
  const items = fitting(treeOrder(run.items, depths), rows - top.length);
  const named = items.map((item) => ({ item, name: nameOf(item, depths) }));
  const widest = named.reduce((width, { name }) => Math.max(width, name.length), MIN_NAME_COLUMNS);
  const lines = named.map((entry) => itemLine(entry, Math.min(widest, MAX_NAME_COLUMNS), run, clockMs(run, nowMs)));
  const hidden = run.items.length - items.length;
  const more: Line[] = hidden > 0 ? [[toned('quiet', `  … ${counted(hidden, 'more item')}`)]] : [];
  return [...top, ...lines, ...more];
}
