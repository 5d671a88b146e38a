/** What a block may take of its machine, as an author writes it, and as a plan has it. */
import * as z from 'zod';
import { durationMs } from './duration.ts';
import type { PlanResources } from './plan.ts';
import { closed, duration, find } from './spec-fields.ts';
import { quote, says } from './spec-issue.ts';

const UNIT_BYTES = { Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const;

/** Inclusive. The least of each is what a shell that does nothing gets along with. */
const RESOURCE_LIMITS = {
  cpuTimeMs: { least: 1_000, most: 1_000 * 3_600_000 },
  memoryBytes: { least: 16 * UNIT_BYTES.Mi, most: 4_096 * UNIT_BYTES.Gi },
  diskBytes: { least: UNIT_BYTES.Mi, most: 65_536 * UNIT_BYTES.Gi },
  inodes: { least: 16, most: 100_000_000 },
  processes: { least: 8, most: 100_000 },
} as const;

export function size({ least, most }: { least: number; most: number }): z.ZodString {
  const range = `from ${formatSize(least)} to ${formatSize(most)}`;
  return z
    .string()
    .regex(/^[1-9][0-9]{0,8}(?:Ki|Mi|Gi)$/, {
      error: (issue) =>
        says(`${quote(String(issue.input))} is not a size`, `Write a whole number and a unit, ${range}: 512Mi, 2Gi.`),
      abort: true,
    })
    .superRefine((text, context) => {
      const bytes = sizeBytes(text);
      if (bytes >= least && bytes <= most) return;
      find(context, 'SPEC_LIMIT', `${text} is out of range`, `Use a size ${range}.`);
    })
    .meta({ description: `A whole number and a unit (Ki, Mi, Gi), ${range}.`, examples: ['512Mi', '2Gi'] });
}

const count = ({ least, most }: { least: number; most: number }): z.ZodInt => z.int().min(least).max(most);

export const resources = closed({
  cpuTime: duration(RESOURCE_LIMITS.cpuTimeMs.least, RESOURCE_LIMITS.cpuTimeMs.most).optional(),
  memory: size(RESOURCE_LIMITS.memoryBytes).optional(),
  disk: size(RESOURCE_LIMITS.diskBytes).optional(),
  inodes: count(RESOURCE_LIMITS.inodes).optional().describe('Files and directories.'),
  processes: count(RESOURCE_LIMITS.processes).optional().describe('At a time, with their threads.'),
}).describe('What each block may take at most. Refused where nothing holds it to that.');

type Resources = z.infer<typeof resources>;

/** Nothing when neither says anything; what the item says wins, one by one. */
export function plannedResources(
  defaults: Resources | undefined,
  own: Resources | undefined,
): { resources?: PlanResources } {
  const { cpuTime, memory, disk, inodes, processes } = { ...defaults, ...own };
  const planned: PlanResources = {
    ...(cpuTime === undefined ? {} : { cpuMs: durationMs(cpuTime) }),
    ...(memory === undefined ? {} : { memoryBytes: sizeBytes(memory) }),
    ...(disk === undefined ? {} : { diskBytes: sizeBytes(disk) }),
    ...(inodes === undefined ? {} : { inodes }),
    ...(processes === undefined ? {} : { processes }),
  };
  return Object.keys(planned).length === 0 ? {} : { resources: planned };
}

export function sizeBytes(text: string): number {
  return Number.parseInt(text, 10) * UNIT_BYTES[text.slice(-2) as keyof typeof UNIT_BYTES];
}

function formatSize(bytes: number): string {
  return bytes % UNIT_BYTES.Gi === 0 ? `${bytes / UNIT_BYTES.Gi}Gi` : `${bytes / UNIT_BYTES.Mi}Mi`;
}
