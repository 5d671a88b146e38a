/**
 * Measures the engine next to the floor of this machine and to other engines, in one run: `npm run bench -- [--rounds N] [--only NAME]... [--report DIRECTORY]`.
 *
 * Rounds are interleaved and medians taken, because the speed of syncing a disk changes by the minute. Figures of different
 * runs must not be compared; the ratios of one run may. Ends with 1 when something failed or a bound of our own is broken.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Ceilings, measureCeilings } from './ceilings.ts';
import { measureCounts } from './counts.ts';
import { ENGINES, IN_PROCESS, WAYBILL } from './engines.ts';
import { measureVerification } from './evidence.ts';
import { probeDisk } from './floor.ts';
import { measureFlow } from './flow.ts';
import { measureIdle } from './idle.ts';
import { measureLaunches } from './launches.ts';
import { measureProfile } from './profile.ts';
import { chartOf, cpuLine, linesOf, type Measurements, peakBytesOf, rateOf, type Table } from './report.ts';
import { measureSeal } from './seal.ts';
import type { Round } from './shapes.ts';
import { measureTable } from './table.ts';
import { measureTimestamps } from './timestamps.ts';
import { ceilingLines, ceilingTable, wantedLines } from './wanted.ts';

/** Work per item may not grow with the size of the run. */
const MAX_GROWTH = 1.1;

type Print = (line: string) => void;
type Tabulate = (table: Table) => void;
type Part = (scratch: string, rounds: number, print: Print, tabulate: Tabulate) => Promise<boolean>;

let ceilings: Ceilings | null = null;

/** What is measured beside the engines: none of it knows of the others. False: a bound is broken. */
const PARTS: Record<string, Part> = {
  seal: measureSeal,
  verification: measureVerification,
  async timestamps(scratch, _rounds, print) {
    await measureTimestamps(scratch, print);
    return true;
  },
  profile: measureProfile,
  counts: measureCounts,
  async flow(_scratch, _rounds, print) {
    await measureFlow(print);
    return true;
  },
  launches: measureLaunches,
  table: measureTable,
  idle: measureIdle,
  async ceilings(scratch, _rounds, print) {
    ceilings = await measureCeilings(scratch);
    for (const line of ceilingLines(ceilings)) print(line);
    return true;
  },
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true, default: [] },
    report: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});
const names = [...ENGINES.map(({ name }) => name), ...Object.keys(PARTS)];
if (values.list) {
  for (const name of names) process.stdout.write(`${name}\n`);
  process.exit(0);
}
const rounds = Number(values.rounds);
const stranger = values.only.find((name) => !names.includes(name));
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50 || stranger !== undefined) {
  const problem =
    stranger === undefined ? '--rounds takes a whole number from 1 to 50' : `--list does not show ${stranger}`;
  process.stderr.write(`${problem}\n`);
  process.exit(4);
}
const isWanted = (name: string): boolean => values.only.length === 0 || values.only.includes(name);

async function measureEngines(scratch: string): Promise<Omit<Measurements, 'others' | 'tables' | 'command'>> {
  const engines = ENGINES.filter(({ name }) => isWanted(name));
  const absent = new Map(
    engines.flatMap((engine) => {
      const why = engine.absent();
      return why === null ? [] : [[engine.name, why] as const];
    }),
  );
  const present = engines.filter(({ name }) => !absent.has(name));
  const found = new Map<string, Round[]>(present.map(({ name }) => [name, []]));
  const [probesMs, loads]: [number[], number[]] = [[], []];
  for (let n = 0; n < rounds && present.length > 0; n += 1) {
    probesMs.push(await probeDisk(scratch));
    loads.push(loadavg()[0] ?? 0);
    for (const { name, round } of present) {
      process.stderr.write(`round ${n + 1} of ${rounds}: ${name}\n`);
      found.get(name)?.push(await round(scratch));
    }
  }
  // The rest is measured on the same disk.
  if (probesMs.length === 0) {
    probesMs.push(await probeDisk(scratch));
    loads.push(loadavg()[0] ?? 0);
  }
  return { rounds, engines, found, absent, probesMs, loads };
}

function judge(all: Measurements): { lines: string[]; isGood: boolean } {
  const lines = wantedLines(all);
  lines.push(...[WAYBILL, IN_PROCESS].flatMap((engine) => cpuLine(all, engine) ?? []));
  const [small, large] = [rateOf(all, WAYBILL, 'w1-1000'), rateOf(all, WAYBILL, 'w1-10000')];
  if (small === null || large === null) return { lines, isGood: true };
  const growth = small / large;
  lines.push(`time per item, 10,000 against 1,000: ${growth.toFixed(2)} (at most ${MAX_GROWTH})`);
  lines.push(`largest size of the process that ran 10,000 items: ${Math.round(peakBytesOf(all, WAYBILL) / 1e6)} MB`);
  return { lines, isGood: growth <= MAX_GROWTH };
}

const scratch = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
const others: string[] = [];
const tables: Table[] = [];
let isGood = true;
try {
  const measured = await measureEngines(scratch);
  for (const [name, measure] of Object.entries(PARTS)) {
    if (!isWanted(name)) continue;
    process.stderr.write(`${name}\n`);
    const isKept = await measure(
      scratch,
      rounds,
      (line) => others.push(line),
      (table) => tables.push(table),
    );
    if (!isKept) isGood = false;
  }
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim();
  const all: Measurements = { ...measured, command, others, tables };
  if (ceilings !== null) tables.unshift(ceilingTable(all, ceilings));
  const verdict = judge(all);
  if (!verdict.isGood) isGood = false;
  const lines = linesOf({ ...all, others: [...verdict.lines, ...others] });
  if (values.report !== undefined) {
    mkdirSync(values.report, { recursive: true });
    const head = ['# Bench', '', 'Generated by `npm run bench`; not to be edited.', ''];
    writeFileSync(join(values.report, 'README.md'), [...head, ...lines, '', '![Per second](bench.svg)', ''].join('\n'));
    writeFileSync(join(values.report, 'bench.svg'), chartOf(all));
  }
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (!isGood) process.exitCode = 1;
