/** What runs have cost, as their statuses say it. Money is whole micro-USD. */
import type { CapStatus, RunStatus } from './documents.ts';
import { listRuns } from './runs.ts';
import type { SubmissionRef, Transport } from './transport.ts';

export interface Cost {
  microUsd: number;
  /** Dearest first. Of several runs: by the run. */
  parts: { id: string; microUsd: number }[];
  /** What is not in here is the time of workers, or was reckoned without knowing the model. Dearest first. */
  models: { model: string; microUsd: number }[];
  /** Of what models come to, this is not charged: attempts claimed more than one may be charged. */
  cutMicroUsd?: number;
  /** As they were when the newest of the statuses was written that shows any, at `capsAt`. */
  caps: CapStatus[];
  capsAt?: string;
}

/** Of a run item by item; without one of the newest runs of the principal, run by run. Null: there is no such run. */
export async function readCost(transport: Transport, ref?: SubmissionRef, limit = 1_000): Promise<Cost | null> {
  if (ref === undefined) return costOfRuns(await listRuns(transport, limit));
  const run = await transport.readStatus(ref);
  return run === null ? null : costOfRun(run);
}

export function costOfRun(run: RunStatus): Cost {
  const parts = run.items.map(({ id, costMicroUsd = 0 }) => ({ id, microUsd: costMicroUsd }));
  return costOf(parts, [run]);
}

function costOfRuns(runs: readonly RunStatus[]): Cost {
  return costOf(
    runs.map(({ run, costMicroUsd = 0 }) => ({ id: run, microUsd: costMicroUsd })),
    runs,
  );
}

function costOf(parts: Cost['parts'], runs: readonly RunStatus[]): Cost {
  const models = new Map<string, number>();
  let cutMicroUsd = 0;
  for (const { items } of runs)
    for (const { modelMicroUsd = {}, cutMicroUsd: cut = 0 } of items) {
      cutMicroUsd += cut;
      for (const [model, microUsd] of Object.entries(modelMicroUsd))
        models.set(model, (models.get(model) ?? 0) + microUsd);
    }
  const newest = runs.toSorted((a, b) => b.at.localeCompare(a.at)).find(({ caps }) => caps !== undefined);
  const ofDeployment = (newest?.caps ?? []).filter(({ cap }) => runs.length === 1 || cap !== 'run');
  return {
    microUsd: parts.reduce((sum, { microUsd }) => sum + microUsd, 0),
    parts: parts.filter(({ microUsd }) => microUsd > 0).sort((a, b) => b.microUsd - a.microUsd),
    models: [...models].map(([model, microUsd]) => ({ model, microUsd })).sort((a, b) => b.microUsd - a.microUsd),
    ...(cutMicroUsd === 0 ? {} : { cutMicroUsd }),
    caps: ofDeployment,
    ...(newest === undefined || ofDeployment.length === 0 ? {} : { capsAt: newest.at }),
  };
}
