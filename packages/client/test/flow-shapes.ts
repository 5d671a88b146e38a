/** Any flow: groups, loops and gates in each other, with needs and conditions that mostly make sense. */
import fc from 'fast-check';
import { flowOf } from './flow-sample.ts';

type Written = Record<string, unknown>;

interface Leaf {
  kind: 'agent' | 'gate';
  /** Chooses what it needs, among tasks before it and now and then anywhere. */
  needs: { pick: number; other: number | null; isAnywhere: boolean; isOfRoundBefore: boolean }[];
  timeout: boolean;
  /** Chooses what it asks, of a task before it; null: it always happens. */
  asks: { pick: number; state: 'done' | 'failed' | 'skipped' | null } | null;
  /** Of a gate: it asks that what it needs is done, and needs nothing else. */
  isCareful: boolean;
  /** Of a gate: how often it is mended. */
  mendings: number;
  mayFail: boolean;
}

type Shape =
  | Leaf
  | { kind: 'sequential' | 'parallel'; children: Shape[] }
  | { kind: 'loop'; max: number; endsByItself: boolean; children: Shape[] };

const { shape } = fc.letrec<{ shape: Shape }>((tie) => {
  const children = fc.array(tie('shape'), { minLength: 1, maxLength: 4 });
  const need = fc.record({
    pick: fc.nat(),
    other: fc.option(fc.nat(), { freq: 2 }),
    isAnywhere: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
    isOfRoundBefore: fc.boolean(),
  });
  return {
    shape: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.record<Leaf>({
        kind: fc.constantFrom('agent', 'gate'),
        needs: fc.array(need, { maxLength: 2 }),
        timeout: fc.boolean(),
        asks: fc.option(
          fc.record({ pick: fc.nat(), state: fc.constantFrom(null, null, 'done', 'failed', 'skipped') }),
          { freq: 4 },
        ),
        isCareful: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
        mendings: fc.integer({ min: 0, max: 2 }),
        mayFail: fc.boolean(),
      }),
      fc.record({ kind: fc.constantFrom<'sequential' | 'parallel'>('sequential', 'parallel'), children }),
      fc.record({
        kind: fc.constant<'loop'>('loop'),
        max: fc.integer({ min: 1, max: 3 }),
        endsByItself: fc.boolean(),
        children,
      }),
    ),
  };
});

interface Named {
  id: string;
  /** Paths of the loops around it. */
  loops: string[];
  isOpenEnded: boolean;
}

/** Writes shapes down as tasks. */
class Writer {
  readonly #named: Named[] = [];
  readonly #total: number;

  constructor(shapes: readonly Shape[]) {
    this.#total = countOf(shapes);
  }

  write(one: Shape, path: string, loops: string[]): Written {
    if (one.kind === 'loop') return this.#loop(one, path, [...loops, path]);
    if ('children' in one) return { [one.kind]: this.#all(one.children, path, loops) };
    const named = { id: `t${this.#named.length}`, loops, isOpenEnded: one.kind === 'gate' && one.mendings > 0 };
    const when = this.#condition(one, loops);
    const needs = one.needs.flatMap((need, n) => this.#need(need, n, named));
    const careful = one.kind === 'gate' && one.isCareful ? this.#asked(needs, loops) : null;
    this.#named.push(named);
    return {
      id: named.id,
      ...workOf(one, named.id),
      ...(one.timeout ? { timeout: '1m' } : {}),
      ...(one.mayFail ? { onError: 'continue' } : {}),
      ...(when === null ? {} : { when }),
      needs: Object.fromEntries(needs),
      ...careful,
    };
  }

  #asked(needs: readonly [string, Written][], loops: string[]): Written {
    const askable = new Set(this.#askable(loops).map(({ id }) => id));
    const sourcesOf = ({ from, oneOf }: Written): string[] => (oneOf ?? [from]) as string[];
    const kept = needs.filter(([, need]) => need.round === undefined && sourcesOf(need).every((id) => askable.has(id)));
    if (kept.length === 0) return { needs: {} };
    const all = kept.map(([, need]) => ({ any: sourcesOf(need).map((from) => ({ from, state: 'done' })) }));
    return { needs: Object.fromEntries(kept), when: { all } };
  }

  #askable(loops: string[]): Named[] {
    return this.#named.filter((one) => !one.isOpenEnded && one.loops.every((loop) => loops.includes(loop)));
  }

  #all(shapes: readonly Shape[], path: string, loops: string[]): Written[] {
    return shapes.map((one, n) => this.write(one, `${path}.${n}`, loops));
  }

  #loop({ max, endsByItself, children }: Extract<Shape, { kind: 'loop' }>, path: string, loops: string[]): Written {
    const first = this.#named.length;
    const body = this.#all(children, path, loops);
    const asked = this.#named.slice(first).find((one) => !one.isOpenEnded && one.loops.at(-1) === path);
    const until = { from: asked?.id, output: 'o', at: '/ok', equals: true };
    return { loop: { max, body, ...(endsByItself && asked !== undefined ? { until } : {}) } };
  }

  #condition({ asks }: Leaf, loops: string[]): Written | null {
    const askable = this.#askable(loops);
    const asked = askable[(asks?.pick ?? 0) % askable.length];
    if (asks === null || asked === undefined) return null;
    return { from: asked.id, ...(asks.state === null ? { output: 'o', exists: true } : { state: asks.state }) };
  }

  #need(
    { pick, other, isAnywhere, isOfRoundBefore }: Leaf['needs'][number],
    n: number,
    own: Named,
  ): [string, Written][] {
    const from = this.#named[pick % this.#named.length] ?? own;
    const hasRound = isOfRoundBefore && from.loops.some((loop) => own.loops.includes(loop));
    if (from === own && !hasRound) return [];
    const chosen = isAnywhere ? `t${pick % this.#total}` : from.id;
    const spare = other === null ? undefined : this.#named[other % this.#named.length];
    const isEither = spare !== undefined && spare !== own && spare.id !== chosen;
    const taken = isEither ? { oneOf: [chosen, spare.id] } : { from: chosen };
    return [[`n${n}`, { ...taken, select: { output: 'o' }, ...(hasRound ? { round: 'previous' } : {}) }]];
  }
}

function workOf({ kind, mendings }: Leaf, id: string): Written {
  if (kind === 'agent') return { agent: 'work' };
  const fix = { fix: [{ id: `${id}-fix`, agent: 'work' }], max: mendings };
  return { gate: { run: 'true', capture: ['outputs'], ...(mendings > 0 ? fix : {}) } };
}

function countOf(shapes: readonly Shape[]): number {
  return shapes.reduce((sum, one) => sum + ('children' in one ? countOf(one.children) : 1), 0);
}

export const flows: fc.Arbitrary<Written> = fc.array(shape, { minLength: 1, maxLength: 5 }).map((shapes) => {
  const writer = new Writer(shapes);
  return flowOf(shapes.map((one, n) => writer.write(one, String(n), [])));
});
