/**
 * Single-item disclosure: a file that shows what happened to one item of a run, and proves it, without the other items.
 * Made from a bundle by whoever has it; verified against the same keys as the bundle.
 */

import { type Disclosed, disclosureChecks } from '../checks/disclosure.ts';
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { utf8 } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { canonicalize, decodeUtf8 } from '../json/jcs.ts';
import { anyText, hex32, itemId, origin } from '../json/scalars.ts';
import { closed, listOf, oneOf } from '../json/shape.ts';
import { leafHash, nodeHash } from '../log/merkle.ts';
import { inclusionProof } from '../log/merkle-proof.ts';
import { BUNDLE_FORMAT, type BundleLine, type LineRules, readBundleLine, STRICT_RULES } from '../record/bundle-line.ts';
import type { EventData, RecordedOutput, SealedOutcome } from '../record/events.ts';
import { LineSplitter } from '../record/line-splitter.ts';
import { DEFAULT_LIMITS, type ReadLimits } from '../record/read-limits.ts';
import { BundleReading } from './bundle-reading.ts';
import { sightingOf } from './sighting.ts';
import { judgementOf, type VerifyReport } from './verdict.ts';
import { readAll, suppliedBy, type VerifyOptions } from './verify-bundle.ts';

export const DISCLOSURE_FORMAT = 'waybill-disclosure/v1';

export interface DisclosedAttempt {
  attempt: number;
  outcome: SealedOutcome;
  reason: string;
  next: EventData['attempt.settled']['next'];
  outputs: RecordedOutput[];
}

export interface ItemFacts {
  origin: string;
  run: string;
  item: string;
  attempts: DisclosedAttempt[];
  /** Events of the whole run, of which some are disclosed. */
  events: number;
  runSeq: number;
  openedAt: string;
  sealedAt: string;
  logSize: number;
}

export type ItemReport = Omit<VerifyReport, 'format' | 'facts'> & {
  format: 'waybill-item-report/v1';
  facts: ItemFacts | null;
};

export interface ItemOptions extends VerifyOptions {
  /** The item that the file has to be about. */
  expectItem?: string;
}

interface DisclosureHeader {
  format: typeof DISCLOSURE_FORMAT;
  origin: string;
  run: string;
  item: string;
}

const header = closed<DisclosureHeader>({ format: oneOf(DISCLOSURE_FORMAT), origin, run: hex32, item: itemId });
const eventRecord = closed<{ record: 'event'; event: string; proof: string[] }>({
  record: oneOf('event'),
  event: anyText,
  proof: listOf(anyText),
});
const dsseRecord = closed<{ record: 'dsse'; dsse: unknown }>({ record: oneOf('dsse'), dsse: () => undefined });

/** Verifies the bytes of a disclosure file, by the contract of verifyBundle. */
export async function verifyDisclosure(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { expectItem, ...options }: ItemOptions = {},
): Promise<ItemReport> {
  const { demands, material, limits } = suppliedBy(options);
  const rules = { ...STRICT_RULES, limits };
  const disclosed: Disclosed = { item: undefined, expectItem, proofs: new Map() };
  const bundle = new BundleReading(disclosureChecks(disclosed), rules, material);
  const attempts: DisclosedAttempt[] = [];
  const reading = {
    take: (bytes: Uint8Array) => bundle.see(() => noted(readLine(bytes, disclosed, rules), attempts)),
    settle: (isLast: boolean) => bundle.settle(isLast),
    finish: () => bundle.finish(),
    get lines() {
      return bundle.lines;
    },
  };
  const malformed = await readAll(reading, new LineSplitter(limits), chunks);
  const { facts, proven, unguarded } = bundle;
  const checks = bundle.results(malformed);
  const isTrusting = material.trust !== undefined;
  const isWhole = !checks.some(({ status }) => status === 'fail');
  const shown = isWhole ? factsOf(bundle, disclosed, attempts) : null;
  const judged = { checks, facts, unguarded, proven, isTrusting, demands, nowMs: material.nowMs };
  // After a retry the item went on: another attempt, or its end without one, was left out. After a failure it may have,
  // where anything of the run was opened again at all.
  const last = attempts.at(-1)?.next;
  const isFinal = last !== 'failed' || (facts.seal?.statement.predicate.counts.reopened ?? 0) === 0;
  const covered = last === 'retry' || !isFinal ? 'none' : 'item';
  const judgement = judgementOf(judged, shown, covered);
  const isJudged = shown !== null && judgement.verdict !== 'unreachable';
  if (isJudged && isTrusting) material.state?.remember(sightingOf(facts));
  return { format: 'waybill-item-report/v1', ...judgement, facts: shown };
}

