/** The figures of one bench as Markdown, with a chart; everything in it is generated. */
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import type { MeasuredEngine } from './engines.ts';
import { CASES, type Case, type Round } from './shapes.ts';

const TITLES: Record<Case, string> = {
  'w1-1000': 'W1 fan-out/fan-in 1,000',
  'w1-3000': 'W1 fan-out/fan-in 3,000',
  'w1-10000': 'W1 fan-out/fan-in 10,000',
  w2: 'W2 chain of 300',
  w3: 'W3 20 layers of 50',
  'w4-burst': 'W4 1,000 submissions at once',
  'w4-32': 'W4 1,000 submissions, 32 in flight',
};

export interface Measurements {
  command: string;
  rounds: number;
  engines: readonly MeasuredEngine[];
  /** By the name of the engine. */
  found: ReadonlyMap<string, Round[]>;
  absent: ReadonlyMap<string, string>;
  /** Milliseconds of one synced write, before each round; before all else where no engine was measured. */
  probesMs: readonly number[];
  /** Of the minute before that. */
  loads: readonly number[];
  /** Lines about other things that were measured. */
  others: readonly string[];
  tables: readonly Table[];
}

export interface Table {
  title: string;
  /** The first column is text, and so is the last where it has words in it. */
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Items, or submissions, per second: the median of the rounds. Null where nothing was measured. */
export function rateOf({ found }: Measurements, engine: string, name: Case): number | null {
  const rates = (found.get(engine) ?? []).flatMap(({ figures }) => {
    const figure = figures[name];
    return figure ? [figure.count / (figure.elapsedMs / 1000)] : [];
  });
  return rates.length === 0 ? null : median(rates);
}

function p95Of({ found }: Measurements, engine: string, name: Case): number | null {
  const times = (found.get(engine) ?? []).flatMap(({ figures }) => figures[name]?.p95Ms ?? []);
  return times.length === 0 ? null : median(times);
}

/** Microseconds of processors an item took, by case: what a busy machine changes least. Null where nothing was measured. */
export function cpuLine({ found }: Measurements, engine: string): string | null {
  const shown = CASES.flatMap((name) => {
    const each = (found.get(engine) ?? []).flatMap(({ figures }) => {
      const { cpuMs, count } = figures[name] ?? {};
      return cpuMs === undefined || count === undefined ? [] : [(cpuMs * 1000) / count];
    });
    return each.length === 0 ? [] : [`${name} ${Math.round(median(each))}`];
  });
  return shown.length === 0 ? null : `processor time of ${engine}, us an item: ${shown.join(', ')}`;
}

export function peakBytesOf({ found }: Measurements, engine: string): number {
  return Math.max(...(found.get(engine) ?? []).map(({ peakBytes }) => peakBytes));
}

/** The quotient of two rates of the same bench; null where one is missing. */
export function ratioOf(all: Measurements, name: Case, engine: string, other: string): number | null {
  const [mine, theirs] = [rateOf(all, engine, name), rateOf(all, other, name)];
  return mine === null || theirs === null ? null : mine / theirs;
}

/** How many times as long the other's p95 is, so that more is better here too; null where one is missing. */
export function p95RatioOf(all: Measurements, name: Case, engine: string, other: string): number | null {
  const [mine, theirs] = [p95Of(all, engine, name), p95Of(all, other, name)];
  return mine === null || theirs === null ? null : theirs / mine;
}

export function linesOf(all: Measurements): string[] {
  const { command, rounds, found, probesMs, loads, absent, engines, others, tables } = all;
  const [cpu] = cpus();
  const isRounds = [...found.values()].some((each) => each.length > 0);
  const list = (values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(', ');
  return [
    `Command: \`${command}\`, medians of ${rounds} interleaved rounds, each round of each engine in a process of its own.`,
    '',
    `Machine: ${cpus().length} x ${cpu?.model.trim()}, ${Math.round(totalmem() / 1e9)} GB, ${platform()} ${release()} ${arch()}, Node ${process.version}.`,
    `One synced write of 300 bytes before ${isRounds ? 'each round' : 'all else'}: ${list(probesMs)} ms. Load of the machine then: ${list(loads)}; at the end ${list([loadavg()[0] ?? 0])}.`,
    '',
    ...table(all),
    '',
    ...engines.map(({ name, about }) => `- ${name}: ${absent.get(name) ? `absent, ${absent.get(name)}` : about}.`),
    '',
    ...others.map((line) => `- ${line}`),
    ...tables.flatMap(tableLines),
  ];
}

function tableLines({ title, head, rows }: Table): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return ['', `## ${title}`, '', line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)];
}

function table(all: Measurements): string[] {
  const present = all.engines.filter(({ name }) => all.found.has(name));
  if (present.length === 0) return [];
  const cell = (engine: string, name: Case): string => {
    const rate = rateOf(all, engine, name);
    const p95 = p95Of(all, engine, name);
    const suffix = p95 === null ? '' : `, p95 ${Math.round(p95)} ms`;
    return rate === null ? '-' : `${Math.round(rate).toLocaleString('en')}${suffix}`;
  };
  return [
    `| per second | ${present.map(({ name }) => name).join(' | ')} |`,
    `|---|${present.map(() => '--:').join('|')}|`,
    ...CASES.map((name) => `| ${TITLES[name]} | ${present.map((engine) => cell(engine.name, name)).join(' | ')} |`),
  ];
}

const [ROW, LABEL, WIDTH] = [18, 330, 420];
const COLOURS = ['#9aa0a6', '#c8ccd0', '#0b57d0', '#7aa7ef', '#b3261e', '#e0a29d', '#2e7d32'];

/** Bars of what each engine does per second, on a scale of their own for each case. */
export function chartOf(all: Measurements): string {
  const bars: string[] = [];
  let y = 10;
  const text = (x: number, content: string, style = ''): string =>
    `<text x="${x}" y="${y + 12}"${style}>${content}</text>`;
  for (const name of CASES) {
    const rates = all.engines.map((engine) => rateOf(all, engine.name, name));
    const most = Math.max(1, ...rates.map((rate) => rate ?? 0));
    bars.push(text(10, TITLES[name], ' font-weight="bold"'));
    y += ROW;
    for (const [n, engine] of all.engines.entries()) {
      const rate = rates[n];
      if (rate === null || rate === undefined) continue;
      const width = Math.max(1, Math.round((rate / most) * WIDTH));
      bars.push(text(20, engine.name));
      bars.push(
        `<rect x="${LABEL - 100}" y="${y + 2}" width="${width}" height="${ROW - 5}" fill="${COLOURS[n % COLOURS.length]}"/>`,
      );
      bars.push(text(LABEL - 95 + width, Math.round(rate).toLocaleString('en')));
      y += ROW;
    }
    y += 8;
  }
  const size = `width="${LABEL + WIDTH}" height="${y + 10}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">\n<title>Items or submissions per second</title>\n${bars.join('\n')}\n</svg>\n`;
}
