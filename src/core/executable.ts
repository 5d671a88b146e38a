/** The one digest by which a manifest names everything that runs: the worker, and the image of its blocks where there is one. */
import { canonicalize, type Digest, digestOf } from '@waybill/verify';

/** `environment`: digest of the image in which blocks run, as its registry has it. */
export function containerExecutable(worker: Digest, environment: Digest): Digest {
  return digestOf(canonicalize({ environment, worker }));
}
