/**
 * Judges an audit bundle in one pass: linear time, memory that grows with the items of the run and not with its events.
 * Trust comes only from what the auditor supplies; the bundle's own keys, hints and claims never raise a facet.
 */

import { ALL_CHECKS } from '../checks/all.ts';
import type { AuditorMaterial, BundleFacts, Check } from '../checks/check.ts';
import { EvidenceError } from '../evidence-error.ts';
import { requireShape } from '../json/shape.ts';
import { loadTrust, type TrustFile } from '../keys/trust.ts';
import type { TileRef } from '../log/tiles.ts';
import { type LineRules, STRICT_RULES } from '../record/bundle-line.ts';
import { LineSplitter } from '../record/line-splitter.ts';
import { limitsOf, type ReadLimits } from '../record/read-limits.ts';
import { readCapture } from './anchor-object.ts';
import { type Fetch, readAnchorUrls } from './anchor-online.ts';
import { BundleReading } from './bundle-reading.ts';
import { DEFAULT_DEMANDS, type Demands, demandsShape, stricterOf } from './facets.ts';
import { loadPolicy, type Policy, type PolicyFile } from './policy.ts';
import { sightingOf } from './sighting.ts';
import { reportOf, type VerifyReport } from './verdict.ts';
import type { VerifyState } from './verify-state.ts';

/** What the auditor supplies. Files are given as parsed JSON; what is wrong with one throws EvidenceError. */
export interface VerifyOptions {
  /** The auditor's keys; without keys a bundle is at most self-consistent, and never verified. */
  trust?: TrustFile;
  /** Keys and more; stands instead of `trust`. */
  policy?: PolicyFile;
  /** On top of what the policy demands: of each facet the stricter one. Signed, unless something else is asked for. */
  require?: Partial<Demands>;
  /** The run that the bundle has to be about. */
  expectRun?: string;
  limits?: Partial<ReadLimits>;
  /** `waybill-anchor-capture/v1`, or `waybill-anchor-urls/v1` together with `fetch`. */
  anchor?: unknown;
  /** Without it nothing is ever asked over a network. */
  fetch?: Fetch;
  /** Compared with, and grown by whatever was verified: the caller keeps it. */
  state?: VerifyState;
  /**
   * Tiles of the deployment's log; rejects with LedgerUnreachable for one that cannot be had. With `state`: proves both
   * heads consistent.
   */
  readTile?: (tile: TileRef) => Promise<Uint8Array>;
  /** The time at which freshness is judged; now, when absent. */
  nowMs?: number;
}

/**
 * Verifies the bytes of a bundle, in chunks of any size. Never throws for what the bundle holds; throws EvidenceError
 * when something that the auditor supplied is broken, and whatever reading the chunks throws.
 */
export async function verifyBundle(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  return verifyWith(ALL_CHECKS, STRICT_RULES, chunks, suppliedBy(options));
}

/**
 * The same over a chosen list of checks, for tests that show what each one is good for, and with options that are loaded
 * once for many bundles. Not part of the package's index.
 */
export async function verifyWith(
  checks: readonly Check[],
  rules: LineRules,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { demands, material, limits }: Supplied,
): Promise<VerifyReport> {
  const reading = new BundleReading(checks, { ...rules, limits }, material);
  const malformed = await readAll(reading, new LineSplitter(limits), chunks);
  const { facts, proven, unguarded } = reading;
  const isTrusting = material.trust !== undefined;
  const results = reading.results(malformed);
  const report = reportOf({ checks: results, facts, unguarded, proven, isTrusting, demands, nowMs: material.nowMs });
  // What could not be compared as it was asked for may be a fork: it is not remembered as if it had been.
  const isJudged = report.facts !== null && report.verdict !== 'unreachable';
  if (isJudged && isTrusting) remember(material.state, facts);
  return report;
}

/** The options, loaded. */
export interface Supplied {
  demands: Demands;
  material: AuditorMaterial;
  limits: ReadLimits;
}

/** Throws EvidenceError when something that the auditor supplied is broken. */
export function suppliedBy(options: VerifyOptions): Supplied {
  if (!Number.isFinite(options.nowMs ?? 0)) throw new EvidenceError('POLICY', 'nowMs is not a number');
  const policy = policyOf(options);
  const demands = demandsOf(policy, options.require ?? {});
  return { demands, material: materialOf(policy, demands, options), limits: limitsOf(options.limits ?? {}) };
}

/** Answers with why reading stopped before the end of the file. */
export async function readAll(
  reading: Pick<BundleReading, 'take' | 'settle' | 'finish' | 'lines'>,
  splitter: LineSplitter,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ code: EvidenceError['code']; detail: string } | undefined> {
  try {
    for await (const chunk of chunks) {
      for (const line of splitter.push(chunk)) reading.take(line);
      await reading.settle(false);
    }
    splitter.finish();
    await reading.finish();
    return undefined;
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    await reading.settle(true);
    return { code: error.code, detail: `line ${reading.lines + 1}: ${error.message}` };
  }
}

function policyOf({ trust, policy }: VerifyOptions): Policy | undefined {
  if (policy !== undefined) {
    if (trust !== undefined) throw new EvidenceError('POLICY', 'the keys stand in the policy: give one of the two');
    return loadPolicy(policy);
  }
  if (trust === undefined) return undefined;
  return { trust: loadTrust(trust), demands: {}, witnesses: undefined, tsa: undefined, anchor: undefined };
}

function demandsOf(policy: Policy | undefined, required: Partial<Demands>): Demands {
  requireShape(demandsShape, required, 'what is required');
  return { ...DEFAULT_DEMANDS, ...stricterOf(policy?.demands ?? {}, required) };
}

function materialOf(policy: Policy | undefined, demands: Demands, options: VerifyOptions): AuditorMaterial {
  return {
    trust: policy?.trust,
    expectRun: options.expectRun,
    tsa: policy?.tsa,
    witnesses: policy?.witnesses,
    anchorRule: policy?.anchor,
    anchor: anchorOf(options),
    state: options.state,
    readTile: options.readTile,
    maxAgeMs: demands.maxAgeMs,
    nowMs: options.nowMs ?? Date.now(),
  };
}

function anchorOf({ anchor, fetch }: VerifyOptions): AuditorMaterial['anchor'] {
  if (anchor === undefined) return undefined;
  return fetch === undefined ? { object: readCapture(anchor) } : { urls: readAnchorUrls(anchor), fetch };
}

function remember(state: VerifyState | undefined, facts: BundleFacts): void {
  if (state !== undefined) state.remember(sightingOf(facts));
}
