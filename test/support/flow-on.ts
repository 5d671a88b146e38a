/** The use cases, called from outside the engine on what it works on. */
import type { FlowDeps, Hints } from '#flow/deps.ts';
import { createLane } from '#flow/lane.ts';
import type { FlowBed } from './embedded-flow.ts';

/** Nobody hears them. */
export const SILENT: Hints = new Proxy({} as Hints, { get: () => () => {} });

export function flowOn(bed: Pick<FlowBed, 'deps'>): FlowDeps {
  return { ...bed.deps, hints: SILENT, lane: createLane() };
}
