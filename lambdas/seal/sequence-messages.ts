/**
 * Seal: the sequencer. Its queue has one message group, so one of these works at a time; where two overlap all the same,
 * the conditional head and the ledger's write-once keep them from signing two histories.
 *
 * A failure of one run is told and its message is done with: in a queue that keeps order it would hold up every other
 * run, and the reconciler asks again each minute for as long as the run is not sealed. So it is when AWS does not answer:
 * a batch that comes again is hidden for longer than a minute, and with it all that stands behind it. Only what passes by
 * no waiting (the ledger disagrees with the store) fails the whole batch.
 */

import { keys, type RunRow } from '#core/rows.ts';
import { concludeAbort } from '#flow/abort.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { checkpointRun, enterRun, sequenceEnded } from '#flow/enter.ts';
import { adoptKeys } from '#flow/keys.ts';
import { checkLedger } from '#flow/ledger-check.ts';
import { beat, enterPolicy } from '#flow/notices.ts';
import { publishLog } from '#flow/publish.ts';
import { nextRuns } from '#flow/reconcile.ts';
import { seal } from '#flow/seal.ts';
import { peek } from '#flow/transaction.ts';
import { turnTaken } from '#flow/turns.ts';
import { verifySealed } from '#flow/verify.ts';
import { type BatchResponse, messagesOf } from '#lambdas/shared/batch.ts';
import { type SequencerMessage, sequencerMessage } from '#lambdas/shared/sequencer-messages.ts';
import { isLasting, type Told } from '#lambdas/shared/told.ts';
import { SharedCheckpoint } from './shared-checkpoint.ts';

const SWEEP_MS = 20_000;
const SWEEP_RUNS = 500;
/** As many as messages of one batch may ask for. */
const SWEEP_SEALS = 10;

export interface SealDuties {
  flow: FlowDeps;
  keysInForce(): Promise<void>;
  /** What decides how runs are carried out; the log says when it changes. */
  settings: object;
  /** The log is never silent for longer. */
  heartbeatMs: number;
  /** Called once before anything is signed: the ledger agrees with the store, and the log has its first keys. */
  begin(): Promise<void>;
}

/** `begin` of a process: done again until it has succeeded once. */
export function beginOnce(flow: FlowDeps): () => Promise<void> {
  let begun = false;
  return async () => {
    if (begun) return;
    await checkLedger(flow);
    await adoptKeys(flow);
    begun = true;
  };
}

export async function sequenceMessages(duties: SealDuties, event: unknown, told: Told): Promise<BatchResponse> {
  const messages = read(event, told);
  try {
    await work(duties, messages, told);
  } catch (error) {
    if (isLasting(error)) throw error;
    told.trouble('the sequencer', error);
  }
  return { batchItemFailures: [] };
}

async function work(duties: SealDuties, messages: readonly SequencerMessage[], told: Told): Promise<void> {
  await duties.begin();
  await duties.keysInForce();
  const { flow } = duties;
  const runsOf = (what: SequencerMessage['do']): string[] => [
    ...new Set(messages.flatMap((message) => ('run' in message && message.do === what ? [message.run] : []))),
  ];
  const ended = runsOf('ended');
  const aside = (run: string, act: () => Promise<unknown>): Promise<unknown> =>
    act().catch((error: unknown) => told.trouble(`run ${run}`, error));
  const isMinute = messages.some(({ do: what }) => what === 'tick');
  if (isMinute) await tick(duties);
  for (const run of runsOf('opened')) await aside(run, () => enterRun(flow, run));
  for (const run of ended) await aside(run, () => sequenceEnded(flow, run));
  for (const run of runsOf('abort')) await aside(run, () => concludeAbort(flow, run, true));
  await sealAll(flow, ended, aside);
  const swept = isMinute ? await sweep(flow, aside) : [];
  // For what was entered and is not covered by a seal's checkpoint; it reads one row when there is nothing.
  await publishLog(flow);
  for (const run of new Set([...ended, ...swept])) await aside(run, () => judge(flow, run, told));
}

function read(event: unknown, told: Told): SequencerMessage[] {
  return messagesOf(event).flatMap(({ messageId, body }) => {
    const message = sequencerMessage.safeParse(body);
    if (message.success) return [message.data];
    told.malformed(`message ${messageId}`, 'it asks for nothing that the sequencer does');
    return [];
  });
}

async function tick({ flow, settings, heartbeatMs }: SealDuties): Promise<void> {
  await enterPolicy(flow, settings);
  await beat(flow, heartbeatMs);
}

/** Carries out what concerns one run; its failure is told and concerns no other. */
type Aside = (run: string, act: () => Promise<unknown>) => Promise<unknown>;

async function sealAll(flow: FlowDeps, ended: readonly string[], aside: Aside): Promise<void> {
  const shared = new SharedCheckpoint(ended.length, () => publishLog(flow, { timed: true }));
  await Promise.all(ended.map((run) => aside(run, () => sealOne(flow, run, shared))));
}

/**
 * Runs that are not sealed, those first that were looked at longest ago: how far their records have come, and what their
 * messages asked for, which may have been lost. It ends before the next minute comes, because everybody waits behind it.
 * @returns those that it has sealed
 */
async function sweep(flow: FlowDeps, aside: Aside): Promise<string[]> {
  const untilMs = flow.clock.nowMs() + SWEEP_MS;
  const ended: string[] = [];
  const runs = await nextRuns(flow, 'sequencer', SWEEP_RUNS);
  // Before it has begun: a run that ends this process must not come first again.
  await turnTaken(flow, 'sequencer', runs.at(-1));
  for (const [n, run] of runs.entries()) {
    if (flow.clock.nowMs() > untilMs || ended.length === SWEEP_SEALS) {
      await turnTaken(flow, 'sequencer', runs[n - 1]);
      break;
    }
    await aside(run, async () => {
      const row = await peek<RunRow>(flow, keys.run(run));
      if (!row || row.state === 'admitting') return;
      await enterRun(flow, run);
      if (row.completedAtMs === undefined) await checkpointRun(flow, run);
      else ended.push(run);
    });
  }
  await sealAll(flow, ended, aside);
  return ended;
}

async function sealOne(flow: FlowDeps, run: string, shared: SharedCheckpoint): Promise<void> {
  let asked = false;
  try {
    await seal(flow, run, () => {
      asked = true;
      return shared.ask();
    });
  } finally {
    if (!asked) shared.leave();
  }
}

async function judge(flow: FlowDeps, run: string, told: Told): Promise<void> {
  const report = await verifySealed(flow, run);
  if (report === null) return;
  const facts = { stage: 'verify', run, verdict: report.verdict };
  if (report.exitCode === 0) told.info('sealed', facts);
  else told.trouble(`run ${run}`, { message: 'a sealed bundle does not verify', ...facts });
}
