import { deriveRunId } from '@waybill/verify';
import type { RunStatus } from './documents.ts';
import { TerminalError } from './errors.ts';
import { isSubmissionId } from './object-names.ts';
import type { SubmissionRef, Transport } from './transport.ts';

/** How many of one's own runs are searched. */
const MAX_SEARCHED_RUNS = 10_000;
const BATCH = 32;

/** The newest runs of the principal, newest first. */
export async function listRuns(transport: Transport, limit: number): Promise<RunStatus[]> {
  return (await lookAtRuns(transport, limit)).seen;
}

/** As `listRuns`, and beside them those that were accepted and of which no status was written. */
export async function lookAtRuns(
  transport: Transport,
  limit: number,
): Promise<{ seen: RunStatus[]; unseen: SubmissionRef[] }> {
  const refs = await transport.listRuns(limit);
  const statuses = await Promise.all(refs.map((ref) => transport.readStatus(ref)));
  return {
    seen: statuses.filter((status) => status !== null),
    unseen: refs.filter((_ref, n) => statuses[n] === null),
  };
}

/**
 * The run that a person means: a submission id, a run id, or the unique beginning of a run id (4 digits or more).
 * Throws TerminalError RUN_UNKNOWN when none or more than one fits.
 */
export async function findRun(transport: Transport, text: string): Promise<SubmissionRef> {
  if (isSubmissionId(text)) {
    const ref = { principal: transport.principal, submissionId: text };
    const isNamed = ({ submissionId }: SubmissionRef): boolean => submissionId === text;
    if ((await transport.readStatus(ref)) !== null) return ref;
    if ((await transport.listRuns(MAX_SEARCHED_RUNS)).some(isNamed)) return ref;
  }
  const found = /^[0-9a-f]{4,32}$/.test(text) ? await findByRunId(transport, text) : [];
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new TerminalError({
    code: 'RUN_UNKNOWN',
    path: 'run',
    problem: `${found.length === 0 ? 'no run has' : 'several runs have'} the id ${JSON.stringify(text.slice(0, 140))}`,
    fix: 'Name a run or a submission as `waybill runs` lists them.',
  });
}

function runIdOf({ principal, submissionId }: SubmissionRef): string {
  return deriveRunId(principal, submissionId);
}

async function findByRunId(transport: Transport, beginning: string): Promise<SubmissionRef[]> {
  const refs = await transport.listRuns(MAX_SEARCHED_RUNS);
  const found: SubmissionRef[] = [];
  for (let from = 0; from < refs.length; from += BATCH) {
    const batch = refs.slice(from, from + BATCH);
    const statuses = await Promise.all(batch.map((ref) => transport.readStatus(ref)));
    found.push(...batch.filter((ref, n) => (statuses[n]?.run ?? runIdOf(ref)).startsWith(beginning)));
  }
  return found;
}
