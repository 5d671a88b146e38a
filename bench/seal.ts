/**
 * What sealing costs next to what nobody can leave out: hashing each leaf and the tree above them, the SHA-256 of the
 * file, and the signatures. Sealing is measured from the last result of the run to its bundle in the ledger, twice: as
 * it happens, with the events in segments by then, and with all of them still waiting.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { leafHash, sha256, TreeBuilder } from '@waybill/verify';
import { CADENCE, type CadenceRule } from '#embedded/cadence.ts';
import { timeRun } from './engine-bed.ts';
import { fanOutFanIn } from './shapes.ts';

const ITEMS = 10_000;
/** Against hashing and signing alone. */
const MAX_RATIO = 2;
const NEVER: CadenceRule = { events: Number.MAX_SAFE_INTEGER, longestMs: 2 ** 31 - 1, shortestMs: 1_000 };

/** Milliseconds from the last result to the bundle, and the bundle. */
async function sealOnce(scratch: string, cadence: CadenceRule): Promise<{ elapsedMs: number; bundle: Buffer }> {
  let lastMs = 0;
  let bundle: Buffer = Buffer.alloc(0);
  const wholeMs = await timeRun(scratch, fanOutFanIn(ITEMS), {
    cadence,
    onExecuted: (atMs) => {
      lastMs = atMs;
    },
    onSealed: (bytes) => {
      bundle = bytes;
    },
  });
  return { elapsedMs: wholeMs - lastMs, bundle };
}

function timeHashing(bundle: Buffer): number {
  const lines = bundle
    .toString('utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"at"'));
  const leaves = lines.map((line) => Buffer.from(line));
  const startedMs = performance.now();
  sha256(bundle);
  const tree = new TreeBuilder();
  for (const leaf of leaves) tree.append(leafHash(leaf));
  tree.root();
  return performance.now() - startedMs;
}

function timeSigning(count: number): number {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const message = Buffer.alloc(1_500, 7);
  const startedMs = performance.now();
  for (let n = 0; n < count; n += 1) sign('sha256', message, privateKey);
  return performance.now() - startedMs;
}

function timeBytes(): number {
  const bytes = Buffer.alloc(64 * 1024 * 1024, 7);
  const startedMs = performance.now();
  sha256(bytes);
  return 64 / ((performance.now() - startedMs) / 1000);
}

/** False when a run is not sealed in twice the time of hashing and signing alone. */
export async function measureSeal(scratch: string, rounds: number, report: (line: string) => void): Promise<boolean> {
  const figures = { usual: [] as number[], atOnce: [] as number[], hashing: [] as number[], signing: [] as number[] };
  let megabytes = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { elapsedMs, bundle } = await sealOnce(scratch, CADENCE);
    figures.usual.push(elapsedMs);
    figures.atOnce.push((await sealOnce(scratch, NEVER)).elapsedMs);
    figures.hashing.push(timeHashing(bundle));
    figures.signing.push(timeSigning(ITEMS));
    megabytes = bundle.length / 1e6;
  }
  const [usual, atOnce] = [median(figures.usual), median(figures.atOnce)];
  const [hashing, signing] = [median(figures.hashing), median(figures.signing)];
  const alone = hashing + signing;
  const shown = (ms: number): string => `${Math.round(ms)} ms`;
  report(
    `seal ${ITEMS.toLocaleString('en')} items, ${megabytes.toFixed(0)} MB: ${shown(usual)} from the last result, ${shown(atOnce)} with all events at once; ` +
      `hashing alone ${shown(hashing)}, with a P-256 signature for each item ${shown(alone)}`,
  );
  report(
    `seal against hashing and signing alone: ${(usual / alone).toFixed(2)} (at most ${MAX_RATIO}), all at once ${(atOnce / alone).toFixed(2)}; ` +
      `against hashing alone: ${(usual / hashing).toFixed(2)}, ${(atOnce / hashing).toFixed(2)}; ` +
      `raw speed: ${Math.round(ITEMS / (signing / 1000)).toLocaleString('en')} P-256 signatures/s, SHA-256 ${Math.round(timeBytes())} MB/s`,
  );
  return usual <= MAX_RATIO * alone;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
