/**
 * Recover: a store that was lost, or that is an old copy, is made again from the log. What the log knows comes back:
 * its head, the numbers of its runs, which of them are sealed or aborted. What only the store knew is gone: runs that
 * were open are aborted, and the log says so.
 *
 * The store must be empty. The head is written last: a recovery that was cut off is begun again, and no engine starts
 * before it ended.
 */
import { TerminalError } from '@waybill/client/errors';
import {
  canonicalize,
  type Digest,
  digestOf,
  equalBytes,
  type LogEntry,
  leafHash,
  requireLogEntry,
  TreeBuilder,
  type TreeState,
} from '@waybill/verify';
import { anchorReceiptEntry } from '#core/evidence.ts';
import { moneyKeys } from '#core/money-rows.ts';
import { dayOf } from '#core/purse.ts';
import type { LogEntryRow, LogHeadRow, LogPolicyRow } from '#core/record-rows.ts';
import { ledgerAfter, type SpentByDay } from '#core/recount.ts';
import { keys } from '#core/rows.ts';
import { concludeAbort } from '#flow/abort.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { requireTiles } from '#flow/ledger-check.ts';
import { checkpointKey, inconsistent, publishedEntries, readLedger } from '#flow/log.ts';
import { readCheckpoint } from '#flow/publish.ts';
import { type LoggedRun, restoreRun } from '#flow/restore-run.ts';
import { entriesWritten } from '#flow/tiles.ts';
import { decide, peek } from '#flow/transaction.ts';

export interface Recovered {
  /** Entries of the log. */
  size: number;
  sealed: number;
  /** Runs that were open and are not any more. */
  lost: string[];
  /** Runs that are sealed and whose bundle the next engine has to write. */
  unwritten: string[];
  /** In micro-USD, by the record; the caps of the deployment go on from there. */
  spentMicroUsd: number;
  /** Runs of which the record has no end or cannot be read: they may have spent more than is counted. */
  uncounted: string[];
}

/** Throws TerminalError USAGE when there is nothing to recover from or into, LEDGER_INCONSISTENT when the ledger is damaged. */
export async function recoverStore(deps: FlowDeps): Promise<Recovered> {
  if ((await peek(deps, keys.logHead())) !== null) {
    throw usage('the store has a log already', 'Move store.sqlite away first; it is made again.');
  }
  const replay = await replayLedger(deps);
  const tree = replay.tree.state();
  const none = { sealed: 0, lost: [], unwritten: [], spentMicroUsd: 0, uncounted: [] };
  const recovered: Recovered = { size: tree.size, ...none };
  const spentByDay: SpentByDay = new Map();
  for (const [run, logged] of replay.runs) {
    const { end, spent, isCounted } = await restoreRun(deps, run, logged);
    spent.addTo(spentByDay);
    if (!isCounted) recovered.uncounted.push(run);
    if (end === 'lost') recovered.lost.push(run);
    if (end === 'unwritten') recovered.unwritten.push(run);
    if (end === 'sealed' || end === 'unwritten') recovered.sealed += 1;
  }
  for (const [n, line] of replay.unpublished.entries()) {
    const key = keys.logEntry(replay.published.size + n);
    await decide(deps, async (draft) => {
      await draft.read([key]);
      draft.put(key, { line } satisfies LogEntryRow);
    });
  }
  const ledger = ledgerAfter(spentByDay, dayOf(deps.clock.nowMs()));
  recovered.spentMicroUsd = ledger.handed.account.microUsd;
  const receipts = await missingReceipt(deps, replay);
  await decide(deps, async (draft) => {
    await draft.read([keys.logHead(), keys.logPolicy(), moneyKeys.ledger()]);
    if (recovered.spentMicroUsd > 0) draft.put(moneyKeys.ledger(), ledger);
    if (replay.policy !== null) draft.put(keys.logPolicy(), { policy: replay.policy } satisfies LogPolicyRow);
    const { published, runSeq, open, lastAtMs } = replay;
    draft.put(keys.logHead(), { tree, published, runSeq, open, lastAtMs, receipts } satisfies LogHeadRow);
  });
  await deps.store.durable();
  return recovered;
}

