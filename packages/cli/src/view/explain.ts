/** Why an item waits, and why it ended as it did: what is known, and what to do about it. */
import type { AttemptStatus, ItemStatus, RunStatus } from '@waybill/client/documents';
import { escapeText } from '@waybill/verify';
import { safeBlock, safeCell } from '../safe-text.ts';
import { elapsedMs, isTerminal, markOf, noteOf, STATE_LOOK, waitingText, yieldText } from './item-line.ts';
import { formatDuration } from './measure.ts';
import type { Hints } from './run-summary.ts';
import { type Line, toned } from './styled.ts';
import { tableLines } from './table.ts';

/** Advice by reason code. A code that is not here gets the advice of its outcome. */
const FIX_OF_REASON: Readonly<Record<string, string>> = {
  exit_nonzero: 'Read the log below; run the script by hand in a checkout of the same commit.',
  gate_red: 'The gate did what it is for: mend what it checks; its output is in the log below.',
  verify_failed: 'The check of the verify block does not hold; its output is in the log below.',
  timeout: 'Give the item (or the block) a longer `timeout`, or split it.',
  needs_input: 'The script asked for input (exit 20); nobody can give it any in this version.',
  policy_blocked: 'The script said that a policy forbids it (exit 10); its log names which.',
  deadline_exceeded: "Raise `spec.caps.wallClock` or the item's `deadline`, or give the queue more slots.",
  upstream_failed: 'Mend the item that caused it; this one was never tried.',
  cancelled: 'Somebody cancelled it: submit the run again to have it done.',
  input_missing: 'The item it `needs` did not produce that output: check `select` and the upstream capture block.',
  source_missing: 'Submit again, so that the source is packed and uploaded once more.',
  isolation_required:
    'Install bubblewrap, or start the engine with `--unsandboxed` if you accept that agents are not contained.',
  start_failed: 'The worker could not be started: see engine.log in the state directory.',
  out_of_memory: 'Use less memory, or split the item.',
  sandbox_failed: 'The sandbox could not be set up: see the log below, or start the engine with `--no-sandbox`.',
  materialise_failed: 'The workspace could not be prepared: see the log below and engine.log in the state directory.',
  no_result: 'The worker ended without a result: see engine.log in the state directory.',
  interrupted: 'The engine ended while the item ran; attempts lost that way do not spend its retries.',
};

const FIX_OF_OUTCOME: Readonly<Record<string, string>> = {
  failed: 'Read the log below; run the script by hand in a checkout of the same commit.',
  timed_out: 'Give the item (or the block) a longer `timeout`, or split it.',
  contract_error: 'What the blocks left behind breaks the file contract; the detail above names it.',
  lost: 'Its worker vanished again and again: look at the machine, and at engine.log in the state directory.',
  policy_blocked: 'A rule of this deployment forbids it; the detail above names the rule.',
};

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

function attemptLines(attempts: readonly AttemptStatus[], nowMs: number): Line[] {
  if (attempts.length === 0) return [];
  const rows = attempts.map(({ attempt, startedAt, endedAt, outcome, reason, exit }) => [
    { text: String(attempt) },
    { text: safeCell(outcome ?? 'running') },
    { text: safeCell(reason ?? '') },
    { text: exit === undefined || exit === null ? '' : String(exit) },
    { text: formatDuration((endedAt === undefined ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)) },
  ]);
  return [[], ...tableLines(['ATTEMPT', 'OUTCOME', 'REASON', 'EXIT', 'TOOK'], rows)];
}

function whyWaiting({ item, run, nowMs, engineRuns, hints }: Explanation): Line[] {
  const holders = (item.waiting?.locks ?? []).flatMap(({ name, holders }) =>
    holders.map((holder) =>
      fact('holder', `${safeCell(name)}: ${safeCell(holder.item)} of run ${safeCell(holder.run)}`),
    ),
  );
  const why = item.waiting === undefined ? 'it is about to be looked at' : waitingText(item.waiting, run.run, nowMs);
  if (!engineRuns)
    return [
      fact('why', 'no engine is running on this state directory'),
      fact('fix', hints.command(`watch ${safeCell(run.run).slice(0, 12)}`)),
    ];
  const [dep] = item.waiting?.deps?.first ?? [];
  const fix =
    dep === undefined
      ? 'Nothing: it starts by itself as soon as that is free.'
      : `Nothing, unless that is stuck: ${hints.command(`explain ${safeCell(run.run).slice(0, 12)} ${safeCell(dep)}`)}`;
  return [fact('why', why), ...holders, fact('fix', fix)];
}

function whyEnded({ item, run, hints }: Explanation): Line[] {
  const last = item.attempts.at(-1);
  if (item.state === 'done') return [fact('yield', yieldText(item) || 'nothing was captured')];
  const reason = item.reason ?? last?.reason ?? 'unknown';
  const because = item.cause === undefined ? '' : `, because of ${safeCell(item.cause)}`;
  const fix = FIX_OF_REASON[reason] ?? FIX_OF_OUTCOME[last?.outcome ?? ''] ?? 'Read the log below.';
  const cause =
    item.cause === undefined
      ? ''
      : ` See ${hints.command(`explain ${safeCell(run.run).slice(0, 12)} ${safeCell(item.cause)}`)}`;
  return [
    fact('why', `${safeCell(reason)}${because}`),
    ...(item.detail === undefined ? [] : [fact('detail', escapeText(item.detail))]),
    fact('fix', `${fix}${cause}`),
  ];
}

function tailLines(tail: string | undefined): Line[] {
  if (tail === undefined || tail.trim() === '') return [];
  const lines = safeBlock(tail).replace(/\n+$/, '').split('\n');
  return [[], [toned('quiet', 'end of its log')], ...lines.map((line): Line => ['  ', line])];
}

export function explainLines(explanation: Explanation): Line[] {
  const { run, item, nowMs, logTail } = explanation;
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
    : item.state === 'running'
      ? [fact('now', noteOf(item, run, nowMs) || 'its worker has not reported progress yet')]
      : whyWaiting(explanation);
  return [head, ...why, ...attemptLines(item.attempts, nowMs), ...tailLines(logTail)];
}
