/** A duration for people: two units at most, tenths of a second below ten seconds. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} m`;
}

/** Younger than this, what is shown counts as how things stand. */
const FRESH_MS = 2_000;

/** When something was written, if that is not just now: `as of 12:03:04 UTC, 12 s ago`. */
export function asOf(at: string, nowMs: number): string | undefined {
  const atMs = Date.parse(at);
  const ageMs = nowMs - atMs;
  if (!(ageMs > FRESH_MS)) return undefined;
  return `as of ${new Date(atMs).toISOString().slice(11, 19)} UTC, ${formatDuration(ageMs)} ago`;
}

/** Words about a time that is still to come, and none about one that has passed. */
export function ifAhead(at: string, nowMs: number, words: (left: string) => string): string {
  const leftMs = Date.parse(at) - nowMs;
  return leftMs > 0 ? words(formatDuration(leftMs)) : '';
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** A size for people, in powers of 1024. */
export function formatBytes(sizeBytes: number): string {
  let size = sizeBytes;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}

/** Micro-USD in dollars: two decimals at least, and as many as it takes. */
export function formatUsd(microUsd: number): string {
  const text = (microUsd / 1_000_000).toFixed(6).replace(/0{1,4}$/, '');
  return `${text} USD`;
}

/** `1 item`, `2 items`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The first few of many: `a, b, c and 7 more`. */
export function firstOf(names: readonly string[], total: number = names.length, shown = 3): string {
  const first = names.slice(0, shown);
  const rest = total - first.length;
  return rest > 0 ? `${first.join(', ')} and ${rest} more` : first.join(', ');
}
