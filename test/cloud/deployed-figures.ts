/** What a run in a deployment costs and how long it takes to start: measured in a world where nothing else runs meanwhile. */
import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import { after, test } from 'node:test';
import { committedCounts } from './costs-page.ts';
import type { World } from './deployed-world.ts';
import { HOPS, type Hop, median, OURS } from './launch-latency.ts';
import { measurePrices, measureSingles, type Singles } from './measured-figures.ts';
import { type Counts, METERS, PRICES, priceOf, priceOfAll } from './price-list.ts';
import type { Priced } from './priced-items.ts';

/** From the write into the inbox to the launch, without what waits. */
const MOST_CPU_MS = 200;
/** Enough for a median, and for what a run costs within the drift. */
const RUNS = 12;
/** How far a price may lie above the committed one before the page has to be written again. */
const DRIFT = 1.15;

const said: string[] = [];

function sayMs(ms: number, what: string): void {
  said.push(`${ms.toFixed(0).padStart(6)} ms  ${what}`);
}

/** Declares their tests, for which `worldOf` is asked when they begin. Returns whether all of them have passed. */
export function figures(worldOf: () => World): () => boolean {
  let singles: Singles;
  let passed = false;
  const launched = 'were launched by their events: from the inbox to the first launch, hop by hop';
  test(`figures: ${RUNS} runs after each other ${launched}`, async () => {
    singles = await measureSingles(worldOf(), RUNS);
    judgeLaunches(worldOf(), singles);
  });
  test('figures: an item of a minute costs no more than the page says', async () => {
    judgePrices(await measurePrices(worldOf(), singles.window));
    passed = true;
  });
  after(() => {
    // Last in the output of the file, where a reader looks for figures.
    for (const line of said) process.stdout.write(`figure: ${line}\n`);
  });
  return () => passed;
}

function judgeLaunches(world: World, { launches }: Singles): void {
  for (const hop of Object.keys(HOPS) as Hop[]) sayMs(median(launches.map(({ hops }) => hops[hop])), HOPS[hop]);
  sayMs(
    median(launches.map(({ totalMs }) => totalMs)),
    `all of it, median of ${launches.length} of ${RUNS} runs, with the pace of the bed`,
  );
  const computeMs = median(launches.map((one) => one.computeMs));
  sayMs(computeMs, 'of it our functions at work, while no call of theirs was at the bed');
  for (const which of OURS) sayMs(median(launches.map(({ cpuMs }) => cpuMs[which])), `processor time of ${which}`);
  const cpuMs = median(launches.map((one) => OURS.reduce((sum, which) => sum + one.cpuMs[which], 0)));
  sayMs(cpuMs, `processor time of all three, which may be ${MOST_CPU_MS} ms`);
  const cold = Map.groupBy(
    world.invocations().filter(({ initMs }) => initMs !== undefined),
    (one) => one.function,
  );
  for (const [name, starts] of cold) {
    sayMs(median(starts.map(({ initMs = 0 }) => initMs)), `cold start of ${name} in the bed`);
  }
  // All but this is reported and not judged: what else a machine does is in each of these times.
  assert.ok(cpuMs <= MOST_CPU_MS, `${cpuMs} ms of processor time from the inbox to the launch`);
  said.push(`of ${availableParallelism()} cores, with a load of ${loadavg()[0]?.toFixed(1)} at the end`);
}

function sayPrice(what: string, counts: Counts): void {
  const total = priceOfAll(counts) * 1_000;
  said.push(`$${total.toFixed(4)}  ${what}`);
  for (const name of METERS) {
    if (counts[name] === 0) continue;
    const usd = priceOf(name, counts[name]) * 1_000;
    const share = `${((100 * usd) / total).toFixed(1)} %`;
    said.push(`  $${usd.toFixed(4)} ${share.padStart(7)} ${counts[name].toFixed(2).padStart(9)} ${PRICES[name].meter}`);
  }
}

function judgePrices({ run, item }: Priced): void {
  sayPrice('per 1,000 runs, beside their items', run);
  sayPrice('per 1,000 items of a minute', item);
  // How long functions wait for the bed is in their gigabyte-seconds, and told above; everything else is counted.
  const counted = (counts: Counts): number => priceOfAll({ ...counts, gigabyteSeconds: 0 }) * 1_000;
  const [usd, written] = [counted(item), counted(committedCounts().item)];
  assert.ok(usd <= written * DRIFT, `${usd} USD, and the page says ${written}: node test/cloud/costs-page.ts --count`);
}
