/** Ids that are functions of what they name, so that anyone can recompute them. */
import { sha256Hex } from '#crypto';

/** The run that a submission of a principal becomes: 32 hex digits. */
export function deriveRunId(principal: string, submissionId: string): string {
  return sha256Hex(`${principal}\0${submissionId}`).slice(0, 32);
}

/** The n-th attempt (from 1) at an item of a run: 32 hex digits. */
export function deriveAttemptId(run: string, item: string, attempt: number): string {
  return sha256Hex(`${run}\0${item}\0${attempt}`).slice(0, 32);
}
