/**
 * Measures the engine next to the floor of this machine, in one run: `npm run bench [-- --rounds N | --list]`.
 *
 * Rounds are interleaved and medians taken, because the speed of syncing a disk changes by the minute. Figures of
 * different runs must not be compared; the ratios of one run may.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chain, fanOutFanIn, timeRun } from './engine-bed.ts';
import { measureVerification } from './evidence.ts';
import { timeFloor } from './floor.ts';
import { measureSeal } from './seal.ts';
import { measureTimestamps } from './timestamps.ts';

const GROUP = 100;
/** Work per item may not grow with the size of the run. */
const MAX_GROWTH = 1.15;
/** What a floor is measured with: enough commits for a stable figure. */
const FLOOR_COMMITS = 1_000;

interface Case {
  name: string;
  items: number;
  measure(scratch: string): Promise<number> | number;
}

const CASES: Case[] = [
  {
    name: 'floor: one commit per completion',
    items: FLOOR_COMMITS,
    measure: (scratch) => timeFloor(scratch, FLOOR_COMMITS, 1),
  },
  { name: 'floor: group commit of 100', items: 100_000, measure: (scratch) => timeFloor(scratch, 100_000, GROUP) },
  { name: 'W1 fan-out/fan-in 1,000', items: 1_000, measure: (scratch) => timeRun(scratch, fanOutFanIn(1_000)) },
  { name: 'W1 fan-out/fan-in 10,000', items: 10_000, measure: (scratch) => timeRun(scratch, fanOutFanIn(10_000)) },
  { name: 'W2 chain of 300', items: 300, measure: (scratch) => timeRun(scratch, chain(300)) },
];

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, list: { type: 'boolean', default: false } },
});
if (values.list) {
  for (const { name } of CASES) process.stdout.write(`${name}\n`);
  process.exit(0);
}
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50) {
  process.stderr.write('--rounds takes a whole number from 1 to 50\n');
  process.exit(4);
}
const scratch = mkdtempSync(join(tmpdir(), 'waybill-bench-'));
let isSealedInTime = false;
let isVerifiedInTime = false;
const verification: string[] = [];
const elapsedMs = new Map<string, number[]>(CASES.map(({ name }) => [name, []]));
let peakBytes = 0;
try {
  // The first run compiles the code and is not counted.
  await timeRun(scratch, fanOutFanIn(500));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, measure } of CASES) {
      elapsedMs.get(name)?.push(await measure(scratch));
      peakBytes = Math.max(peakBytes, process.resourceUsage().maxRSS * 1024);
    }
  }
  isSealedInTime = await measureSeal(scratch, rounds, (line) => verification.push(line));
  isVerifiedInTime = await measureVerification(scratch, rounds, (line) => verification.push(line));
  await measureTimestamps(scratch, (line) => verification.push(line));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const perSecond = (name: string): number => {
  const { items } = CASES.find((each) => each.name === name) as Case;
  return items / (median(elapsedMs.get(name) ?? []) / 1000);
};
const floors = CASES.slice(0, 2).map(({ name }) => perSecond(name));
process.stdout.write(
  `command: npm run bench -- --rounds ${rounds} (medians of ${rounds} interleaved rounds, every event durable, every attempt signed, run sealed)\n`,
);
for (const { name } of CASES) {
  const rate = perSecond(name);
  const [single = Number.NaN, grouped = Number.NaN] = floors;
  process.stdout.write(
    `${name.padEnd(34)} ${Math.round(rate).toLocaleString('en').padStart(9)} /s  ${(rate / single).toFixed(3)} of one-commit floor  ${(rate / grouped).toFixed(3)} of group floor\n`,
  );
}
const ratio = perSecond('W1 fan-out/fan-in 1,000') / perSecond('W1 fan-out/fan-in 10,000');
process.stdout.write(`time per item, 10,000 against 1,000: ${ratio.toFixed(2)} (at most ${MAX_GROWTH})\n`);
if (ratio > MAX_GROWTH) process.exitCode = 1;
for (const line of verification) process.stdout.write(`${line}\n`);
if (!isVerifiedInTime || !isSealedInTime) process.exitCode = 1;
process.stdout.write(`peak memory of the process: ${Math.round(peakBytes / 1e6)} MB\n`);
