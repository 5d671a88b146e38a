/** Durations as people write them: a whole number and one unit, `500ms`, `30s`, `15m`, `2h`. */

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

export const DURATION_PATTERN: RegExp = /^(?:0|[1-9][0-9]{0,12})(?:ms|s|m|h)$/;

/** Milliseconds; the text must match `DURATION_PATTERN`. */
export function durationMs(text: string): number {
  const unit = text.endsWith('ms') ? 'ms' : (text.at(-1) as keyof typeof UNIT_MS);
  return Number.parseInt(text, 10) * UNIT_MS[unit];
}

/** The shortest way to write it, for messages and tables of limits. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`;
  }
  return `${ms}ms`;
}
