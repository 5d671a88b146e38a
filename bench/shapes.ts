/** The runs that every engine is given. */
import { peakMemoryBytes } from './peak-memory.ts';

export interface BenchItem {
  id: string;
  dependsOn?: string[];
}

/** `n` items: all but the last have no dependencies, and the last one waits for all of them. */
export function fanOutFanIn(n: number): BenchItem[] {
  const fan = Array.from({ length: n - 1 }, (_, k) => ({ id: `i${k}` }));
  return [...fan, { id: 'join', dependsOn: fan.map(({ id }) => id) }];
}

/** Each item waits for the one before it. */
export function chain(n: number): BenchItem[] {
  return Array.from({ length: n }, (_, k) => (k === 0 ? { id: 'i0' } : { id: `i${k}`, dependsOn: [`i${k - 1}`] }));
}

/** Layers in which each item waits for one to three of the layer before, always the same ones. */
export function grid(layers: number, width: number): BenchItem[] {
  const at = (layer: number, n: number): string => `i${layer}-${n % width}`;
  return Array.from({ length: layers * width }, (_, k) => {
    const [layer, n] = [Math.floor(k / width), k % width];
    if (layer === 0) return { id: at(0, n) };
    const dependsOn = Array.from({ length: 1 + (k % 3) }, (_none, m) => at(layer - 1, n + 7 * m));
    return { id: at(layer, n), dependsOn };
  });
}

/** What is measured of an engine in each round, in this order. */
export const CASES = ['w1-1000', 'w1-3000', 'w1-10000', 'w2', 'w3', 'w4-burst', 'w4-32'] as const;
export type Case = (typeof CASES)[number];

export const SHAPES: Record<'w1-1000' | 'w1-3000' | 'w1-10000' | 'w2' | 'w3', () => BenchItem[]> = {
  'w1-1000': () => fanOutFanIn(1_000),
  'w1-3000': () => fanOutFanIn(3_000),
  'w1-10000': () => fanOutFanIn(10_000),
  w2: () => chain(300),
  w3: () => grid(20, 50),
};

export const SUBMISSIONS = 1_000;
export const IN_FLIGHT = 32;

/** What one process measured in one round; a case that an engine does not have is absent. */
export interface Round {
  figures: { [name in Case]?: Figure };
  /** Largest size of the process. */
  peakBytes: number;
}

export interface Figure {
  /** Items completed, or submissions answered. */
  count: number;
  elapsedMs: number;
  /** Of a submission, from its beginning to its answer. */
  p95Ms?: number;
  /** Of all processors, in the process that measured; other processes of the engine are not in it. */
  cpuMs?: number;
}

/** Does something `SUBMISSIONS` times, at most `inFlight` at once. */
export async function timeSubmissions(inFlight: number, submit: (n: number) => Promise<unknown>): Promise<Figure> {
  const latencies: number[] = [];
  let next = 0;
  const startedMs = performance.now();
  const submitter = async (): Promise<void> => {
    for (let n = next++; n < SUBMISSIONS; n = next++) {
      const begunMs = performance.now();
      await submit(n);
      latencies.push(performance.now() - begunMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, submitter));
  const elapsedMs = performance.now() - startedMs;
  latencies.sort((a, b) => a - b);
  const p95Ms = latencies[Math.floor(latencies.length * 0.95)];
  return { count: SUBMISSIONS, elapsedMs, ...(p95Ms === undefined ? {} : { p95Ms }) };
}

/** A round of an engine: its cases one after another, and then one line for the process that asked. */
export async function printRound(measure: { [name in Case]?: () => Promise<Figure> }): Promise<void> {
  const figures: Round['figures'] = {};
  for (const name of CASES) {
    const before = process.cpuUsage();
    const figure = await measure[name]?.();
    if (!figure) continue;
    const { user, system } = process.cpuUsage(before);
    figures[name] = { ...figure, cpuMs: (user + system) / 1000 };
  }
  const round: Round = { figures, peakBytes: peakMemoryBytes('self') };
  process.stdout.write(`${JSON.stringify(round)}\n`);
}
