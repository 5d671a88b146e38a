/** Where the time of an item goes: samples of one run of 5,000 items, by what they were taken in. */
import { Session } from 'node:inspector/promises';
import { timeRun } from './engine-bed.ts';
import { fanOutFanIn } from './shapes.ts';

const ITEMS = 5_000;

/** The first that fits the innermost frame whose place is known; what is built in counts for whoever called it. */
const AREAS: readonly (readonly [name: string, fits: RegExp])[] = [
  ['store: SQLite and its rows', /adapters\/local\/(run-store|known-rows)|ports\/run-store/],
  ['signing', /adapters\/local\/signer|internal\/crypto\/sig|record\/dsse|flow\/envelope/],
  ['canonical JSON and shapes', /packages\/verify\/src\/json|record\/event|core\/evidence/],
  ['hashes and trees', /packages\/verify\/src\/(log|crypto)|internal\/crypto\/hash/],
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
): Promise<boolean> {
  // What is measured is the engine at work and not the compiler.
  for (let n = 0; n < 2; n += 1) await timeRun(scratch, fanOutFanIn(ITEMS));
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  const cpu = process.cpuUsage();
  await timeRun(scratch, fanOutFanIn(ITEMS));
  const { user, system } = process.cpuUsage(cpu);
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const shares = sharesOf(profile);
  const perItem = (us: number): string => (us / ITEMS).toFixed(0);
  print(
    `profile of W1 ${ITEMS.toLocaleString('en')}, warm: ${perItem(user)} us of user CPU and ${perItem(system)} of system CPU an item`,
  );
  for (const [name, share] of shares) print(`profile: ${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
  return true;
}

type Profile = {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] | undefined }[];
  samples?: number[] | undefined;
  timeDeltas?: number[] | undefined;
};

/** Shares of the time in which the process did something, largest first. */
function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profile): [string, number][] {
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
  let whole = 0;
  samples.forEach((id, n) => {
    const area = areaOf(byId.get(id) ?? null);
    if (area === null) return;
    const us = timeDeltas[n] ?? 0;
    whole += us;
    sums.set(area, (sums.get(area) ?? 0) + us);
  });
  return [...sums].map(([name, us]): [string, number] => [name, us / whole]).sort((a, b) => b[1] - a[1]);
}

function areaOf(innermost: Node | null): string | null {
  // Nor is the removal of what a run has left a part of it.
  if (innermost?.name === '(idle)' || innermost?.name === 'rmSync') return null;
  if (innermost?.name === '(garbage collector)') return 'garbage collector';
  for (let node = innermost; node; node = node.parent) {
    const found = AREAS.find(([, fits]) => fits.test(node?.place ?? ''));
    if (found) return found[0];
  }
  return 'other: promises, timers, files';
}
