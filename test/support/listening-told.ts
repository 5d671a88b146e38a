import type { Told } from '#lambdas/shared/told.ts';

/** Keeps what a handler told. */
export function listeningTold(): Told & { troubles: string[]; badRecords: string[] } {
  const troubles: string[] = [];
  const badRecords: string[] = [];
  return {
    troubles,
    badRecords,
    trouble: (about, error) => void troubles.push(`${about}: ${String(error)}`),
    malformed: (about, problem) => void badRecords.push(`${about}: ${problem}`),
    info: () => {},
  };
}
