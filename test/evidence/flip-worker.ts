/** Judges flipped bundles on a thread: `flips` are pairs of byte and mask, several pairs for what is flipped together. */
import { parentPort, workerData } from 'node:worker_threads';
import { ALL_CHECKS } from '../../packages/verify/src/checks/all.ts';
import { STRICT_RULES } from '../../packages/verify/src/record/bundle-line.ts';
import type { PolicyFile } from '../../packages/verify/src/verdict/policy.ts';
import { suppliedBy, verifyWith } from '../../packages/verify/src/verdict/verify-bundle.ts';

export interface FlipTask {
  bundle: Uint8Array;
  policy: PolicyFile;
  /** Each a list of [byte, mask]. */
  flips: [number, number][][];
}

const { bundle, policy, flips } = workerData as FlipTask;
// Loading the policy takes as long as judging most flips: they share one.
const supplied = suppliedBy({ policy });
const accepted: number[] = [];
for (const [n, flip] of flips.entries()) {
  const flipped = Uint8Array.from(bundle);
  for (const [at, mask] of flip) flipped[at] = (flipped[at] as number) ^ mask;
  const { exitCode } = await verifyWith(ALL_CHECKS, STRICT_RULES, [flipped], supplied);
  if (exitCode === 0) accepted.push(n);
}
parentPort?.postMessage(accepted);
