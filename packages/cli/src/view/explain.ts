/** Why an item waits, and why it ended as it did: what is known, and what to do about it. */
import type { ItemStatus, RunStatus } from '@waybill/client/documents';
import { escapeText } from '@waybill/verify';
import { safeBlock, safeCell } from '../safe-text.ts';
import { adviceOnOutcome, adviceOnReason } from './advice.ts';
import {
  ageOfWaits,
  elapsedMs,
  exceededText,
  isTerminal,
  markOf,
  noteOf,
  reusedText,
  STATE_LOOK,
  waitingText,
  yieldText,
} from './item-line.ts';
import { counted, formatBytes, formatDuration } from './measure.ts';
import type { Hints } from './run-summary.ts';
import { stoppedLines } from './stopped.ts';
import { type Line, toned } from './styled.ts';
import { tableLines } from './table.ts';

export interface Explanation {
  run: RunStatus;
  item: ItemStatus;
  nowMs: number;
  /** An engine is working on the state directory. */
  engineRuns: boolean;
  /** Last lines of the newest log, when there is one. */
  logTail?: string;
  hints: Hints;
}

function fact(name: string, text: string): Line {
  return [toned('quiet', name.padEnd(8)), text];
}

function attemptLines({ item: { attempts }, nowMs, engineRuns }: Explanation): Line[] {
  if (attempts.length === 0) return [];
  const rows = attempts.map(({ attempt, startedAt, endedAt, outcome, reason, exit }) => [
    { text: String(attempt) },
    { text: safeCell(outcome ?? (engineRuns ? 'running' : 'not settled')) },
    { text: safeCell(reason ?? '') },
    { text: exit === undefined || exit === null ? '' : String(exit) },
    { text: formatDuration((endedAt === undefined ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)) },
  ]);
  return [[], ...tableLines(['ATTEMPT', 'OUTCOME', 'REASON', 'EXIT', 'TOOK'], rows)];
}

function whyWaiting({ item, run, nowMs, hints }: Explanation): Line[] {
  const holders = (item.waiting?.locks ?? []).flatMap(({ name, holders, keptFor }) => {
    const line = (word: string, one: { run: string; item: string }): Line =>
      fact(word, `${safeCell(name)}: ${safeCell(one.item)} of run ${safeCell(one.run)}`);
    return [
      ...holders.map((holder) => line('holder', holder)),
      ...(keptFor === undefined ? [] : [line('kept', keptFor)]),
    ];
  });
  const why = item.waiting === undefined ? 'it is about to be looked at' : waitingText(item.waiting, run.run, nowMs);
  const busy = run.extending === undefined ? [] : [fact('busy', 'items that were added to the run are being written')];
  const age = ageOfWaits([item], run, nowMs);
  const status = age === undefined ? [] : [fact('status', `${age}: what other runs have done since is not in it`)];
  const then = [...asked(item), ...underReview(item), ...afterwards(item, run.run, nowMs)];
  return [
    fact('why', why),
    ...busy,
    ...then,
    ...holders,
    ...status,
    ...untilWhen(run, nowMs),
    fact('fix', whatToDo(item, run, hints)),
  ];
}

const DIGEST_CHARS = 71;

/** Outputs that a gate is about, and the digest that a verdict on them names. */
function underReview({ waiting }: ItemStatus): Line[] {
  const { reviews = [], reviewed } = waiting?.gate ?? {};
  if (reviewed === undefined) return [];
  const items = reviews.map((id) => safeCell(id)).join(', ');
  return [fact('about', `outputs of ${items}: ${safeCell(reviewed, DIGEST_CHARS)}`)];
}

/** All of it, where the line above has only its beginning. */
function asked({ waiting }: ItemStatus): Line[] {
  const lines = safeBlock(waiting?.question?.text ?? '')
    .trim()
    .split('\n');
  const isWhole = lines.length === 1 && safeCell(lines[0] ?? '') === lines[0];
  return isWhole || lines[0] === '' ? [] : [fact('asks', ''), ...lines.map((line): Line => ['  ', line])];
}

