/** Names of outputs. Which text a path may be is the same rule everywhere. */
import { relativePathProblem } from '@waybill/client/relative-path';
import type { OutputKind } from './mailbox-protocol.ts';

/** The one name of kind `patch`. */
export const PATCH_NAME = 'patch';
/** The one name of kind `checkpoint`. */
export const CHECKPOINT_NAME = 'checkpoint';
/** Everything under outputs/ is named by its path from the parent of outputs/. */
export const OUTPUT_PREFIX = 'outputs/';

/** Null when `name` may name an output of this kind. */
export function outputNameProblem(name: string, kind: OutputKind): string | null {
  const only = kind === 'patch' ? PATCH_NAME : kind === 'checkpoint' ? CHECKPOINT_NAME : null;
  if (only !== null) return name === only ? null : `is not ${only}`;
  return name.startsWith(OUTPUT_PREFIX) ? relativePathProblem(name) : `is not below ${OUTPUT_PREFIX}`;
}
