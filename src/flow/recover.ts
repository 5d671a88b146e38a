/**
 * Recover: a store that was lost, or that is an old copy, is made again from the log. What the log knows comes back: its head, the
 * numbers of its runs, which of them are sealed or aborted. What only the store knew is gone: runs that were open are
 * aborted, and the log says so.
 *
 * The store must be empty. The head is written last: a recovery that was cut off is begun again, and no engine starts before it ended.
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
} from '@waybill/verify';
import { anchorReceipt } from '#core/evidence.ts';
import { keys, type LogHeadRow, type LogPolicyRow } from '#core/rows.ts';
import { concludeAbort } from '#flow/abort.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { requireTiles } from '#flow/ledger-check.ts';
import { checkpointKey, inconsistent, publishedEntries } from '#flow/log.ts';
import { readCheckpoint } from '#flow/publish.ts';
import { type LoggedRun, restoreRun } from '#flow/restore-run.ts';
import { decide, peek } from '#flow/transaction.ts';

export interface Recovered {
  /** Entries of the log. */
  size: number;
  sealed: number;
  /** Runs that were open and are not any more. */
  lost: string[];
  /** Runs that are sealed and whose bundle the next engine has to write. */
  unwritten: string[];
}

/** Throws TerminalError USAGE when there is nothing to recover from or into, LEDGER_INCONSISTENT when the ledger is damaged. */
export async function recoverStore(deps: FlowDeps): Promise<Recovered> {
  if ((await peek(deps, keys.logHead())) !== null) {
    throw usage('the store has a log already', 'Move store.sqlite away first; it is made again.');
  }
  const newest = await deps.ledger.newestCheckpoint();
  if (newest === null) throw usage('the ledger holds no checkpoint', 'Start an engine: it begins a log.');
  const anchored = await readCheckpoint(deps, newest);
  const replay = new Replay();
  for await (const { index, line } of publishedEntries(deps, anchored.size)) replay.take(index, line);
  if (!equalBytes(replay.tree.root(), anchored.root)) throw inconsistent('its entries do not have its newest root');
  const tree = replay.tree.state();
  await requireTiles(deps, tree);
  const recovered: Recovered = { size: anchored.size, sealed: 0, lost: [], unwritten: [] };
  for (const [run, logged] of replay.runs) {
    const end = await restoreRun(deps, run, logged);
    if (end === 'lost') recovered.lost.push(run);
    if (end === 'unwritten') recovered.unwritten.push(run);
    if (end === 'sealed' || end === 'unwritten') recovered.sealed += 1;
  }
  // Nobody entered the receipt of the newest checkpoint yet.
  const { bytes, version, lockedUntil } = await deps.ledger.anchor(checkpointKey(anchored.size), newest);
  const receipt = {
    size: anchored.size,
    object: digestOf(bytes),
    key: checkpointKey(anchored.size),
    version,
    lockedUntil,
  };
  const receipts = [canonicalize(anchorReceipt(deps.origin, deps.clock.nowMs(), receipt))];
  await decide(deps, async (draft) => {
    await draft.read([keys.logHead(), keys.logPolicy()]);
    if (replay.policy !== null) draft.put(keys.logPolicy(), { policy: replay.policy } satisfies LogPolicyRow);
    const { runSeq, open, lastAtMs } = replay;
    draft.put(keys.logHead(), { tree, published: tree, runSeq, open, lastAtMs, receipts } satisfies LogHeadRow);
  });
  await deps.store.durable();
  return recovered;
}

/** Enters the end of the runs that were lost. To be called once the keys are adopted; the log is then to be published. */
export async function abortLost(deps: FlowDeps, { lost }: Recovered): Promise<void> {
  for (const run of lost) await concludeAbort(deps, run, true);
}

/** What the entries say, one after another. */
class Replay {
  readonly tree = new TreeBuilder();
  readonly runs = new Map<string, LoggedRun>();
  runSeq = 0;
  open = 0;
  lastAtMs = 0;
  policy: Digest | null = null;

  take(index: number, line: string): void {
    this.tree.append(leafHash(line));
    const entry = requireLogEntry(JSON.parse(line));
    this.lastAtMs = Math.max(this.lastAtMs, Date.parse(entry.at));
    if (entry.type === 'policy.changed') this.policy = entry.policy;
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
