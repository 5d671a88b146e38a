/** Where the time of an item goes: samples of runs of each shape, by what they were taken in. */
import { Session } from 'node:inspector/promises';
import { timeRun } from './engine-bed.ts';
import type { Table } from './report.ts';
import { fanOutFanIn, IN_FLIGHT, SHAPES, SUBMISSIONS } from './shapes.ts';
import { timeSubmitting } from './submissions.ts';

const ITEMS = 5_000;
const REPEATED = 2;

interface Profiled {
  title: string;
  /** Of one go. */
  count: number;
  go(scratch: string): Promise<unknown>;
}

const PROFILED: readonly Profiled[] = [
  { title: 'W1', count: ITEMS, go: (scratch) => timeRun(scratch, fanOutFanIn(ITEMS)) },
  { title: 'W2', count: SHAPES.w2().length, go: (scratch) => timeRun(scratch, SHAPES.w2()) },
  { title: 'W3', count: SHAPES.w3().length, go: (scratch) => timeRun(scratch, SHAPES.w3()) },
  { title: 'W4 inbox', count: SUBMISSIONS, go: (scratch) => timeSubmitting(scratch, IN_FLIGHT, 'inbox') },
  { title: 'W4 in process', count: SUBMISSIONS, go: (scratch) => timeSubmitting(scratch, IN_FLIGHT, 'in-process') },
];

/** The first that fits the innermost frame whose place is known; what is built in counts for whoever called it. */
const AREAS: readonly (readonly [name: string, fits: RegExp])[] = [
  ['store: turns written out, given to SQLite and synced', /adapters\/local\/store-file/],
  ['store: rows in memory', /adapters\/local\/(run-store|known-rows|ordered-rows|frozen-body)|ports\/run-store/],
  ['signing', /adapters\/local\/signer|internal\/crypto\/sig|record\/dsse|flow\/envelope/],
  ['canonical JSON and shapes', /packages\/verify\/src\/json|record\/event|core\/evidence/],
  ['hashes and trees', /packages\/verify\/src\/(log|crypto)|internal\/crypto\/hash/],
  ['client: its object made durable', /packages\/client\/src\/(directory-transport|write-once)/],
  ['reading and compiling the spec', /packages\/client|node_modules/],
  ['decisions of the flow', /src\/flow|src\/core/],
  ['engine, inbox, ledger and executor', /embedded\/|src\/adapters|bench\//],
];

interface Node {
  name: string;
  place: string;
  parent: Node | null;
}

export async function measureProfile(
  scratch: string,
  _rounds: number,
  print: (line: string) => void,
  tabulate: (table: Table) => void,
): Promise<boolean> {
  const columns: { title: string; each: Map<string, number> }[] = [];
  for (const { title, count, go } of PROFILED) {
    // What is measured is the engine at work and not the compiler.
    for (let n = 0; n < REPEATED; n += 1) await go(scratch);
    const items = count * REPEATED;
    const { sums, cpu } = await profiled(async () => {
      for (let n = 0; n < REPEATED; n += 1) await go(scratch);
    });
    columns.push({ title, each: new Map([...sums].map(([name, us]) => [name, us / items])) });
    print(
      `profile of ${title}, warm: ${Math.round(cpu.user / items)} us of user CPU and ${Math.round(cpu.system / items)} of system CPU an item, the samples included`,
    );
  }
  const names = [...AREAS.map(([name]) => name), ...OTHERS];
  const sumOf = (each: Map<string, number>): number => [...each.values()].reduce((sum, us) => sum + us, 0);
  tabulate({
    title:
      'Where the time of an item, or a submission, goes: us of the main thread, by samples, with the start and the end of its engine',
    head: ['', ...columns.map(({ title }) => title)],
    rows: [
      ...names.map((name) => [name, ...columns.map(({ each }) => (each.get(name) ?? 0).toFixed(0))]),
      ['all', ...columns.map(({ each }) => sumOf(each).toFixed(0))],
    ],
  });
  return true;
}

async function profiled(
  act: () => Promise<void>,
): Promise<{ sums: Map<string, number>; cpu: { user: number; system: number } }> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  const before = process.cpuUsage();
  await act();
  const cpu = process.cpuUsage(before);
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return { sums: sumsOf(profile), cpu };
}

type Profile = {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] | undefined }[];
  samples?: number[] | undefined;
  timeDeltas?: number[] | undefined;
};

/** Microseconds by area. */
function sumsOf({ nodes, samples = [], timeDeltas = [] }: Profile): Map<string, number> {
  const byId = new Map<number, Node>();
  for (const { id, callFrame } of nodes)
    byId.set(id, { name: callFrame.functionName, place: callFrame.url, parent: null });
  for (const { id, children = [] } of nodes) {
    for (const child of children) {
      const node = byId.get(child);
      if (node) node.parent = byId.get(id) ?? null;
    }
  }
  const sums = new Map<string, number>();
  samples.forEach((id, n) => {
    const area = areaOf(byId.get(id) ?? null);
    if (area !== null) sums.set(area, (sums.get(area) ?? 0) + (timeDeltas[n] ?? 0));
  });
  return sums;
}

const [COLLECTOR, WAITING, OTHER] = ['garbage collector', 'nothing: waits for syncs', 'other: promises, timers, files'];
const OTHERS = [COLLECTOR, OTHER, WAITING];

function areaOf(innermost: Node | null): string | null {
  // The removal of what a run has left is no part of it.
  if (innermost?.name === 'rmSync') return null;
  if (innermost?.name === '(idle)') return WAITING;
  if (innermost?.name === '(garbage collector)') return COLLECTOR;
  for (let node = innermost; node; node = node.parent) {
    const found = AREAS.find(([, fits]) => fits.test(node?.place ?? ''));
    if (found) return found[0];
  }
  return OTHER;
}
