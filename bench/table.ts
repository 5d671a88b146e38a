/**
 * A table of a gigabyte through the pack `data`: what its blocks take of memory, whether its sums are those that awk counts, and how
 * fast they are next to awk. `--only table`; it needs some 6 GB of disk.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { peakMemoryBytes } from './peak-memory.ts';

const ROOT = join(import.meta.dirname, '..');
const WAYBILL = join(ROOT, 'packages/cli/bin/waybill.js');
const SCRIPTS = join(ROOT, 'packages/client/packs/data/scripts');
const TABLE_BYTES = Number(process.env.WAYBILL_TABLE_BYTES ?? 1e9);
const MAX_RSS_BYTES = 300e6;
const REGIONS = ['north', 'south', 'east', 'west', 'far "east"', 'a, b'];
const POLL_MS = 50;
const MEASURES = 'count,sum:amount,min:amount,max:amount';

/** Whole cents are exact in awk; the fields that it splits wrongly stand behind the one that it adds up. */
const AWK = `NR > 1 { split($2, parts, "."); cents += parts[1] * 100 + parts[2]; rows++ } END { printf "%.0f,%.0f.%02d\\n", rows, int(cents / 100), cents % 100 }`;

function writeTable(path: string): void {
  const file = openSync(path, 'w');
  let [written, state] = [writeSync(file, 'id,amount,region,note\r\n'), 1];
  for (let id = 0; written < TABLE_BYTES; ) {
    let lines = '';
    while (lines.length < 1 << 20) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const region = REGIONS[(state >>> 8) % REGIONS.length] ?? '';
      const amount = `${(state >>> 12) % 100_000}.${String((state >>> 4) % 100).padStart(2, '0')}`;
      const field = /[",]/.test(region) ? `"${region.replaceAll('"', '""')}"` : region;
      lines += `${id},${amount},${field},${id % 97 === 0 ? '"quoted, ""twice"""' : 'plain'}\r\n`;
      id += 1;
    }
    written += writeSync(file, lines);
  }
  closeSync(file);
}

function specOf(rows: number): object {
  const about = { by: 'region', measures: MEASURES };
  const reads = { 'table.csv': { path: 'table.csv' } };
  const item = { effect: 'read', timeout: '30m' };
  return {
    apiVersion: 'waybill/v1',
    kind: 'Run',
    metadata: { name: 'table' },
    spec: {
      items: [
        { id: 'whole', uses: 'data/aggregate', with: about, reads, ...item },
        { id: 'places', uses: 'data/index', with: { rows }, reads, ...item },
        {
          id: 'part',
          uses: 'data/aggregate',
          with: about,
          reads,
          forEach: { from: 'places', outputs: 'parts/', as: 'range.json' },
          ...item,
        },
        {
          id: 'parts',
          uses: 'data/combine',
          with: about,
          needs: { results: { each: 'part', select: { output: 'result.csv' } } },
          ...item,
        },
      ],
    },
  };
}

interface Ended {
  out: string;
  exit: number | null;
  elapsedMs: number;
}

function run(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  const [file = '', ...args] = argv;
  const startedMs = performance.now();
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve({ out, exit, elapsedMs: performance.now() - startedMs }));
  });
}

/** What the processes of blocks that run a script of the pack have taken at most, together, as long as `isOver` is false. */
async function peakOfBlocks(isOver: () => boolean): Promise<number> {
  let peak = 0;
  while (!isOver()) {
    const sizes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(rssOfBlock);
    peak = Math.max(
      peak,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    await sleep(POLL_MS);
  }
  return peak;
}

function rssOfBlock(pid: string): number {
  try {
    if (!/inputs"?\/\w+\.mjs|WAYBILL_INPUTS"\/\w+\.mjs/i.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))) return 0;
    return peakMemoryBytes(Number(pid));
  } catch {
    return 0;
  }
}

/** Rows and the sum of all regions, of a result with a row for each. */
function totalOf(result: string): string {
  const rows = [...result.matchAll(/,(\d+),(\d+)\.?(\d*),[\d.]+,[\d.]+$/gm)];
  const count = rows.reduce((sum, [, each = '0']) => sum + Number(each), 0);
  const cents = rows.reduce(
    (sum, [, , whole = '0', part = '']) => sum + BigInt(whole) * 100n + BigInt(part.padEnd(2, '0')),
    0n,
  );
  return `${count},${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;
}

export async function measureTable(scratch: string, _rounds: number, print: (line: string) => void): Promise<boolean> {
  const folder = join(scratch, 'table');
  const state = join(folder, 'state');
  mkdirSync(join(folder, 'outputs'), { recursive: true });
  const table = join(folder, 'table.csv');
  writeTable(table);
  const sizeBytes = statSync(table).size;
  const awk = await run(['awk', '-F,', AWK, table]);
  const counted = awk.out.trim();
  const rate = ({ elapsedMs }: Ended): string => `${(sizeBytes / 1e6 / (elapsedMs / 1000)).toFixed(0)} MB/s`;
  const env = {
    ...process.env,
    ...{ PARAM_BY: 'region', PARAM_MEASURES: MEASURES, PARAM_MAX_GROUPS: '1000', PARAM_DELIMITER: ',' },
    ...{ WAYBILL_INPUTS: folder, WAYBILL_OUTPUTS: join(folder, 'outputs') },
  };
  const alone = await run([process.execPath, join(SCRIPTS, 'aggregate.mjs'), 'csv', 'table.csv'], env);
  print(
    `table of ${sizeBytes} bytes: sums and extremes by group ${rate(alone)}, awk adding up one column ${rate(awk)}`,
  );
  const rows = Math.ceil(Number(counted.split(',')[0]) / 2);
  writeFileSync(join(folder, 'waybill.json'), JSON.stringify(specOf(rows)));
  const waybill = (...args: string[]): Promise<Ended> => run([process.execPath, WAYBILL, ...args, '--dir', state]);
  let isOver = false;
  const peak = peakOfBlocks(() => isOver);
  const whole = await waybill('run', join(folder, 'waybill.json'), '--json', '--concurrency', '1');
  isOver = true;
  const sums = await Promise.all(
    ['whole', 'parts'].map(async (id) => (await waybill('outputs', 'latest', id, 'result.csv')).out),
  );
  process.kill((JSON.parse(readFileSync(join(state, 'engine.json'), 'utf8')) as { pid: number }).pid, 'SIGTERM');
  const peakBytes = await peak;
  const isSame = sums.every((result) => totalOf(result) === counted) && sums[0] === sums[1];
  print(
    `the same as a run of 5 items, each of which is given the table: ${(whole.elapsedMs / 1000).toFixed(0)} s, exit ${whole.exit}`,
  );
  print(
    `largest size of a block, all its processes: ${Math.round(peakBytes / 1e6)} MB (at most ${MAX_RSS_BYTES / 1e6})`,
  );
  print(
    `rows and sum by awk ${counted}; by the pack, whole and in parts: ${isSame ? 'the same' : sums.map(totalOf).join(' and ')}`,
  );
  rmSync(folder, { recursive: true, force: true });
  return isSame && whole.exit === 0 && peakBytes > 0 && peakBytes <= MAX_RSS_BYTES;
}
