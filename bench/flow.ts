/** Measures how a flow of 5,000 items, with loops and conditions, is read and compiled. */
import { compileFlow, readSpec } from '@waybill/client';
import { median } from './report.ts';

const TIMES = 10;
const LOOPS = 250;
const ROUNDS = 9;

/** Each is two tasks in up to nine rounds, and two tasks behind; every third loop may be left out. */
function stepsOf(n: number): object[] {
  const drafted = { needs: { draft: { from: `draft${n}`, select: { output: 'draft' } } } };
  const verdict = { output: 'verdict.json', at: '/ok', equals: true };
  const work = (name: string, more: object = {}): object => ({
    id: `${name}${n}`,
    agent: 'work',
    input: name,
    ...more,
  });
  const loop = {
    until: { from: `review${n}`, ...verdict },
    max: ROUNDS,
    body: [work('draft'), work('review', drafted)],
  };
  const when = n % 3 === 2 ? { when: { from: `sum${n - 1}`, ...verdict } } : {};
  return [{ loop, ...when }, work('take', drafted), work('sum')];
}

/** Prints the figures. */
export async function measureFlow(print: (line: string) => void): Promise<void> {
  const head = { apiVersion: 'waybill/v1', kind: 'Flow', metadata: { name: 'long' } };
  const agents = { work: { run: 'work "$@"', capture: ['outputs'] } };
  const tasks = Array.from({ length: LOOPS }, (_, n) => stepsOf(n)).flat();
  const document = { ...head, agents, tasks };
  const lines = Object.entries({ ...head, agents }).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  const written = tasks.map((task) => `  - ${JSON.stringify(task)}`);
  const yaml = new TextEncoder().encode(`${[...lines, 'tasks:', ...written].join('\n')}\n`);
  const json = new TextEncoder().encode(JSON.stringify(document));
  const compiled = compileFlow(document, new Map());
  if (!compiled.ok) throw new TypeError(JSON.stringify(compiled.refusals));
  const { items } = compiled.run.spec;
  const conditional = items.filter(({ when }) => when !== undefined).length;
  const [alone, fromJson, fromYaml] = [
    await timed(() => compileFlow(document, new Map())),
    await timed(() => readSpec(json, '.')),
    await timed(() => readSpec(yaml, '.')),
  ];
  print(
    `compile a flow of ${items.length.toLocaleString('en')} items, ${LOOPS} loops, ${conditional.toLocaleString('en')} conditions: ` +
      `${shown(alone)}; from JSON to a judged plan ${shown(fromJson)}, from YAML ${shown(fromYaml)} (medians of ${TIMES})`,
  );
}

interface Timing {
  elapsedMs: number;
  processorMs: number;
}

function shown({ elapsedMs, processorMs }: Timing): string {
  return `${Math.round(elapsedMs)} ms (${Math.round(processorMs)} ms of processors)`;
}

async function timed(act: () => unknown): Promise<Timing> {
  const [elapsed, used]: [number[], number[]] = [[], []];
  for (let n = 0; n < TIMES; n += 1) {
    const [startedMs, before] = [performance.now(), process.cpuUsage()];
    await act();
    elapsed.push(performance.now() - startedMs);
    const { user, system } = process.cpuUsage(before);
    used.push((user + system) / 1_000);
  }
  return { elapsedMs: median(elapsed), processorMs: median(used) };
}
