/**
 * Publish: the head of the log, as it stands, becomes a checkpoint: tiles, signatures, witnesses, anchor, and where a
 * seal needs it a timestamp.
 *
 * Nothing is signed but the stored head, and a checkpoint that is anchored already wins over one that was made again:
 * so two different trees of one size are never signed, wherever a process dies and however many do this at once.
 */
import { TerminalError } from '@waybill/client/errors';
import {
  canonicalize,
  digestOf,
  EvidenceError,
  equalBytes,
  formatCheckpoint,
  formatNote,
  loadTrust,
  parseCheckpoint,
  parseNote,
  TreeBuilder,
  type TreeState,
  verifyNote,
} from '@waybill/verify';
import { anchorReceiptEntry } from '#core/evidence.ts';
import type { LogHeadRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import { cosigned } from '#flow/cosign.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { required } from '#flow/items.ts';
import { bytesOf, checkpointKey, entryLines, inconsistent, readHead, readLedger } from '#flow/log.ts';
import { stamp } from '#flow/stamp.ts';
import { writeTiles } from '#flow/tiles.ts';
import { decide } from '#flow/transaction.ts';

/**
 * Publishes everything up to the head and resolves with the size of the newest checkpoint. `timed`: a seal needs this
 * checkpoint, so it gets a timestamp, if an authority answers in time.
 */
export async function publishLog(deps: FlowDeps, { timed }: { timed: boolean } = { timed: false }): Promise<number> {
  let head = await readHead(deps);
  while (head.published.size < head.tree.size) {
    const lines = await entryLines(deps, head.published.size, head.tree.size);
    if (lines !== null) {
      await publishHead(deps, head, lines);
      break;
    }
    const { published } = head;
    head = await readHead(deps);
    // Another has published them meanwhile, or they were lost.
    if (head.published.size === published.size) throw inconsistent('the store has lost entries of the log');
  }
  const { size } = head.tree;
  if (timed) await stamp(deps, size);
  return size;
}

async function publishHead(deps: FlowDeps, head: LogHeadRow, lines: string[]): Promise<void> {
  const { size } = head.tree;
  await deps.store.durable();
  // A checkpoint that was removed or edited behind our back: what follows would not be consistent with what outsiders
  // hold.
  if (head.published.size > 0) {
    await requireCheckpoint(deps, await readLedger(deps, checkpointKey(head.published.size)), head.published);
  }
  await writeTiles(deps, head, lines);
  const receipt = await anchorHead(deps, head.tree);
  await decide(deps, async (draft) => {
    const now = required(await draft.readOne<LogHeadRow>(keys.logHead()), keys.logHead());
    if (now.published.size >= size) return;
    const receipts = [...(now.receipts ?? []), receipt];
    draft.put(keys.logHead(), { ...now, published: head.tree, receipts } satisfies LogHeadRow);
  });
  await deps.store.discard(lines.map((_, n) => keys.logEntry(head.published.size + n)));
}

/** Resolves with the line of the receipt's entry. */
async function anchorHead(deps: FlowDeps, tree: TreeState): Promise<string> {
  const key = checkpointKey(tree.size);
  // There after a crash, or from another sequencer: then it is out in the world, and nothing is signed again.
  const present = await deps.ledger.get(key);
  const anchored = await deps.ledger.anchor(key, present ?? (await signedNote(deps, tree)));
  await requireCheckpoint(deps, anchored.bytes, tree);
  const { version, lockedUntil } = anchored;
  const receipt = { size: tree.size, object: digestOf(anchored.bytes), key, version, lockedUntil };
  return canonicalize(anchorReceiptEntry(deps.origin, deps.clock.nowMs(), receipt));
}

async function signedNote(deps: FlowDeps, tree: TreeState): Promise<Uint8Array> {
  const text = checkpointText(deps, tree);
  const signatures = await deps.signer.signNote(text);
  const cosignatures = await cosigned(deps, tree.size, formatNote(text, signatures));
  return bytesOf(formatNote(text, [...signatures, ...cosignatures]));
}

function checkpointText({ origin }: FlowDeps, tree: TreeState): string {
  return formatCheckpoint({ origin, size: tree.size, root: TreeBuilder.from(tree).root(), extensions: [] });
}

/** The checkpoint must say this tree, and a log key of ours must have signed it. Throws TerminalError LEDGER_INCONSISTENT. */
export async function requireCheckpoint(deps: FlowDeps, bytes: Uint8Array, tree: TreeState): Promise<void> {
  const { size, root } = await readCheckpoint(deps, bytes);
  if (size !== tree.size) throw inconsistent(`the checkpoint of ${tree.size} entries says ${size}`);
  if (!equalBytes(root, TreeBuilder.from(tree).root())) {
    throw inconsistent(`the ledger and the store differ at size ${size}`);
  }
}

/** Nothing has to be missing of the ledger: where its keys were lost, an engine may have made others. */
function ofAnother(origin: string, deps: FlowDeps): TerminalError {
  const problem = `the ledger is of ${origin}, the keys are of ${deps.origin}`;
  const fix =
    'Restore the keys of that ledger (keys/) from their backup, or the ledger of these keys. Nothing is signed before.';
  return new TerminalError({ code: 'LEDGER_INCONSISTENT', path: 'keys', problem, fix });
}

/** A checkpoint of this log, signed by one of its keys. Throws TerminalError LEDGER_INCONSISTENT for anything else. */
export async function readCheckpoint(deps: FlowDeps, bytes: Uint8Array): Promise<{ size: number; root: Uint8Array }> {
  try {
    const note = parseNote(bytes);
    const { origin, size, root, extensions } = parseCheckpoint(note.text);
    if (origin !== deps.origin) throw ofAnother(origin, deps);
    if (extensions.length > 0) throw inconsistent('a checkpoint has extension lines, which this log never wrote');
    const signers = await verifyNote(note, loadTrust(deps.signer.trust).log);
    if (signers.length === 0)
      throw inconsistent(`the checkpoint of ${size} entries is not signed by a key of this log`);
    return { size, root };
  } catch (error) {
    if (error instanceof EvidenceError) throw inconsistent(`a checkpoint cannot be read: ${error.message}`);
    throw error;
  }
}
