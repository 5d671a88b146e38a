/** What is wanted of the ratios of one run, what they are, and what the machine would allow. */
import type { Ceilings } from './ceilings.ts';
import { BULLMQ, FLOOR, IN_PROCESS, WAYBILL } from './engines.ts';
import { type Measurements, p95RatioOf, rateOf, ratioOf, type Table } from './report.ts';
import type { Case } from './shapes.ts';

interface Wanted {
  what: string;
  name: Case;
  engine: string;
  other: string;
  atLeast: number;
  /** How many times as long the p95 of the other is, where that is wanted too. */
  p95AtLeast?: number;
  /** Microseconds that an item, or a submission, takes at least, where the other takes `others`. */
  least(ceilings: Ceilings, others: number): number;
  /** Which they are. */
  because: string;
}

const EVIDENCE = 'the evidence of an item, on one thread';

/** What is missed is said, and is no failure of the bench. */
const WANTED: readonly Wanted[] = [
  {
    what: 'W1 1,000 against BullMQ',
    ...{ name: 'w1-1000', engine: WAYBILL, other: BULLMQ, atLeast: 1.8 },
    ...{ least: ({ evidence }) => evidence, because: EVIDENCE },
  },
  {
    what: 'W1 10,000 against BullMQ',
    ...{ name: 'w1-10000', engine: WAYBILL, other: BULLMQ, atLeast: 1.8 },
    ...{ least: ({ evidence }) => evidence, because: EVIDENCE },
  },
  {
    what: 'W2 against the floor',
    ...{ name: 'w2', engine: WAYBILL, other: FLOOR, atLeast: 0.7 },
    least: ({ evidence }, others) => evidence + others,
    because: 'the evidence of an item and then one commit, since the next waits for it',
  },
  {
    what: 'W3 against the barriers of BullMQ',
    ...{ name: 'w3', engine: WAYBILL, other: BULLMQ, atLeast: 4 },
    ...{ least: ({ evidence }) => evidence, because: EVIDENCE },
  },
  ...(['w4-burst', 'w4-32'] as const).map(
    (name): Wanted => ({
      what: `${name === 'w4-burst' ? 'W4 burst' : 'W4 32 in flight'} through the inbox against the floor`,
      ...{ name, engine: WAYBILL, other: FLOOR, atLeast: 0.7 },
      least: ({ answered }, others) => answered[name] * others,
      because: 'two durable files, that of the client and the receipt, where the floor has one',
    }),
  ),
  ...(['w4-burst', 'w4-32'] as const).map(
    (name): Wanted => ({
      what: `${name === 'w4-burst' ? 'W4 burst' : 'W4 32 in flight'} in process against BullMQ`,
      ...{ name, engine: IN_PROCESS, other: BULLMQ, atLeast: 1, p95AtLeast: 1 },
      least: ({ admission }) => admission,
      because: 'the text read and compiled, on one thread',
    }),
  ),
];

export function wantedLines(all: Measurements): string[] {
  const line = (what: string, ratio: number | null, atLeast: number): string[] =>
    ratio === null ? [] : [`${what}: ${ratio.toFixed(2)} (wanted ${atLeast}${ratio < atLeast ? ', missed' : ''})`];
  return WANTED.flatMap(({ what, name, engine, other, atLeast, p95AtLeast }) => [
    ...line(what, ratioOf(all, name, engine, other), atLeast),
    ...(p95AtLeast === undefined ? [] : line(`${what}, p95`, p95RatioOf(all, name, engine, other), p95AtLeast)),
  ]);
}

/** What they come to per second, whoever else is measured. */
export function ceilingLines({ signature, evidence, admission }: Ceilings): string[] {
  const most = (us: number): string => Math.floor(1e6 / us).toLocaleString('en');
  return [
    `at ${signature.toFixed(1)} us a signature one thread of this machine signs at most ${most(signature)} attempts a second, and at ${evidence.toFixed(1)} us it makes the evidence of at most ${most(evidence)} items`,
    `at ${admission.toFixed(1)} us it reads and compiles at most ${most(admission)} runs of one item a second`,
  ];
}

/** Beside what was measured, what would be left if nothing but the parts that cannot be left out took time. */
export function ceilingTable(all: Measurements, ceilings: Ceilings): Table {
  const rows = WANTED.flatMap(({ what, name, engine, other, atLeast, least, because }) => {
    const [mine, others] = [rateOf(all, engine, name), rateOf(all, other, name)];
    if (mine === null || others === null) return [];
    const us = least(ceilings, 1e6 / others);
    const each = (ratio: number): string => (1e6 / (others * ratio)).toFixed(0);
    const ratio = mine / others;
    const most = 1e6 / us / others;
    return [
      [
        what,
        ...[atLeast, ratio, most].map((value) => value.toFixed(2)),
        each(atLeast),
        each(ratio),
        us.toFixed(0),
        because,
      ],
    ];
  });
  return {
    title: 'What this machine allows: us of an item, or a submission',
    head: ['', 'wanted', 'measured', 'at most', 'us wanted', 'us measured', 'us at least', 'which is'],
    rows,
  };
}
