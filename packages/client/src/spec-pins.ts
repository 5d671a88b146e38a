/** The schemas of capabilities and values: what a spec says by name, and what the names mean in a run. */
import * as z from 'zod';
import { PIN_LIMITS } from './limits.ts';
import { closed, env, name, record } from './spec-fields.ts';
import { says } from './spec-issue.ts';

const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, { error: says('it is not a digest', 'Write `sha256:` and 64 hex digits.') });

/** Of a capability: what follows the beginning of its key has to leave room. */
const capabilityName = name.max(PIN_LIMITS.capabilityNameChars);

export const capabilities = z.array(capabilityName).max(PIN_LIMITS.perItem);
export const values = z.array(name).max(PIN_LIMITS.perItem);

export const pins = closed({
  capabilities: record(
    capabilityName,
    closed({ sha256: digest, sizeBytes: z.int().min(1).max(PIN_LIMITS.archiveBytes) }),
    PIN_LIMITS.perRun,
  ).optional(),
  values: record(name, closed({ sha256: digest, env }), PIN_LIMITS.perRun).optional(),
});

export type Pins = z.infer<typeof pins>;
