/**
 * Notices: entries of the log that are about no run. With what settings it goes on, and that it goes on when nothing
 * happens.
 */
import { canonicalize, digestOf } from '@waybill/verify';
import { heartbeatEntry, policyEntry } from '#core/evidence.ts';
import { keys, type LogHeadRow, type LogPolicyRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { appendNotice, bytesOf } from '#flow/log.ts';
import { decide, peek } from '#flow/transaction.ts';

/** Enters the settings when they are not those that were entered last. The document stays in the ledger, under its digest. */
export async function enterPolicy(deps: FlowDeps, settings: object): Promise<void> {
  const document = canonicalize(settings);
  const digest = digestOf(document);
  const key = keys.logPolicy();
  if ((await peek<LogPolicyRow>(deps, key))?.policy === digest) return;
  await deps.ledger.put(`policies/${digest.slice('sha256:'.length)}.json`, bytesOf(document));
  await decide(deps, async (draft) => {
    const last = await draft.readOne<LogPolicyRow>(key);
    if (last?.policy === digest) return;
    await appendNotice(draft, async () => policyEntry(deps.origin, draft.atMs, digest));
    draft.put(key, { policy: digest } satisfies LogPolicyRow);
  });
  deps.hints.entered();
}

/** Enters a heartbeat when nothing was entered for `everyMs`. Resolves with the time until the next one may be due. */
export async function beat(deps: FlowDeps, everyMs: number): Promise<number> {
  const leftMs = (head: LogHeadRow | null): number => {
    const left = (head?.lastAtMs ?? 0) + everyMs - deps.clock.nowMs();
    // The clock was set back behind the newest entry: that must not silence the log until it has come there again.
    return left > everyMs ? 0 : left;
  };
  const before = leftMs(await peek<LogHeadRow>(deps, keys.logHead()));
  if (before > 0) return before;
  await decide(deps, async (draft) => {
    const head = await draft.readOne<LogHeadRow>(keys.logHead());
    if (leftMs(head) > 0) return;
    await appendNotice(draft, async () => heartbeatEntry(deps.origin, draft.atMs, head?.open ?? 0));
  });
  deps.hints.entered();
  return everyMs;
}
