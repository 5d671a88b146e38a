/** What the rows say of the log of the deployment. Only the function asks: clients never read the table. */

import { bad, doubtful, type Found, good } from '@waybill/cli/deployed/finding';
import type { LogHeadRow, LogKeysRow } from '#core/record-rows.ts';

/** @param heartbeatMs the log is never silent for longer */
export function judgeLog(
  log: { head: LogHeadRow | null; keys: LogKeysRow | null },
  nowMs: number,
  heartbeatMs: number,
): Found {
  const { head, keys } = log;
  if (head === null || keys === null) {
    const fix = 'Wait a minute after the first deployment; then look at the log of seal.';
    return doubtful('the log has not begun', fix);
  }
  const silentMs = nowMs - head.lastAtMs;
  if (silentMs > 2 * heartbeatMs) {
    return bad(`nothing was entered for ${Math.round(silentMs / 60_000)} minutes`, 'Look at the log of seal.');
  }
  const found = `${head.tree.size} entries, ${head.published.size} published, ${head.open} runs open`;
  return head.published.size === head.tree.size
    ? good(found)
    : doubtful(found, 'The next batch of the sequencer publishes them.');
}
