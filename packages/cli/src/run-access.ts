/** From what a person types to the run and the item that they mean. */
import { existsSync } from 'node:fs';
import {
  type AttemptStatus,
  findRun,
  type ItemStatus,
  LATEST_RUN,
  lookAtRuns,
  type OutputRef,
  type RunStatus,
  type SubmissionRef,
  TerminalError,
  type Transport,
} from '@waybill/client';
import { deriveRunId } from '@waybill/verify';
import { isSealed } from './follow.ts';
import type { VerbCall } from './verb.ts';
import { firstOf } from './view/measure.ts';

/** Among those that changed last, the one that was opened last is the latest. */
const LATEST_SEARCHED = 50;

export interface FoundRun {
  ref: SubmissionRef;
  run: RunStatus;
}

/**
 * By run id, the beginning of one, submission id, or `latest`. Throws TerminalError RUN_UNKNOWN, and OBJECT_MISSING for one that was
 * accepted and that nobody has written a status of.
 */
export async function accessRun(transport: Transport, text: string): Promise<FoundRun> {
  const { ref, run } = await accessAccepted(transport, text);
  if (run === null) throw unseenRun(ref);
  return { ref, run };
}

/** As `accessRun`; null in place of a status that nobody has written. */
export async function accessAccepted(
  transport: Transport,
  text: string,
): Promise<{ ref: SubmissionRef; run: RunStatus | null }> {
  if (text === LATEST_RUN) return latestRun(transport);
  const ref = await findRun(transport, text);
  return { ref, run: await transport.readStatus(ref) };
}

function unseenRun({ principal, submissionId }: SubmissionRef): TerminalError {
  const id = deriveRunId(principal, submissionId).slice(0, 12);
  const problem = `run ${id} was accepted, and nothing more of it has been written yet`;
  const fix = `\`waybill watch ${id}\` follows it, and starts an engine that goes on with it where none runs.`;
  return new TerminalError({ code: 'OBJECT_MISSING', path: submissionId, problem, fix });
}

async function latestRun(transport: Transport): Promise<{ ref: SubmissionRef; run: RunStatus | null }> {
  const { seen, unseen } = await lookAtRuns(transport, LATEST_SEARCHED);
  const [run] = seen.toSorted((left, right) => right.openedAt.localeCompare(left.openedAt));
  if (run !== undefined) return { ref: { principal: run.principal, submissionId: run.submissionId }, run };
  const [ref] = unseen;
  if (ref === undefined) throw unknownRun(LATEST_RUN);
  return { ref, run: null };
}

function unknownRun(text: string): TerminalError {
  const problem = `there is no run ${JSON.stringify(text)} of yours here`;
  const fix = 'See `waybill runs`, or say where to look: --dir, or --target aws with --deployment.';
  return new TerminalError({ code: 'RUN_UNKNOWN', path: 'run', problem, fix });
}

/** Throws TerminalError ITEM_UNKNOWN. */
export function itemOf(run: RunStatus, id: string): ItemStatus {
  const item = run.items.find((candidate) => candidate.id === id);
  if (item !== undefined) return item;
  const ids = run.items.map((candidate) => candidate.id);
  const near = ids.filter((candidate) => candidate.startsWith(id.slice(0, 3)));
  const fix = `It has ${firstOf(near.length > 0 ? near : ids, ids.length, 5)}.`;
  throw new TerminalError({
    code: 'ITEM_UNKNOWN',
    path: 'item',
    problem: `the run has no item ${JSON.stringify(id)}`,
    fix,
  });
}

/** The attempt of that number, or the newest. Throws TerminalError USAGE. */
export function attemptOf(item: ItemStatus, number?: number): AttemptStatus {
  const attempt = number === undefined ? item.attempts.at(-1) : item.attempts.find((one) => one.attempt === number);
  if (attempt !== undefined) return attempt;
  const untried = item.reused === undefined ? 'has not been tried yet' : 'ran nothing: it used a result again';
  const problem = `${item.id} ${number === undefined ? untried : `has no attempt ${number}`}`;
  const fix = 'See `waybill explain` for where the item stands.';
  throw new TerminalError({ code: 'USAGE', path: 'attempt', problem, fix });
}

/** What the item left, and the attempt that made it: its newest, or the one whose result it used again. Throws TerminalError USAGE. */
export function leftBy(item: ItemStatus): Pick<AttemptStatus, 'id' | 'outputs'> {
  const { reused } = item;
  return reused === undefined ? attemptOf(item) : { id: reused.from.id, outputs: reused.outputs };
}

/** It wants nothing more, or an engine is there to give it. */
export function isCaredFor({ target }: VerbCall, run: RunStatus): boolean {
  return isSealed(run) || target.isWorking();
}

export function outputOf(attempt: Pick<AttemptStatus, 'outputs'>, kind: OutputRef['kind']): OutputRef | undefined {
  return attempt.outputs.find((output) => output.kind === kind);
}

/**
 * A name with a slash is a file. Any other is a run of the state directory first, so that no file lying about stands in
 * for the run that was meant; it is a file when there is no such run. Throws TerminalError RUN_UNKNOWN when it is neither.
 */
export async function namedRun(call: VerbCall, named: string): Promise<RunStatus | null> {
  if (named.includes('/')) return null;
  try {
    return (await accessRun(await call.target.open(), named)).run;
  } catch (error) {
    const isNoRun = error instanceof TerminalError && error.code === 'RUN_UNKNOWN';
    if (!isNoRun) throw error;
    if (existsSync(named) || named.endsWith('.jsonl')) return null;
    const problem = `there is neither a run of that name in ${call.target.where} nor such a file here`;
    const fix = 'See `waybill runs`, say where to look (--dir, --deployment), or give the path of a bundle.';
    throw new TerminalError({ code: 'RUN_UNKNOWN', path: named, problem, fix });
  }
}
