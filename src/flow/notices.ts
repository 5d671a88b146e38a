/**
 * Notices: entries of the log that are about no run. With what settings it goes on, and that it goes on when nothing
 * happens.
 */
import { canonicalize, digestOf } from '@waybill/verify';
import { heartbeatEntry, policyEntry } from '#core/evidence.ts';
import type { LogHeadRow, LogPolicyRow } from '#core/record-rows.ts';
import { keys } from '#core/rows.ts';
import type { SchedulesRow } from '#core/schedule-rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import { appendNotice, bytesOf } from '#flow/log.ts';
import { decide, peek } from '#flow/transaction.ts';

/**
 * Enters the settings, schedules included, when they are not those that were entered last. The document stays in the ledger,
 * under its digest.
 */
export async function enterPolicy(deps: FlowDeps, settings: object): Promise<void> {
  const key = keys.logPolicy();
  const [before, inForce] = await deps.store.get([key, keys.schedules()]);
  const schedules = scheduleSettings(deps, inForce?.body as SchedulesRow | undefined);
  const document = canonicalize(schedules.length === 0 ? settings : { ...settings, schedules });
  const digest = digestOf(document);
  if ((before?.body as LogPolicyRow | undefined)?.policy === digest) return;
  await deps.ledger.put(`policies/${digest.slice('sha256:'.length)}.json`, bytesOf(document));
  await decide(deps, async (draft) => {
    const last = await draft.readOne<LogPolicyRow>(key);
    if (last?.policy === digest) return;
    await appendNotice(draft, async () => policyEntry(deps.origin, draft.atMs, digest));
    draft.put(key, { policy: digest } satisfies LogPolicyRow);
  });
  deps.hints.entered();
}

/** Whoever reads them sees who has what in force, under the names that principals have in the record of a run. */
function scheduleSettings({ signer }: FlowDeps, row: SchedulesRow | undefined): object[] {
  return (row?.schedules ?? []).map(({ principal, name, definition, paused = false }) => {
    return { principal: `hmac-sha256:${signer.pseudonym(principal)}`, name, definition, paused };
  });
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