/** What a line of the file is in the words of a bundle. */
function readLine(bytes: Uint8Array, disclosed: Disclosed, rules: LineRules): BundleLine {
  const value = rules.parse(bytes, rules.limits);
  if (typeof value !== 'object' || value === null) throw new EvidenceError('CONTAINER', 'the line is not an object');
  if ('format' in value) {
    rules.requireShape(header, value, 'header');
    disclosed.item ??= value.item;
    return { kind: 'header', header: { format: BUNDLE_FORMAT, origin: value.origin, run: value.run } };
  }
  const kind = 'record' in value ? value.record : undefined;
  if (kind === 'event') {
    rules.requireShape(eventRecord, value, 'event record');
    const line = readBundleLine(utf8(value.event), rules);
    if (line.kind !== 'event') throw new EvidenceError('CONTAINER', 'an event record holds no event');
    disclosed.proofs.set(line.event.seq, readProof(value.proof, rules.limits));
    return line;
  }
  if (kind === 'dsse') {
    rules.requireShape(dsseRecord, value, 'statement record');
    const line = readBundleLine(utf8(canonicalize(value.dsse)), rules);
    if (line.kind === 'manifest' || line.kind === 'provenance' || line.kind === 'test-result') return line;
    throw new EvidenceError('CONTAINER', 'a statement record holds no statement');
  }
  const line = readBundleLine(bytes, rules);
  if (line.kind === 'seal' || line.kind === 'log' || line.kind === 'time' || line.kind === 'end') return line;
  throw new EvidenceError('CONTAINER', 'the line does not belong into a disclosure');
}

function readProof(proof: readonly string[], { proofHashes }: ReadLimits): Uint8Array[] {
  if (proof.length > proofHashes) throw new EvidenceError('LIMIT', `a proof has more than ${proofHashes} hashes`);
  return proof.map((hash) => fromBase64(hash));
}

function noted(line: BundleLine, attempts: DisclosedAttempt[]): BundleLine {
  if (line.kind !== 'event' || line.event.type !== 'attempt.settled') return line;
  const { attempt, outcome, reason, next, outputs } = line.event.data;
  attempts.push({ attempt, outcome, reason, next, outputs });
  return line;
}

function factsOf({ facts }: BundleReading, { item }: Disclosed, attempts: DisclosedAttempt[]): ItemFacts | null {
  const { header: about, seal, sealedEntry } = facts;
  if (!about || !seal || !sealedEntry || item === undefined) return null;
  const { size, runSeq, openedAt, sealedAt } = seal.statement.predicate;
  const { size: logSize } = sealedEntry.checkpoint;
  return { origin: about.origin, run: about.run, item, attempts, events: size, runSeq, openedAt, sealedAt, logSize };
}

/** The bundle is whole, and no attempt at the item ended in its run. */
export class ItemAbsent extends EvidenceError {}

/**
 * Takes one item out of the bytes of a bundle, which it does not judge. Throws EvidenceError when they cannot be read
 * or are not a whole file, and ItemAbsent when no attempt at the item ended in this run. Holds 32 bytes for each event
 * of the run.
 */
export async function discloseItem(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  item: string,
): Promise<string> {
  const splitter = new LineSplitter(DEFAULT_LIMITS);
  const leaves: Uint8Array[] = [];
  const shown: { seq?: number; line: string }[] = [];
  const records: string[] = [];
  let about: { origin: string; run: string } | undefined;
  let isShown = false;
  let isWhole = false;
  for await (const chunk of chunks) {
    for (const bytes of splitter.push(chunk)) {
      const line = readBundleLine(bytes, STRICT_RULES);
      const text = decodeUtf8(bytes);
      if (line.kind === 'header') about = line.header;
      else if (line.kind === 'event') {
        const { event } = line;
        isShown = (event.type === 'attempt.dispatched' || event.type === 'attempt.settled') && event.data.item === item;
        if (isShown) shown.push({ seq: leaves.length, line: text });
        leaves.push(leafHash(bytes));
      } else if (line.kind === 'manifest' || line.kind === 'provenance' || line.kind === 'test-result') {
        if (isShown) shown.push({ line: text });
      } else if (line.kind === 'end') isWhole = true;
      else records.push(text);
    }
  }
  splitter.finish();
  if (about === undefined || !isWhole) throw new EvidenceError('CONTAINER', 'the bundle is cut short');
  if (shown.length === 0) throw new ItemAbsent('CONTAINER', `no attempt at item ${item} is recorded`);
  const levels = levelsOf(leaves);
  const readHash = (level: number, index: number): Uint8Array => levels[level]?.[index] as Uint8Array;
  const lines = [canonicalize({ format: DISCLOSURE_FORMAT, origin: about.origin, run: about.run, item })];
  for (const { seq, line } of shown) {
    if (seq === undefined) lines.push(canonicalize({ record: 'dsse', dsse: JSON.parse(line) }));
    else {
      const proof = (await inclusionProof(seq, leaves.length, readHash)).map(toBase64);
      lines.push(canonicalize({ record: 'event', event: line, proof }));
    }
  }
  lines.push(...records);
  lines.push(canonicalize({ end: { lines: lines.length } }));
  return `${lines.join('\n')}\n`;
}

/** Every perfect subtree, level by level. */
function levelsOf(leaves: Uint8Array[]): Uint8Array[][] {
  const levels = [leaves];
  for (let below = leaves; below.length > 1; ) {
    const nodes = Array.from({ length: Math.floor(below.length / 2) }, (_, n) =>
      nodeHash(below[2 * n] as Uint8Array, below[2 * n + 1] as Uint8Array),
    );
    levels.push(nodes);
    below = nodes;
  }
  return levels;
}
