/**
 * Judges an audit bundle in one pass: linear time, memory that grows with the items of the run and not with its events.
 * Trust comes only from what the auditor supplies; the bundle's own keys, hints and claims never raise the tier.
 */

import { type BundleLine, type LineRules, readBundleLine, STRICT_RULES } from './bundle-line.ts';
import { hexOf } from './bytes.ts';
import { type CheckResult, CheckRun } from './check-run.ts';
import { ALL_CHECKS } from './checks/all.ts';
import type { BundleFacts, Check } from './checks/check.ts';
import { Contradiction } from './contradiction.ts';
import type { RunCounts } from './events.ts';
import { EvidenceError } from './evidence-error.ts';
import { DEFAULT_LIMITS, LineSplitter, type SizeLimits } from './line-splitter.ts';
import { TreeBuilder } from './merkle.ts';
import { EnvelopePairing, type Paired } from './pairing.ts';
import { PlanBook } from './plan-book.ts';
import { loadTrust, type Trust, type TrustFile } from './trust.ts';

export type Verdict = 'verified' | 'failed' | 'insufficient' | 'malformed';
/** What an auditor may require, weakest first. */
export const TIERS = ['self-consistent', 'signed'] as const;
export type RequiredTier = (typeof TIERS)[number];
export type Tier = 'none' | RequiredTier;

export interface VerifyOptions {
  /** The auditor's keys; without them a bundle is at most self-consistent, and never verified. */
  trust?: TrustFile;
  /** Default `signed`. */
  require?: RequiredTier;
  /** The run that the bundle has to be about. */
  expectRun?: string;
  /** Defaults: lines of 1 MiB, a file of 1 GiB. */
  limits?: Partial<SizeLimits>;
}

/** Values that every check of the reported tier has covered; null unless all of them passed. */
export interface VerifiedFacts {
  origin: string;
  run: string;
  name: string;
  state: 'done' | 'failed' | 'cancelled';
  counts: RunCounts;
  /** Attempts that ran inside the control plane's own process. */
  inProcess: number;
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

export interface VerifyReport {
  format: 'waybill-verify-report/v1';
  verdict: Verdict;
  tier: Tier;
  required: RequiredTier;
  /** 0 verified, 1 failed, 2 insufficient, 3 malformed. */
  exitCode: 0 | 1 | 2 | 3;
  checks: CheckResult[];
  facts: VerifiedFacts | null;
}

/**
 * Verifies the bytes of a bundle, in chunks of any size. Never throws for what the bundle holds; throws EvidenceError
 * when the trust file is broken, and whatever reading the chunks throws.
 */
export function verifyBundle(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  return verifyWith(ALL_CHECKS, STRICT_RULES, chunks, options);
}

/** The same over a chosen list of checks, for tests that show what each one is good for. Not part of the package's index. */
export async function verifyWith(
  checks: readonly Check[],
  rules: LineRules,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const trust = options.trust === undefined ? undefined : loadTrust(options.trust);
  const reading = new BundleReading(checks, rules, trust, options.expectRun);
  const splitter = new LineSplitter({ ...DEFAULT_LIMITS, ...options.limits });
  let problem: string | undefined;
  try {
    for await (const chunk of chunks) {
      for (const line of splitter.push(chunk)) reading.take(line);
      await reading.settle();
    }
    splitter.finish();
    await reading.finish();
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    problem = `line ${reading.lines + 1}: ${error.message}`;
    await reading.settle();
  }
  return reading.report(problem, options.require ?? 'signed');
}

/** A tier that this version does not know is never reached. */
function reaches(tier: Tier, required: RequiredTier): boolean {
  const order: readonly Tier[] = TIERS;
  return order.includes(required) && order.indexOf(tier) >= order.indexOf(required);
}

class BundleReading {
  readonly #rules: LineRules;
  readonly #run: CheckRun;
  readonly #isTrusting: boolean;
  readonly #tree = new TreeBuilder();
  readonly #facts: BundleFacts = {
    header: undefined,
    plan: new PlanBook(),
    planProblem: undefined,
    opened: undefined,
    completed: undefined,
    firstLeaf: undefined,
    size: 0,
    root: undefined,
    seal: undefined,
    openedEntry: undefined,
    sealedEntry: undefined,
  };
  readonly #pairing = new EnvelopePairing();
  #inProcess = 0;
  #hasEnded = false;
  lines = 0;

