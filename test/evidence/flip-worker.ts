/** Judges flipped bundles on a thread: `flips` are pairs of byte and mask, several pairs for what is flipped together. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PolicyFile } from '../../packages/verify/src/verdict/policy.ts';
import { verifyBundle } from '../../packages/verify/src/verdict/verify-bundle.ts';

export interface FlipTask {
  bundle: Uint8Array;
  policy: PolicyFile;
  /** Each a list of [byte, mask]. */
  flips: [number, number][][];
}

const { bundle, policy, flips } = workerData as FlipTask;
const accepted: number[] = [];
for (const [n, flip] of flips.entries()) {
  const flipped = Uint8Array.from(bundle);
  for (const [at, mask] of flip) flipped[at] = (flipped[at] as number) ^ mask;
  const { exitCode } = await verifyBundle([flipped], { policy });
  if (exitCode === 0) accepted.push(n);
}
parentPort?.postMessage(accepted);
