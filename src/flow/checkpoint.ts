/**
 * Checkpoints: what an attempt that ended before its time leaves for a later one of its item to go on from. The control plane
 * hashes the bytes and hands them on; only workers read them.
 */
import { CHECKPOINT_KEY, CHECKPOINT_OUTCOMES, type ManifestInput } from '@waybill/verify';
import type { Judgement } from '#core/attempt.ts';
import type { ItemRow } from '#core/rows.ts';
import type { Collected } from '#flow/collect.ts';

/** Of what ended otherwise than its worker said nothing is left: somebody stopped it, or it was refused. */
export function leftToGoOn(
  { outcome }: Judgement,
  { ending, checkpoint }: Collected,
  attempt: number,
): Pick<ItemRow, 'checkpoint'> {
  const isLeft = checkpoint !== undefined && outcome === ending.outcome && CHECKPOINT_OUTCOMES.has(outcome);
  return isLeft ? { checkpoint: { attempt, ...checkpoint } } : {};
}

/** What the newest attempt of the item that left anything to go on from has left. */
export function checkpointOf(item: string, { checkpoint }: ItemRow): ManifestInput[] {
  if (checkpoint === undefined) return [];
  const { attempt, sha256, sizeBytes } = checkpoint;
  return [{ key: CHECKPOINT_KEY, sha256, sizeBytes, from: { item, attempt, output: 'checkpoint' } }];
}