  constructor(checks: readonly Check[], rules: LineRules, trust: Trust | undefined, expectRun: string | undefined) {
    this.#rules = rules;
    this.#isTrusting = trust !== undefined;
    this.#run = new CheckRun(checks, { facts: this.#facts, trust, expectRun });
  }

  take(bytes: Uint8Array): void {
    if (this.#hasEnded) throw new EvidenceError('CONTAINER', 'the file goes on after its end');
    const line = readBundleLine(bytes, this.#rules);
    if (this.lines === 0 && line.kind !== 'header') throw new EvidenceError('CONTAINER', 'the file has no header');
    this.#gather(line);
    this.#run.each((watcher) => watcher.line?.(line));
    this.#show(this.#pairing.take(line));
    if (line.kind === 'event') {
      const { event } = line;
      this.#run.each((watcher) => watcher.event?.(event));
    }
    this.#hasEnded = line.kind === 'end';
    this.lines++;
  }

  settle(): Promise<void> {
    return this.#run.settle();
  }

  async finish(): Promise<void> {
    if (!this.#hasEnded) throw new EvidenceError('CONTAINER', 'the file has no end record: it is cut short');
    this.#facts.root = `sha256:${hexOf(this.#tree.root())}`;
    await this.#run.finish();
  }

  report(problem: string | undefined, required: RequiredTier): VerifyReport {
    const checks = this.#run.results(problem);
    const isFailed = checks.some(({ id, status }) => status === 'fail' && id !== 'well-formed');
    const isWhole = !isFailed && problem === undefined;
    const tier: Tier = isWhole ? (this.#isTrusting ? 'signed' : 'self-consistent') : 'none';
    const isEnough = this.#isTrusting && reaches(tier, required);
    const verdict = isFailed ? 'failed' : !isWhole ? 'malformed' : isEnough ? 'verified' : 'insufficient';
    const exitCode = ({ verified: 0, failed: 1, insufficient: 2, malformed: 3 } as const)[verdict];
    return {
      format: 'waybill-verify-report/v1',
      verdict,
      tier,
      required,
      exitCode,
      checks,
      facts: isWhole ? this.#verifiedFacts() : null,
    };
  }

  #gather(line: BundleLine): void {
    const facts = this.#facts;
    if (line.kind === 'header') facts.header ??= line.header;
    if (line.kind === 'seal') facts.seal ??= line.seal;
    if (line.kind === 'log') {
      const { entry } = line.record;
      if (entry.type === 'run.opened') facts.openedEntry ??= { ...line.record, entry };
      else facts.sealedEntry ??= { ...line.record, entry };
    }
    if (line.kind !== 'event') return;
    this.#tree.append(line.leaf);
    facts.size = this.#tree.size;
    facts.firstLeaf ??= line.leaf;
    const { event } = line;
    if (event.type === 'run.opened') facts.opened ??= event;
    if (event.type === 'run.completed') facts.completed = event;
    if (event.type === 'attempt.dispatched' && event.data.isolation === 'in-process') this.#inProcess++;
    if (event.type === 'run.planned') this.#gatherPlan(event.data);
  }

  #gatherPlan(part: Parameters<PlanBook['add']>[0]): void {
    try {
      this.#facts.plan.add(part);
    } catch (error) {
      if (!(error instanceof Contradiction)) throw error;
      this.#facts.planProblem ??= error.message;
    }
  }

  #show(pair: Paired | undefined): void {
    if (pair?.type === 'attempt.dispatched') {
      this.#run.each((watcher) => watcher.dispatch?.(pair.event, pair.manifest));
    }
    if (pair?.type === 'attempt.settled') {
      this.#run.each((watcher) => watcher.settlement?.(pair.event, pair.attestations));
    }
  }

  #verifiedFacts(): VerifiedFacts | null {
    const { header, opened, seal, sealedEntry } = this.#facts;
    if (!header || !opened || !seal || !sealedEntry) return null;
    const { predicate } = seal.statement;
    const { state, counts, size, root, plan, submission, openedAt, completedAt, sealedAt, runSeq } = predicate;
    return {
      origin: header.origin,
      run: header.run,
      name: opened.data.name,
      state,
      counts,
      inProcess: this.#inProcess,
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
}
