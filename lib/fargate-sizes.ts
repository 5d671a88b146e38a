/** Which sizes of tasks there are on Fargate. */
import type { WorkerEnvironment } from './waybill-props.ts';

const GIB = 1024;

function steps(fromGiB: number, toGiB: number, stepGiB: number): number[] {
  return Array.from({ length: (toGiB - fromGiB) / stepGiB + 1 }, (_, n) => (fromGiB + n * stepGiB) * GIB);
}

/** MiB of memory by vCPU units. */
const MEMORY: Readonly<Record<number, readonly number[]>> = {
  256: [512, GIB, 2 * GIB],
  512: steps(1, 4, 1),
  1024: steps(2, 8, 1),
  2048: steps(4, 16, 1),
  4096: steps(8, 30, 1),
  8192: steps(16, 60, 4),
  16384: steps(32, 120, 8),
};

/** What Fargate gives by itself is 20. */
const STORAGE_GIB = { from: 21, to: 200 };

type Size = Pick<WorkerEnvironment, 'cpu' | 'memoryMiB' | 'ephemeralStorageGiB'>;

export function cpuOf({ cpu = 1024 }: Size): number {
  return cpu;
}

/** Twice the units when nobody says otherwise, which there is for every number of them. */
export function memoryOf(size: Size): number {
  return size.memoryMiB ?? 2 * cpuOf(size);
}

/** What is wrong with the size, each beginning with the name of the property. */
export function sizeProblems(size: Size): string[] {
  const memory = MEMORY[cpuOf(size)];
  const { ephemeralStorageGiB: storage } = size;
  const problems: string[] = [];
  if (memory === undefined) problems.push(`cpu: one of ${Object.keys(MEMORY).join(', ')}`);
  else if (!memory.includes(memoryOf(size))) {
    problems.push(
      `memoryMiB: there is no task of ${memoryOf(size)} with cpu ${cpuOf(size)}; there are ${memory.join(', ')}`,
    );
  }
  if (
    storage !== undefined &&
    !(Number.isInteger(storage) && storage >= STORAGE_GIB.from && storage <= STORAGE_GIB.to)
  ) {
    problems.push(
      `ephemeralStorageGiB: a whole number from ${STORAGE_GIB.from} to ${STORAGE_GIB.to}, or nothing for 20`,
    );
  }
  return problems;
}
