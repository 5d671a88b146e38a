/** When a block is ended because it gets nowhere, as an author writes it, and as a plan has it. */
import * as z from 'zod';
import { durationMs } from './duration.ts';
import { LIMITS } from './limits.ts';
import type { PlanGuards } from './plan.ts';
import { closed, duration } from './spec-fields.ts';
import { size, sizeBytes } from './spec-resources.ts';

/** Inclusive. */
const GUARD_LIMITS = {
  stallMs: 1_000,
  bytes: { least: 1024 ** 2, most: 1024 ** 3 },
  inARow: { least: 2, most: 100 },
} as const;

const inARow = z.int().min(GUARD_LIMITS.inARow.least).max(GUARD_LIMITS.inARow.most);

const ofAnyBlock = {
  stall: duration(GUARD_LIMITS.stallMs, LIMITS.maxTimeoutMs).optional().describe('It writes nothing for so long.'),
  output: size(GUARD_LIMITS.bytes).optional().describe('It writes more than that.'),
};
const ofAnAgent = {
  repeats: inARow.optional().describe('It makes the same call so often, one after the other.'),
  errors: inARow.optional().describe('So many of its calls fail, one after the other.'),
};

export const blockGuards = closed(ofAnyBlock).describe('It is ended as `deferred` when');
/** Of an agent whose calls are seen. */
export const callGuards = closed({ ...ofAnyBlock, ...ofAnAgent }).describe('It is ended as `deferred` when');
/** Of one whose calls are answered here. */
export const modelGuards = closed({
  ...ofAnyBlock,
  ...ofAnAgent,
  told: size(GUARD_LIMITS.bytes).optional().describe('Its calls were answered with more than that.'),
}).describe('It is ended as `deferred` when');

/** Nothing when nothing is said. */
export function plannedGuards(guards: z.infer<typeof modelGuards> | undefined): { guards?: PlanGuards } {
  const { stall, output, told, repeats, errors } = guards ?? {};
  const planned: PlanGuards = {
    ...(stall === undefined ? {} : { stallMs: durationMs(stall) }),
    ...(output === undefined ? {} : { outputBytes: sizeBytes(output) }),
    ...(told === undefined ? {} : { toldBytes: sizeBytes(told) }),
    ...(repeats === undefined ? {} : { repeats }),
    ...(errors === undefined ? {} : { errors }),
  };
  return Object.keys(planned).length === 0 ? {} : { guards: planned };
}
