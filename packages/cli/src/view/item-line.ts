/** One item of a run on one line: what it is doing, what it waits for, or how it ended. */
import type { AttemptStatus, ItemState, ItemStatus, RunStatus, Waiting } from '@waybill/client/documents';
import { safeCell } from '../safe-text.ts';
import { asOf, counted, firstOf, formatBytes, formatDuration, formatUsd, ifAhead } from './measure.ts';
import { type Segment, type Tone, toned } from './styled.ts';

interface StateLook {
  mark: string;
  tone: Tone;
}

export const STATE_LOOK: Record<ItemState, StateLook> = {
  pending: { mark: '·', tone: 'quiet' },
  ready: { mark: '○', tone: 'quiet' },
  running: { mark: '▶', tone: 'busy' },
  suspended: { mark: '‖', tone: 'warn' },
  done: { mark: '✓', tone: 'good' },
  failed: { mark: '✗', tone: 'bad' },
  skipped: { mark: '-', tone: 'warn' },
  cancelled: { mark: '⊘', tone: 'warn' },
  denied: { mark: '!', tone: 'bad' },
};

export function isTerminal(state: ItemState): boolean {
  return !['pending', 'ready', 'running', 'suspended'].includes(state);
}

/** What holds the item, in words. */
export function waitingText(
  { paused, deps, gate, question, locks, queue, rate, notBefore, cap, behind }: Waiting,
  run: string,
  nowMs: number,
): string {
  if (paused === 'run') return 'waits until the run is resumed';
  if (paused === 'queue' || queue?.state === 'paused')
    return `waits until the operator opens queue ${safeCell(queue?.name ?? '')} again`;
  if (queue?.state === 'gone') return `waits for queue ${safeCell(queue.name)}, which is defined no more`;
  if (deps !== undefined && deps.count > 0)
    return `waits for ${firstOf(
      deps.first.map((id) => safeCell(id)),
      deps.count,
    )}`;
  if (gate !== undefined) {
    const { approved, rejected, approvals, reviewers, expires } = gate;
    const against = rejected > 0 ? `, ${rejected} against` : '';
    const until = expires === undefined ? '' : ifAhead(expires, nowMs, (left) => `; denied in ${left}`);
    return `waits for the gate: ${approved} of ${approvals} approve${against}, by ${firstOf(
      reviewers.map((each) => safeCell(each)),
      reviewers.length,
    )}${until}`;
  }
  if (question !== undefined) return `asks: ${firstLine(question.text)}`;
  if (locks !== undefined && locks.length > 0) return locksText(locks, run);
  if (cap !== undefined) return capText(cap, nowMs);
  if (behind !== undefined) {
    return `waits behind ${nameIn(run, behind)}, for which its queue waits for money`;
  }
  if (notBefore !== undefined)
    return ifAhead(notBefore, nowMs, (left) => `is not started for another ${left}`) || 'about to line up';
  if (queue !== undefined && queue.held >= queue.concurrency) {
    return `waits for a slot of queue ${safeCell(queue.name)} (${queue.held} of ${queue.concurrency} taken)`;
  }
  if (rate !== undefined) {
    const pace = `${rate.starts} in ${formatDuration(rate.perSeconds * 1_000)}`;
    return `waits for its turn: the queue starts ${pace}${ifAhead(rate.next, nowMs, (left) => `, the next in ${left}`)}`;
  }
  return 'about to start';
}

/** How old the status is, where an item waits for what other runs do: it is not written again when these change. */
export function ageOfWaits(items: readonly ItemStatus[], { at }: RunStatus, nowMs: number): string | undefined {
  const isForOthers = ({ waiting = {} }: ItemStatus): boolean => {
    const { locks, queue, rate, behind, cap } = waiting;
    return [locks, queue, rate, behind].some((each) => each !== undefined) || (cap !== undefined && cap.cap !== 'run');
  };
  return items.some(isForOthers) ? asOf(at, nowMs) : undefined;
}

/** The name of an item, with its run where that is another. */
function nameIn(run: string, one: { run: string; item: string }): string {
  return one.run === run ? safeCell(one.item) : `${safeCell(one.item)} of run ${safeCell(one.run).slice(0, 8)}`;
}

function locksText(locks: NonNullable<Waiting['locks']>, run: string): string {
  const [{ name = '', holders = [], keptFor } = {}] = locks;
  const more = locks.length > 1 ? ` and ${counted(locks.length - 1, 'more lock')}` : '';
  const held = firstOf(holders.map((holder) => nameIn(run, holder)));
  const by = [
    ...(held === '' ? [] : [`held by ${held}`]),
    ...(keptFor === undefined ? [] : [`kept for ${nameIn(run, keptFor)}, which others have passed too often`]),
  ];
  return `waits for lock ${safeCell(name)}${more}, ${by.join(', ') || 'held by nobody any more'}`;
}

