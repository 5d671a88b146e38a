/** Permission: who may ask something of a run, and whether there is anything left to ask for. */
import type { RunRow } from '#core/rows.ts';
import { type Answer, refuse } from '#flow/answer.ts';

/**
 * Null: the principal may ask something of the run, and it is there to be asked.
 * @param isReviewer of the gate that it is a verdict on; null where it is no verdict, or one on what is no gate
 */
export function refusalOf(
  principal: string,
  run: string,
  row: RunRow | null,
  isReviewer: boolean | null,
): Answer | null {
  if (!row || row.state === 'admitting') return refuseUnknown(run);
  const path = 'spec.run';
  const isOwner = row.recovered !== undefined || row.principal === principal;
  if (isReviewer === false && isOwner) {
    const problem = 'you are no reviewer of that gate';
    return refuse('denied', {
      code: 'PRINCIPAL_MISMATCH',
      path,
      problem,
      fix: 'Ask one of those that the spec names.',
    });
  }
  if (!isOwner && isReviewer !== true) {
    const fix = 'Ask the principal who submitted the run.';
    return refuse('denied', { code: 'PRINCIPAL_MISMATCH', path, problem: 'the run belongs to another principal', fix });
  }
  if (row.sealedIndex === undefined && row.abortedIndex === undefined) return null;
  const how = row.sealedIndex === undefined ? 'was aborted' : `has ended as ${row.state}`;
  return refuse('invalid', { code: 'RUN_SEALED', path, problem: `the run ${how}`, fix: 'Nothing is left to steer.' });
}

export function refuseUnknown(run: string): Answer {
  return refuse('invalid', {
    code: 'RUN_UNKNOWN',
    path: 'spec.run',
    problem: `there is no run ${run}`,
    fix: 'Name a run id of `waybill runs`.',
  });
}