function untilWhen({ deadlineAt }: RunStatus, nowMs: number): Line[] {
  if (deadlineAt === undefined) return [];
  const left = formatDuration(Date.parse(deadlineAt) - nowMs);
  return [fact('until', `${left} from now, when the wall clock of the run is over`)];
}

/** What will hold the item when its run is resumed. */
function afterwards(item: ItemStatus, run: string, nowMs: number): Line[] {
  const { paused, ...rest } = item.waiting ?? {};
  if (paused === undefined || Object.keys(rest).length === 0) return [];
  return [fact('then', waitingText(rest, run, nowMs))];
}

function whatToDo({ id: item, waiting }: ItemStatus, run: RunStatus, hints: Hints): string {
  const id = safeCell(run.run).slice(0, 12);
  if (waiting?.paused === 'queue') return 'Nothing here: who operates the queue has paused it.';
  if (waiting?.paused !== undefined) return hints.command(`resume ${id}`);
  if (waiting?.queue?.state === 'gone')
    return `Define it again (queues.json), or cancel the run: ${hints.command(`cancel ${id}`)}`;
  if (waiting?.gate !== undefined) {
    const { reviewed } = waiting.gate;
    const about = reviewed === undefined ? '' : ` --reviewed ${safeCell(reviewed.slice(0, 23))}`;
    return hints.command(`approve ${id} ${safeCell(item)}${about}`);
  }
  if (waiting?.question !== undefined) return hints.command(`answer ${id} ${safeCell(item)} --text "…"`);
  const [dep] = waiting?.deps?.first ?? [];
  if (dep === undefined) return 'Nothing: it starts by itself as soon as that is free.';
  return `Nothing, unless that is stuck: ${hints.command(`explain ${id} ${safeCell(dep)}`)}`;
}

/** What the exit code says of itself, and what it does not. */
const UNSEEN_LIMIT = ' (137); no limit was seen to be hit';

/** What was seen comes first, down to the log's own words; the advice is made from the reason alone. */
function whyEnded(explanation: Explanation): Line[] {
  const { item, run, hints } = explanation;
  const last = item.attempts.at(-1);
  if (item.state === 'done')
    return [
      fact('yield', yieldText(item) || 'nothing was captured'),
      ...(item.intents ?? []).map(({ kind, verdict, reason }) =>
        fact('intent', `${safeCell(kind)}: ${safeCell(verdict)} (${safeCell(reason)}); nothing carries it out`),
      ),
      ...reusedText(item).map((text) => fact('why', `nothing ran: ${text}`)),
    ];
  const reason = item.reason ?? last?.reason ?? 'unknown';
  const because = item.cause === undefined ? '' : `, because of ${safeCell(item.cause)}`;
  const fix = adviceOnReason(reason) ?? adviceOnOutcome(last?.outcome);
  const bound = exceededText(item);
  const cause =
    item.cause === undefined
      ? ''
      : ` See ${hints.command(`explain ${safeCell(run.run).slice(0, 12)} ${safeCell(item.cause)}`)}`;
  return [
    fact('why', `${safeCell(reason)}${reason === 'killed' ? UNSEEN_LIMIT : ''}${because}`),
    ...(bound === '' ? [] : [fact('bound', bound)]),
    ...(item.detail === undefined ? [] : [fact('detail', escapeText(item.detail))]),
    ...logLines(explanation),
    fact('fix', `${isUnanswered(item) ? unansweredFix(explanation) : fix}${cause}`),
  ];
}

/** It had asked, and its time was over before anybody answered. */
function isUnanswered({ reason, attempts }: ItemStatus): boolean {
  const last = attempts.at(-1);
  return reason === 'deadline_exceeded' && last?.outcome === 'deferred' && last.reason === 'needs_input';
}