function firstLine(text: string): string {
  const [line = '', ...more] = text.trim().split('\n');
  return more.length === 0 ? safeCell(line) : `${safeCell(line)} …`;
}

function leftIn(item: ItemStatus): AttemptStatus['outputs'] {
  return item.state === 'done' ? ((item.reused ?? item.attempts.at(-1))?.outputs ?? []) : [];
}

export function patchOf(item: ItemStatus): AttemptStatus['outputs'][number] | undefined {
  return leftIn(item).find(({ kind }) => kind === 'patch');
}

/** What it left in words: patch and files, not the log. */
export function yieldText(item: ItemStatus): string {
  const outputs = leftIn(item);
  const patch = outputs.find(({ kind }) => kind === 'patch');
  const files = outputs.filter(({ kind }) => kind === 'output').length;
  const parts = [
    ...(patch === undefined ? [] : [patch.sizeBytes === 0 ? 'empty patch' : `patch ${formatBytes(patch.sizeBytes)}`]),
    ...(files === 0 ? [] : [counted(files, 'output')]),
  ];
  return parts.join(', ');
}

/** From its first attempt's start to its last one's end, or to now. */
export function elapsedMs(item: ItemStatus, nowMs: number): number | undefined {
  const [first] = item.attempts;
  const last = item.attempts.at(-1);
  if (first === undefined || last === undefined) return undefined;
  return (last.endedAt === undefined ? nowMs : Date.parse(last.endedAt)) - Date.parse(first.startedAt);
}

/** Where a result came from that was used again: one text, or none. */
export function reusedText({ reused }: ItemStatus): string[] {
  if (reused === undefined) return [];
  const { run, item, attempt } = reused.from;
  return [`reused from attempt ${attempt} at ${safeCell(item)} of run ${safeCell(run).slice(0, 12)}`];
}

/** The bound that it did not fit under, in numbers; nothing where that was not it. */
export function exceededText({ exceeded }: ItemStatus): string {
  if (exceeded === undefined) return '';
  if ('max' in exceeded) return `${counted(exceeded.outputs, 'output')}, at most ${exceeded.max}`;
  const { cap, neededMicroUsd, leftMicroUsd, limitMicroUsd } = exceeded;
  const left = `${formatUsd(Math.max(0, leftMicroUsd))} of ${formatUsd(limitMicroUsd)} left`;
  return `needs ${formatUsd(neededMicroUsd)}, ${left} of the cap of the ${safeCell(cap)}`;
}

function endText(item: ItemStatus): string {
  const { reason, cause } = item;
  const bound = exceededText(item);
  const because = `${reason === undefined ? '' : safeCell(reason)}${bound === '' ? '' : `: ${bound}`}`;
  return cause === undefined ? because : `${because} (${safeCell(cause)})`;
}

/** What the last column of the item says, in every view. */
export function noteOf(item: ItemStatus, run: RunStatus, nowMs: number): string {
  if (item.state === 'done') return [yieldText(item), ...reusedText(item)].filter((text) => text !== '').join(', ');
  if (isTerminal(item.state)) return endText(item);
  if (item.state === 'running') {
    const { progress } = item;
    return progress === undefined ? '' : `block ${progress.block} of ${progress.of}: ${safeCell(progress.label)}`;
  }
  if (item.waiting === undefined) return '';
  const waits = waitingText(item.waiting, run.run, nowMs);
  const isPutOff = item.waiting.notBefore !== undefined && item.reason !== undefined;
  return isPutOff ? `${waits} (${safeCell(item.reason ?? '')})` : waits;
}

function capText({ cap, limitMicroUsd, leftMicroUsd, turns }: NonNullable<Waiting['cap']>, nowMs: number): string {
  const whose = cap === 'run' ? 'the run' : `the ${cap}`;
  const left = `${formatUsd(Math.max(0, leftMicroUsd))} of ${formatUsd(limitMicroUsd)} left`;
  const until = turns === undefined ? '' : ifAhead(turns, nowMs, (ahead) => `; whole again in ${ahead}`);
  return `waits for the cap of ${whose}: ${left}${until}`;
}

export function attemptText(item: ItemStatus): string {
  const attempt = item.attempts.at(-1)?.attempt ?? 0;
  return attempt > 1 ? `attempt ${attempt}` : '';
}

export function markOf(state: ItemState): Segment {
  const { mark, tone } = STATE_LOOK[state] ?? { mark: '?', tone: 'warn' };
  return toned(tone, mark);
}
