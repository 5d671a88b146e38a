/**
 * Seal: the last events of a run that has ended get their places; its tree gets a signed seal over its root, an entry
 * of the deployment log and one file that an outsider can verify. Cut off anywhere, it is done again and gives the same
 * bytes: the seal is signed once and kept, and the proofs lead to the checkpoint that was recorded with it.
 */
import { digestOf, fromBase64, type TreeState } from '@waybill/verify';
import { rootOf, sealedEntry, sealStatement } from '#core/evidence.ts';
import type { SealRow } from '#core/record-rows.ts';
import { keys, type OpenRow, type RunRow } from '#core/rows.ts';
import { concludeAbort } from '#flow/abort.ts';
import { bundleOf } from '#flow/bundle.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { enterRun } from '#flow/enter.ts';
import { signStatement } from '#flow/envelope.ts';
import { readRun, required } from '#flow/items.ts';
import { appendEntry } from '#flow/log.ts';
import { publishLog } from '#flow/publish.ts';

import { sequence } from '#flow/sequence.ts';
import { readStamp } from '#flow/stamp.ts';
import { publishStatus } from '#flow/status.ts';
import { decide, forget } from '#flow/transaction.ts';
import { forgetWakes } from '#flow/wakes.ts';

/** Publishes the log at least up to where its head is now, and resolves with the size of the newest checkpoint. */
export type Publish = () => Promise<number>;

/**
 * Seals a completed run and publishes its last status; any other, and one that is done with, is left alone. `publish`
 * lets runs that end at the same time share a checkpoint.
 */
export async function seal(
  deps: FlowDeps,
  run: string,
  publish: Publish = () => publishLog(deps, { timed: true }),
): Promise<void> {
  const [row, active] = await deps.store.get([keys.run(run), keys.activeRun(run)]);
  const state = row?.body as unknown as RunRow | undefined;
  if (state?.completedAtMs === undefined || active === null) return;
  if (state.aborting && state.sealedIndex === undefined) return concludeAbort(deps, run, false);
  if (!state.bundle && !(await writeBundle(deps, run, publish))) return concludeAbort(deps, run, false);
  await deps.store.durable();
  await publishStatus(deps, run);
  // They have nobody to tell any more, and from now on nobody looks for those that were lost.
  await forgetWakes(deps, run);
  await forget(deps, keys.activeRun(run));
}

export function bundleKey(run: string): string {
  return `runs/${run}/run-${run}.audit.jsonl`;
}

/** False: the run was aborted before its seal was signed. */
async function writeBundle(deps: FlowDeps, run: string, publish: Publish): Promise<boolean> {
  await enterRun(deps, run);
  const tree = await sequence(deps, run);
  const sealed = await signSeal(deps, run, tree);
  if (sealed === null) return false;
  const places = await publishSeal(deps, run, publish);
  await deps.store.durable();
  const key = bundleKey(run);
  const { sha256 } = await deps.ledger.write(key, bundleOf(deps, { run, tree, seal: sealed.envelope, ...places }));
  await decide(deps, async (draft) => {
    const { unbundled: _over, ...row } = await readRun(draft, run);
    draft.put(keys.run(run), { ...row, sealedAtMs: sealed.sealedAtMs, bundle: { key, sha256 } } satisfies RunRow);
  });
  return true;
}

/**
 * Tells the client why there is no bundle of a run whose seal is in the log. False: there is one, or the run can still be
 * aborted.
 */
export async function noteUnbundled(deps: FlowDeps, run: string, problem: string): Promise<boolean> {
  return decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    if (row.sealedIndex === undefined || row.bundle) return false;
    if (row.unbundled !== problem) draft.put(keys.run(run), { ...row, unbundled: problem } satisfies RunRow);
    return true;
  });
}

/** Signs the seal once: a second call finds the first one's. Null when somebody asked to abort the run before. */
async function signSeal(deps: FlowDeps, run: string, tree: TreeState): Promise<SealRow | null> {
  const root = rootOf(tree);
  return decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const stored = await draft.readOne<SealRow>(keys.seal(run));
    if (stored) return stored;
    if (row.aborting) return null;
    // The transaction that emptied the open set emitted run.completed with just these counts.
    const { tally } = required(await draft.readOne<OpenRow>(keys.openRoot(run)), keys.openRoot(run));
    // A clock that was set back must not make the seal older than what it seals.
    const sealedAtMs = Math.max(deps.clock.nowMs(), row.completedAtMs ?? 0);
    const envelope = await signStatement(
      deps.signer,
      sealStatement({ origin: deps.origin, run, row, size: tree.size, root, counts: tally, sealedAtMs }),
    );
    const payload = digestOf(fromBase64(envelope.payload));
    const sealed: SealRow = { envelope, size: tree.size, root, payload, sealedAtMs };
    const { index } = await appendEntry(draft, () =>
      sealedEntry(deps.origin, run, required(row.runSeq, keys.run(run)), { ...sealed }, sealedAtMs),
    );
    draft.put(keys.seal(run), sealed);
    draft.put(keys.run(run), { ...row, sealedIndex: index } satisfies RunRow);
    return sealed;
  });
}

interface Published {
  timed: boolean;
  openedIndex: number;
  sealedIndex: number;
  sealedSize: number;
}

/** Publishes the log up to the seal and records the checkpoint that the proofs lead to, once. */
async function publishSeal(deps: FlowDeps, run: string, publish: Publish): Promise<Published> {
  const size = await publish();
  // Written down with the size: a timestamp that comes later must not change a bundle that was begun without it.
  const timed = (await readStamp(deps, size)) !== null;
  return decide(deps, async (draft) => {
    const row = await readRun(draft, run);
    const openedIndex = required(row.openedIndex, keys.run(run));
    const sealedIndex = required(row.sealedIndex, keys.run(run));
    if (row.sealedSize !== undefined) {
      return { openedIndex, sealedIndex, sealedSize: row.sealedSize, timed: row.sealedTimed === true };
    }
    draft.put(keys.run(run), { ...row, sealedSize: size, sealedTimed: timed } satisfies RunRow);
    return { openedIndex, sealedIndex, sealedSize: size, timed };
  });
}