function unansweredFix({ item, hints }: Explanation): string {
  const answer = hints.command(`answer <run> ${safeCell(item.id)} --text "…"`);
  return `It asked, and nobody answered in time: submit the run under a new id, and answer while it waits (${answer}). ${adviceOnReason('deadline_exceeded')}`;
}

function logLines({ item, logTail }: Explanation): Line[] {
  if (logTail !== undefined && logTail.trim() !== '') {
    const lines = safeBlock(logTail).replace(/\n+$/, '').split('\n');
    return [fact('log', 'ends with'), ...lines.map((line): Line => ['  ', line])];
  }
  return isTerminal(item.state) && item.attempts.length > 0 ? [fact('log', 'its last attempt left none')] : [];
}

/** Why it was not in the plan. */
function addedLines({ addedBy }: ItemStatus): Line[] {
  if (addedBy === undefined) return [];
  const isBranch = 'item' in addedBy;
  const by = isBranch
    ? `one of those that ${safeCell(addedBy.item)} became`
    : `added by ${safeCell(addedBy.control, 71)}`;
  return [fact('from', by)];
}

/** What would not have to be done again. */
function keptLines({ checkpoint }: ItemStatus): Line[] {
  if (checkpoint === undefined) return [];
  const { attempt, sizeBytes } = checkpoint;
  return [fact('kept', `by attempt ${attempt}: ${formatBytes(sizeBytes)}, from which its next attempt goes on`)];
}

/** Why it is not known what it used. */
function usageLines({ usageProblem }: ItemStatus): Line[] {
  if (usageProblem === undefined) return [];
  const problem = `what it used is not known, and counted by what it may use: ${escapeText(usageProblem)}`;
  return [fact('usage', problem), fact('', 'docs/how-to/cap-the-spend.md says how a block tells what it used.')];
}

/** What its blocks reached outside of the sandbox, and what they were refused. */
function egressLines({ egress }: ItemStatus): Line[] {
  if (egress === undefined) return [];
  const lines = egress.seen.map(({ block, host, port, refused, connections, sentBytes, receivedBytes }, n) => {
    const where = host === undefined ? 'what cannot be read' : `${safeCell(host, 253)} port ${port ?? 'unknown'}`;
    const moved = `${formatBytes(sentBytes)} sent, ${formatBytes(receivedBytes)} received`;
    const came = refused === undefined ? moved : `refused: ${safeCell(refused)}`;
    return fact(
      n === 0 ? 'outside' : '',
      `block ${block + 1}, ${where}, ${counted(connections, 'connection')}: ${came}`,
    );
  });
  const { more } = egress;
  if (more === undefined) return lines;
  return [
    ...lines,
    fact('', `and ${counted(more.connections, 'connection')} more, and ${more.refused} more that were refused`),
  ];
}

export function explainLines(explanation: Explanation): Line[] {
  const { run, item, nowMs, engineRuns, hints } = explanation;
  const elapsed = elapsedMs(item, nowMs);
  const head: Line = [
    markOf(item.state),
    ' ',
    toned('strong', safeCell(item.id)),
    ': ',
    toned(STATE_LOOK[item.state]?.tone ?? 'warn', safeCell(item.state)),
    `, in ${safeCell(run.name)} ${safeCell(run.run).slice(0, 12)}`,
    elapsed === undefined ? '' : `, ${formatDuration(elapsed)} since its first start`,
  ];
  const why = isTerminal(item.state)
    ? whyEnded(explanation)
    : !engineRuns
      ? [...stoppedLines(run, hints), ...logLines(explanation)]
      : item.state === 'running'
        ? [
            fact('now', noteOf(item, run, nowMs) || 'its worker has not reported progress yet'),
            ...logLines(explanation),
          ]
        : [...whyWaiting(explanation), ...logLines(explanation)];
  const used = [...usageLines(item), ...egressLines(item)];
  return [head, ...addedLines(item), ...why, ...keptLines(item), ...used, ...attemptLines(explanation)];
}