/**
 * What the ledger says, all of which was verified. Entries behind the newest checkpoint count: a head with them may
 * have been signed and shown to witnesses before the store was lost, and another history over the same places would
 * fork the log.
 */
export async function replayLedger(deps: FlowDeps): Promise<Replay> {
  const newest = await deps.ledger.newestCheckpoint();
  const anchored = newest === null ? null : await readCheckpoint(deps, newest);
  const replay = new Replay();
  const size = anchored?.size ?? 0;
  if (anchored) {
    for await (const { index, line } of publishedEntries(deps, size)) replay.take(index, line);
    if (!equalBytes(replay.tree.root(), anchored.root)) throw inconsistent('its entries do not have its newest root');
    await requireTiles(deps, replay.tree.state());
  }
  replay.published = replay.tree.state();
  const written = await entriesWritten(deps, size);
  if (written === 0) throw usage('the ledger holds no log', 'Start an engine: it begins one.');
  for await (const { index, line } of publishedEntries(deps, written, size)) {
    replay.take(index, line);
    replay.unpublished.push(line);
  }
  return replay;
}

/** Of the newest checkpoint, unless an entry behind it has it already. */
async function missingReceipt(deps: FlowDeps, { published: { size }, receipts }: Replay): Promise<string[]> {
  if (size === 0 || receipts.has(size)) return [];
  const key = checkpointKey(size);
  const { bytes, version, lockedUntil } = await deps.ledger.anchor(key, await readLedger(deps, key));
  const receipt = { size, object: digestOf(bytes), key, version, lockedUntil };
  return [canonicalize(anchorReceiptEntry(deps.origin, deps.clock.nowMs(), receipt))];
}

/** Enters the end of the runs that were lost. To be called once the keys are adopted; the log is then to be published. */
export async function abortLost(deps: FlowDeps, { lost }: Recovered): Promise<void> {
  for (const run of lost) await concludeAbort(deps, run, true);
}

/** What the entries say, one after another. */
export class Replay {
  readonly tree: TreeBuilder = new TreeBuilder();
  readonly runs: Map<string, LoggedRun> = new Map();
  runSeq = 0;
  open = 0;
  lastAtMs = 0;
  policy: Digest | null = null;
  /** Sizes of checkpoints. */
  readonly receipts: Set<number> = new Set();
  /** The tree of the newest checkpoint, and the entries behind it. */
  published: TreeState = { size: 0, frontier: [] };
  readonly unpublished: string[] = [];

  take(index: number, line: string): void {
    this.tree.append(leafHash(line));
    const entry = requireLogEntry(JSON.parse(line));
    this.lastAtMs = Math.max(this.lastAtMs, Date.parse(entry.at));
    if (entry.type === 'policy.changed') this.policy = entry.policy;
    if (entry.type === 'anchor.receipt') this.receipts.add(entry.size);
    if (entry.type === 'run.opened') {
      this.runs.set(entry.run, { opened: { index, entry } });
      this.runSeq = entry.runSeq + 1;
      this.open += 1;
    } else if ('run' in entry) {
      this.#takeOf(index, entry);
    }
  }

  #takeOf(index: number, entry: Extract<LogEntry, { run: string }>): void {
    const logged = this.runs.get(entry.run);
    if (!logged) throw inconsistent(`entry ${index} is of a run that the log never opened`);
    if (entry.type === 'run.checkpoint') logged.checkpoint = { size: entry.size, root: entry.root };
    if (entry.type !== 'run.sealed' && entry.type !== 'run.aborted') return;
    if (entry.type === 'run.sealed') logged.sealed = { index, entry };
    else logged.aborted = { index, entry };
    this.open -= 1;
  }
}

function usage(problem: string, fix: string): TerminalError {
  return new TerminalError({ code: 'USAGE', path: 'recover', problem, fix });
}
