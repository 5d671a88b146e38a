/** The report of a verification: what the checks came to, as facets, a verdict and an exit code. */

import type { BundleFacts, Proven } from '../checks/check.ts';
import type { RunCounts } from '../record/events.ts';
import type { CheckResult } from './check-run.ts';
import { type Demands, type Facets, type IntegrityTier, type Moment, shortfallsOf } from './facets.ts';
import type { VerdictCode } from './verdict-code.ts';

export type Verdict = 'verified' | 'failed' | 'insufficient' | 'malformed' | 'unreachable';
export type VerdictExit = 0 | 1 | 2 | 3 | 5;

const EXIT_OF: Record<Verdict, VerdictExit> = { verified: 0, failed: 1, insufficient: 2, malformed: 3, unreachable: 5 };

/** How much of a run was made outside of every sandbox, beside what its own counts say. */
export interface Unguarded {
  /** Attempts that ran inside the control plane's own process. */
  inProcess: number;
  /** Items that took over what an attempt without a sandbox had made, of this run or of an earlier one. */
  reusedUnsandboxed: number;
  /** Items that took over what an attempt inside of a control plane's process had made. */
  reusedInProcess: number;
}

/** Values that every check of the reported tier has covered; null unless all of them passed. */
export interface VerifiedFacts extends Unguarded {
  origin: string;
  run: string;
  name: string;
  state: 'done' | 'failed' | 'cancelled';
  counts: RunCounts;
  events: number;
  root: string;
  plan: string;
  submission: string;
  openedAt: string;
  completedAt: string;
  sealedAt: string;
  runSeq: number;
  logSize: number;
}

/** Something that was required and is not there; nothing contradicts. */
export interface Shortfall {
  code: VerdictCode;
  detail: string;
}

export interface VerifyReport {
  format: 'waybill-verify-report/v1';
  verdict: Verdict;
  exitCode: VerdictExit;
  /** The tier of the integrity facet. */
  tier: IntegrityTier;
  facets: Facets;
  required: Demands;
  /** Why it is insufficient; empty for every other verdict. */
  shortfalls: Shortfall[];
  checks: CheckResult[];
  facts: VerifiedFacts | null;
}

export interface Judged {
  checks: CheckResult[];
  facts: BundleFacts;
  unguarded: Unguarded;
  proven: Proven;
  isTrusting: boolean;
  demands: Demands;
  nowMs: number;
}

export function reportOf(judged: Judged): VerifyReport {
  const facts = judged.checks.some(({ status }) => status === 'fail') ? null : factsOf(judged);
  return { format: 'waybill-verify-report/v1', ...judgementOf(judged, facts, 'run'), facts };
}

/** What every report says, whatever its facts; `covered` is what the facts are complete for. */
export function judgementOf(
  judged: Judged,
  times: { openedAt: string; sealedAt: string } | null,
  covered: 'none' | 'item' | 'run',
): Omit<VerifyReport, 'format' | 'facts'> {
  const { checks, isTrusting, demands } = judged;
  const reached = times === null ? NOTHING : facetsOf(judged, times);
  const facets: Facets = reached.completeness === 'run' ? { ...reached, completeness: covered } : reached;
  const shortfalls = [
    ...(isTrusting
      ? []
      : [{ code: 'NO_KEYS' as const, detail: 'no keys were supplied: anyone could have written it' }]),
    ...shortfallsOf(facets, demands),
    ...checks.filter(({ id, status }) => id === 'freshness' && status === 'short').map(shortfallOf),
  ];
  const verdict = verdictOf(checks, shortfalls);
  return {
    verdict,
    exitCode: EXIT_OF[verdict],
    tier: facets.integrity.tier,
    facets,
    required: demands,
    shortfalls: verdict === 'insufficient' ? shortfalls : [],
    checks,
  };
}

/** A contradiction outweighs a file that cannot be read to its end, and that outweighs what could not be asked. */
function verdictOf(checks: readonly CheckResult[], shortfalls: readonly Shortfall[]): Verdict {
  if (checks.some(({ id, status }) => status === 'fail' && id !== 'well-formed')) return 'failed';
  if (checks.some(({ status }) => status === 'fail')) return 'malformed';
  if (checks.some(({ status }) => status === 'unreachable')) return 'unreachable';
  return shortfalls.length > 0 ? 'insufficient' : 'verified';
}

function shortfallOf({ code, detail }: CheckResult): Shortfall {
  return { code: code ?? 'AGE_UNKNOWN', detail };
}

const NOTHING: Facets = {
  integrity: { tier: 'none', anchor: null, witnesses: null },
  time: { tier: 'asserted', from: null, to: null },
  completeness: 'none',
  freshness: { attested: null, ageMs: null },
};

function facetsOf(
  { proven, isTrusting, nowMs }: Judged,
  { openedAt, sealedAt }: { openedAt: string; sealedAt: string },
): Facets {
  const from: Moment = { at: openedAt, by: 'operator' };
  const to: Moment = { at: sealedAt, by: 'operator' };
  const asserted = { tier: 'asserted' as const, from, to };
  if (!isTrusting) return { ...NOTHING, integrity: { ...NOTHING.integrity, tier: 'self-consistent' }, time: asserted };
  const { anchor = null, quorum, timestamp } = proven;
  const tier = quorum !== undefined ? 'witnessed' : anchor !== null ? 'anchored' : 'signed';
  const witnesses = quorum === undefined ? null : { k: quorum.k, n: quorum.n, names: quorum.names };
  return {
    integrity: { tier, anchor, witnesses },
    time:
      timestamp !== undefined
        ? { tier: 'tsa-attested', from, to: { at: isoOf(timestamp.latestMs), by: 'tsa' } }
        : quorum !== undefined
          ? { tier: 'witnessed', from, to: { at: isoOf(quorum.latestMs), by: 'witnesses' } }
          : asserted,
    completeness: 'run',
    freshness: freshnessOf(proven, nowMs),
  };
}

/** How far the clock of a third party may be ahead of the verifier's own; what is further ahead has no age. */
const CLOCK_TOLERANCE_MS = 300_000;

/** Of each third party the earliest moment that it may have meant; of several the newest. */
export function freshnessOf({ quorum, timestamp }: Proven, nowMs: number): Facets['freshness'] {
  const moments = [
    ...(timestamp === undefined ? [] : [{ ms: timestamp.earliestMs, by: 'tsa' as const }]),
    ...(quorum === undefined ? [] : [{ ms: quorum.earliestMs, by: 'witnesses' as const }]),
  ];
  const newest = moments.sort((a, b) => b.ms - a.ms)[0];
  if (newest === undefined) return { attested: null, ageMs: null };
  const ageMs = newest.ms > nowMs + CLOCK_TOLERANCE_MS ? null : Math.max(0, nowMs - newest.ms);
  return { attested: { at: isoOf(newest.ms), by: newest.by }, ageMs };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

function factsOf({ facts, unguarded }: Judged): VerifiedFacts | null {
  const { header, opened, seal, sealedEntry } = facts;
  if (!header || !opened || !seal || !sealedEntry) return null;
  const { predicate } = seal.statement;
  const { state, counts, size, root, plan, submission, openedAt, completedAt, sealedAt, runSeq } = predicate;
  return {
    origin: header.origin,
    run: header.run,
    name: opened.data.name,
    state,
    counts,
    ...unguarded,
    events: size,
    root,
    plan,
    submission,
    openedAt,
    completedAt,
    sealedAt,
    runSeq,
    logSize: sealedEntry.checkpoint.size,
  };
}
