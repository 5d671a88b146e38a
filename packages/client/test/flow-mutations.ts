/** A flow that uses every part of the form, and the ways of breaking it in one place each. */
import { AGENTS, flowOf, taking, task } from './flow-sample.ts';

/** What is changed, the document, and everything that must be said of it. */
export type Mutation = readonly [title: string, document: unknown, ...refused: string[]];

const OUT = { output: 'out' };
export const EQUALS = { from: 'b', ...OUT, at: '/ok', equals: true };

/** `a`, then `b` and `c` side by side, then a loop of `d` and `e`, then the gate `g` with its mending `h`, then `z`. */
interface Parts {
  a: object;
  b: object;
  c: object;
  group: object;
  d: object;
  e: object;
  loop: object;
  g: object;
  gate: object;
  h: object;
  z: object;
  top: object;
}

export function whole(parts: Partial<Parts> = {}): Record<string, unknown> {
  const { a, b, c, group, d, e, loop, g, gate, h, z, top } = parts;
  const body = [task('d', d), task('e', { ...taking('d'), ...e })];
  const until = { from: 'e', ...OUT, equals: 'enough' };
  const fix = [task('h', h)];
  return flowOf(
    [
      task('a', a),
      { parallel: [task('b', { ...taking('a'), ...b }), task('c', c)], ...group },
      { loop: { until, max: 3, body, ...loop } },
      { id: 'g', gate: { run: 'true', max: 2, fix, ...gate }, ...g },
      task('z', { ...taking('d'), when: EQUALS, ...z }),
    ],
    { presets: { p: { timeout: '1m' } }, ...top },
  );
}

/** `without({a: 1}, 'a')` is `{}`. */
export function without(document: object, key: string): object {
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== key));
}

export function agent(more: object): Record<string, unknown> {
  return whole({ top: { agents: { ...AGENTS, x: more } } });
}

export function preset(more: unknown): Record<string, unknown> {
  return whole({ top: { presets: { p: more } } });
}
