/**
 * Writes the tables of docs/costs.md: `node test/cloud/costs-page.ts` from the counts that are committed beside the page, and
 * `node test/cloud/costs-page.ts --count` after counting anew in the wiring bed, which takes some minutes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Counts, METERS, PRICES, priceOf, priceOfAll } from './price-list.ts';
import type { Priced } from './priced-items.ts';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');
const PAGE = join(DOCS, 'costs.md');
const COUNTS = join(DOCS, 'costs-counted.json');
const RUNS_COUNTED = 40;
const TABLES = /(<!-- counted: begin -->\n)[\s\S]*(<!-- counted: end -->)/;

export function committedCounts(): Priced {
  return JSON.parse(readFileSync(COUNTS, 'utf8')) as Priced;
}

/** The page with its tables as the counts give them. */
export function withTables(page: string, { run, item }: Priced): string {
  const tables = [
    ...tableOf('1,000 items of one minute', item),
    '',
    ...tableOf('1,000 runs, beside their items', run),
  ].join('\n');
  return page.replace(TABLES, (_, begin: string, end: string) => `${begin}\n${tables}\n\n${end}`);
}

function tableOf(what: string, counts: Counts): string[] {
  const total = priceOfAll(counts);
  const rows = METERS.filter((name) => counts[name] > 0)
    .toSorted((a, b) => priceOf(b, counts[b]) - priceOf(a, counts[a]))
    .map((name) => {
      const usd = priceOf(name, counts[name]);
      const { meter, usd: price, per } = PRICES[name];
      const cells = [meter, counts[name].toFixed(2), `$${price} for ${per.toLocaleString('en-US')}`];
      return `| ${[...cells, `$${(usd * 1_000).toFixed(4)}`, `${((100 * usd) / total).toFixed(1)} %`].join(' | ')} |`;
    });
  return [
    `| ${what} | count each | price | USD | share |`,
    '|---|--:|--:|--:|--:|',
    ...rows,
    `| **sum** | | | **$${(total * 1_000).toFixed(4)}** | |`,
  ];
}

function rounded(counts: Counts): Counts {
  return Object.fromEntries(METERS.map((name) => [name, Number(counts[name].toPrecision(3))])) as Counts;
}

async function count(): Promise<void> {
  // The bed is only there where it is installed.
  const { openWorld } = await import('./deployed-world.ts');
  const { measurePrices, measureSingles } = await import('./measured-figures.ts');
  const world = await openWorld();
  try {
    const { run, item } = await measurePrices(world, (await measureSingles(world, RUNS_COUNTED)).window);
    writeFileSync(COUNTS, `${JSON.stringify({ run: rounded(run), item: rounded(item) }, null, 2)}\n`);
  } finally {
    await world.close({ keepLogs: false });
  }
}

export function readPage(): string {
  return readFileSync(PAGE, 'utf8');
}

if (import.meta.main) {
  if (process.argv.includes('--count')) await count();
  writeFileSync(PAGE, withTables(readPage(), committedCounts()));
}
