/** What seeds that were lived through came to, added up; figures of several processes become one. */
import { Coverage } from './coverage.ts';
import type { Outcome } from './world.ts';

const SUMS = ['steps', 'commits', 'verified'] as const;

/** As it goes from one process to another. */
export interface FiguresMessage {
  items: number[];
  faults: number[];
  sums: Record<(typeof SUMS)[number], number>;
  edges: [name: string, times: number][];
}

export class Figures {
  readonly coverage = new Coverage();
  readonly #items: number[] = [];
  readonly #faults: number[] = [];
  readonly #sums = { steps: 0, commits: 0, verified: 0 };

  get seeds(): number {
    return this.#items.length;
  }

  add(outcome: Outcome): void {
    this.#items.push(outcome.items);
    this.#faults.push(outcome.faults.length);
    for (const name of SUMS) this.#sums[name] += outcome[name];
  }

  message(): FiguresMessage {
    return { items: this.#items, faults: this.#faults, sums: this.#sums, edges: [...this.coverage.visited] };
  }

  merge({ items, faults, sums, edges }: FiguresMessage): void {
    this.#items.push(...items);
    this.#faults.push(...faults);
    for (const name of SUMS) this.#sums[name] += sums[name];
    this.coverage.merge(edges);
  }

  /** In what the edges that were gone along differ from the table; such as nobody went along count where all are asked for. */
  gaps(everyEdge: boolean): string[] {
    const { unvisited, unlisted } = this.coverage.report();
    const gaps: string[] = [];
    if (unlisted.length > 0)
      gaps.push('edges that the table does not have: put them there, or mend what goes along them');
    if (everyEdge && unvisited.length > 0)
      gaps.push('edges not visited: live through more seeds, or take out of the table what nothing can go along');
    return gaps;
  }

  /** @param seconds that all of it took */
  lines(from: number, seconds: number): string[] {
    const { visited, edges, unvisited, unlisted } = this.coverage.report();
    const { steps, commits, verified } = this.#sums;
    return [
      `edges not visited: ${unvisited.join(', ') || 'none'}`,
      `edges that the table does not have: ${unlisted.join(', ') || 'none'}`,
      `bundles verified: ${verified}; transactions: ${commits}; steps: ${steps}`,
      `${this.seeds} seeds from ${from}, ${(this.seeds / seconds).toFixed(1)} seeds/s, median of ${median(this.#items)} items and ` +
        `${median(this.#faults)} faults a seed, ${visited} of ${edges} edges visited`,
    ];
  }
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? 0;
}
