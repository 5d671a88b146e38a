/**
 * What a report claims, as four facets, and what an auditor may demand of each. A facet rises only by something that was
 * verified with material that the auditor supplied.
 */
import { EvidenceError } from '../evidence-error.ts';
import { count } from '../json/scalars.ts';
import { closed, nullable, oneOf, type Shape } from '../json/shape.ts';

/** What may be demanded, weakest first. Below the first tier of integrity and of completeness is `none`. */
export const DEMANDABLE = {
  integrity: ['self-consistent', 'signed', 'anchored', 'witnessed'],
  time: ['asserted', 'witnessed', 'tsa-attested'],
  completeness: ['item', 'run', 'log'],
} as const;

export type IntegrityTier = 'none' | Demands['integrity'];
export type TimeTier = Demands['time'];
export type CompletenessTier = 'none' | Demands['completeness'];

/** A moment, and who vouches for it. */
export interface Moment {
  at: string;
  by: 'operator' | 'witnesses' | 'tsa';
}

/** Witnesses of the auditor's policy whose cosignatures hold. */
export interface QuorumFact {
  k: number;
  n: number;
  names: string[];
}

/** The copy of the checkpoint in storage that the operator cannot rewrite. */
export interface AnchorFact {
  bucket: string;
  key: string;
  versionId: string;
  writtenAt: string;
  lockedUntil: string;
}

export interface Facets {
  integrity: { tier: IntegrityTier; anchor: AnchorFact | null; witnesses: QuorumFact | null };
  /** The run lies between the two moments, each as good as the word of whoever vouches for it. */
  time: { tier: TimeTier; from: Moment | null; to: Moment | null };
  completeness: CompletenessTier;
  /** The newest moment at which a third party vouched for the checkpoint, and how long ago that was. */
  freshness: { attested: Moment | null; ageMs: number | null };
}

export interface Demands {
  integrity: (typeof DEMANDABLE.integrity)[number];
  time: (typeof DEMANDABLE.time)[number];
  completeness: (typeof DEMANDABLE.completeness)[number];
  /** Null when any age will do. */
  maxAgeMs: number | null;
}

/** Closed, so that a demand which this version does not know is refused and never passed over. */
export const demandsShape: Shape<Partial<Demands>> = closed<Partial<Demands>>({
  integrity: { optional: oneOf(...DEMANDABLE.integrity) },
  time: { optional: oneOf(...DEMANDABLE.time) },
  completeness: { optional: oneOf(...DEMANDABLE.completeness) },
  maxAgeMs: { optional: nullable(count) },
});

export const DEFAULT_DEMANDS: Demands = { integrity: 'signed', time: 'asserted', completeness: 'item', maxAgeMs: null };

/** A facet that stays below what was demanded. */
export interface Shortfall {
  code: 'INTEGRITY_BELOW' | 'TIME_BELOW' | 'COMPLETENESS_BELOW' | 'TOO_OLD' | 'AGE_UNKNOWN';
  detail: string;
}

/** The words of `--require`. Alone, `witnessed` is the tier of integrity, which brings the time with it. */
export const REQUIRABLE: readonly string[] = [
  ...DEMANDABLE.integrity,
  ...DEMANDABLE.time.filter((tier) => tier !== 'witnessed'),
  ...DEMANDABLE.completeness,
];

/** Reads words as `--require` takes them, each of which may be several joined by commas. Throws EvidenceError `POLICY`. */
export function readDemands(words: readonly string[]): Partial<Demands> {
  let demands: Partial<Demands> = {};
  for (const word of words.flatMap((joined) => joined.split(','))) {
    if (!REQUIRABLE.includes(word))
      throw new EvidenceError(
        'POLICY',
        `nothing to require is called ${JSON.stringify(word)}; there are ${REQUIRABLE.join(', ')}`,
      );
    demands = stricterOf(demands, demandOf(word));
  }
  return demands;
}

function demandOf(word: string): Partial<Demands> {
  if (isAmong(DEMANDABLE.integrity, word)) return { integrity: word };
  if (isAmong(DEMANDABLE.time, word)) return { time: word };
  return isAmong(DEMANDABLE.completeness, word) ? { completeness: word } : {};
}

function isAmong<T extends string>(words: readonly T[], word: string): word is T {
  return words.some((known) => known === word);
}

/** Both together: of each facet the higher tier, of two ages the smaller one. */
export function stricterOf(a: Partial<Demands>, b: Partial<Demands>): Partial<Demands> {
  const both: Partial<Demands> = { ...a, ...b };
  if (a.integrity && b.integrity) both.integrity = higher(DEMANDABLE.integrity, a.integrity, b.integrity);
  if (a.time && b.time) both.time = higher(DEMANDABLE.time, a.time, b.time);
  if (a.completeness && b.completeness) {
    both.completeness = higher(DEMANDABLE.completeness, a.completeness, b.completeness);
  }
  const ages = [a.maxAgeMs, b.maxAgeMs].filter((age) => typeof age === 'number');
  if (ages.length > 0) both.maxAgeMs = Math.min(...ages);
  return both;
}

function higher<T extends string>(order: readonly string[], a: T, b: T): T {
  return reaches(order, a, b) ? a : b;
}

/** A tier that this version does not know is never reached. */
function reaches(order: readonly string[], tier: string, demanded: string): boolean {
  return order.includes(demanded) && order.indexOf(tier) >= order.indexOf(demanded);
}

/** Of the tiers; the age has a check of its own. */
export function shortfallsOf({ integrity, time, completeness }: Facets, demands: Demands): Shortfall[] {
  const below: Shortfall[] = [];
  const compare = (code: Shortfall['code'], order: readonly string[], tier: string, demanded: string): void => {
    if (!reaches(order, tier, demanded)) below.push({ code, detail: `${tier} was reached, ${demanded} is required` });
  };
  compare('INTEGRITY_BELOW', DEMANDABLE.integrity, integrity.tier, demands.integrity);
  compare('TIME_BELOW', DEMANDABLE.time, time.tier, demands.time);
  compare('COMPLETENESS_BELOW', DEMANDABLE.completeness, completeness, demands.completeness);
  return below;
}
