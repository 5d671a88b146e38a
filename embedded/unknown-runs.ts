/** Runs that stand in an outbox as going on, and that nobody there carries out: whoever watches one would wait for ever. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NOT_IN_STORE, type RunStatus } from '@waybill/client/documents';
import { deriveRunId } from '@waybill/verify';
import { isoTime } from '#core/evidence.ts';
import { keys } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';

/**
 * Says so of those that the store does not know: an engine wrote them that worked on another directory under this name, or with another
 * store. One whose store comes back is published anew by the engine that takes it up.
 */
export async function endUnknown(
  { store, ...deps }: Pick<FlowDeps, 'store' | 'inbox' | 'clock'>,
  directory: string,
): Promise<void> {
  for await (const status of statusesIn(directory)) {
    if (status.sealedAt !== undefined || status.aborted !== undefined) continue;
    const [row] = await store.get([keys.run(deriveRunId(status.principal, status.submissionId))]);
    if (row === null) await endStatus(deps, status, NOT_IN_STORE);
  }
}

/** Nobody waits for a run any more whose status says that it was aborted. */
export async function endStatus(
  { inbox, clock }: Pick<FlowDeps, 'inbox' | 'clock'>,
  status: RunStatus,
  reason: string,
): Promise<void> {
  const at = isoTime(clock.nowMs());
  const ended = { state: 'cancelled' as const, at, completedAt: at, aborted: { at, reason } };
  await inbox.publish(status.principal, status.submissionId, { ...status, ...ended });
}

/** Whose the runs were stands in the outbox only. A document that is broken is left to whoever reads it. */
export async function* statusesIn(directory: string): AsyncGenerator<RunStatus> {
  const outbox = join(directory, 'outbox');
  for (const principal of await namesIn(outbox)) {
    for (const submissionId of await namesIn(join(outbox, principal))) {
      const path = join(outbox, principal, submissionId, 'status.json');
      const status = parsed(await readFile(path, 'utf8').catch(() => 'null'));
      if (status !== null) yield { ...status, principal, submissionId };
    }
  }
}

function parsed(text: string): RunStatus | null {
  try {
    return JSON.parse(text) as RunStatus | null;
  } catch {
    return null;
  }
}

/** None of what is no directory. */
async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((): string[] => []);
  return names.filter((name) => !name.startsWith('.'));
}
