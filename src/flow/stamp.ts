/**
 * Stamp: an authority for trusted time says that it has seen the anchored checkpoint, exactly its bytes. The answer is
 * kept beside it and written once; without one the checkpoint stands, and proves less.
 */
import type { FlowDeps } from '#flow/deps.ts';
import { checkpointKey, readLedger } from '#flow/log.ts';
import { within } from '#flow/within.ts';

/** Asks for a timestamp over a published checkpoint that has none, and waits no longer than was agreed. */
export async function stamp(deps: FlowDeps, size: number): Promise<void> {
  const authority = deps.timestampAuthority;
  if (authority === null || size === 0 || (await readStamp(deps, size)) !== null) return;
  try {
    const checkpoint = await readLedger(deps, checkpointKey(size));
    const response = await within(deps, 'timestamp authority', authority.stamp(checkpoint));
    // Two that ask at once get two answers, each as good: the first one stays.
    await deps.ledger.anchor(stampKey(size), response);
  } catch (error) {
    deps.hints.outage('timestamp authority', error);
  }
}

export function readStamp(deps: FlowDeps, size: number): Promise<Uint8Array | null> {
  return deps.ledger.get(stampKey(size));
}

function stampKey(size: number): string {
  return `${checkpointKey(size)}.tsr`;
}
