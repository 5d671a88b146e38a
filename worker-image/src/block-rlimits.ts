/** Limits that the kernel keeps for each process by itself, set by a shell inside the sandbox before it becomes the block. */
import type { JobResources } from '#core/mailbox-protocol.ts';

/**
 * Who looks at a block ends it for too many processes, with a reason. A kernel only lets the next one fail, and so bounds
 * what comes to be between two looks.
 */
const PROCESSES_BETWEEN_LOOKS = 4;
/** The unit of `ulimit -f`. */
const FILE_UNIT = 512;

/**
 * No core file, which would hold whatever the process knew. What a shell or the host does not offer is left out; the
 * number of processes is kept for all users but root, and has two letters. What a variable says here never comes from the
 * spec.
 */
const SET_LIMITS = [
  'ulimit -c 0',
  '[ "$1" = - ] || ulimit -n "$1"',
  '[ "$2" = - ] || ulimit -f "$2"',
  '[ "$3" = - ] || ulimit -p "$3" || ulimit -u "$3"',
]
  .map((line) => `{ ${line}; } 2>/dev/null`)
  .join('; ');
const STAGE = `${SET_LIMITS}; shift 3; exec "$@"`;

/** The command with its limits; without any given, only what holds for every block. */
export function withRlimits(command: string[], resources: JobResources | undefined): string[] {
  const { openFiles, diskBytes, processes } = resources ?? {};
  const limits = [
    openFiles,
    diskBytes === undefined ? undefined : Math.ceil(diskBytes / FILE_UNIT),
    processes === undefined ? undefined : processes * PROCESSES_BETWEEN_LOOKS,
  ];
  return ['/bin/sh', '-c', STAGE, 'sh', ...limits.map((limit) => String(limit ?? '-')), ...command];
}
