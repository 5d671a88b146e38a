/** The bundles of a log's runs: each sealed run has one, it verifies, and it is the run that the log speaks of. */

import { equalBytes, hexOf } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import type { TrustFile } from '../keys/trust.ts';
import type { Checkpoint } from '../log/checkpoint.ts';
import { leafHash, TreeBuilder } from '../log/merkle.ts';
import { type LedgerSource, readTile, rootAt, shortHash } from '../log/tile-source.ts';
import { tileHashReader } from '../log/tiles.ts';
import { readBundleLine, STRICT_RULES } from '../record/bundle-line.ts';
import { LineSplitter } from '../record/line-splitter.ts';
import { verifyBundle } from '../verdict/verify-bundle.ts';
import type { LogFindings } from './log-finding.ts';
import type { BookedRun, RunBook } from './run-book.ts';

/** Where the bundles are. */
export interface BundleShelf {
  open(run: string): Promise<AsyncIterable<Uint8Array> | null>;
  /** The runs that it has a bundle of; null where it cannot list. */
  runs(): Promise<string[] | null>;
}

export interface JudgedLog {
  trust?: TrustFile;
  size: number;
  /** Whether the ledger shows no larger head than this one. */
  isNewest: boolean;
}

const LIMITS = { lineBytes: 1_048_576, fileBytes: 1_073_741_824 };

/** Resolves with the number of bundles that were verified. */
export async function auditBundles(
  source: LedgerSource,
  shelf: BundleShelf,
  runs: RunBook,
  log: JudgedLog,
  findings: LogFindings,
): Promise<number> {
  let verified = 0;
  for (const booked of runs.runs) {
    if (booked.state !== 'sealed') continue;
    const chunks = await shelf.open(booked.run);
    const place = { run: booked.run };
    if (chunks === null) findings.add('BUNDLE_MISSING', `run ${booked.runSeq} is sealed and has no bundle`, place);
    else if (await auditBundle(chunks, booked, source, log, findings)) verified++;
  }
  for (const run of (await shelf.runs()) ?? []) {
    if (runs.get(run)?.state === 'sealed') continue;
    findings.add('BUNDLE_UNLOGGED', 'the log has no seal of the run that this bundle is of', { run });
  }
  return verified;
}

async function auditBundle(
  chunks: AsyncIterable<Uint8Array>,
  booked: BookedRun,
  source: LedgerSource,
  { trust, size, isNewest }: JudgedLog,
  findings: LogFindings,
): Promise<boolean> {
  const place = { run: booked.run };
  const reading = new PrefixReading(booked);
  const report = await verifyBundle(reading.follow(chunks), {
    expectRun: booked.run,
    ...(trust === undefined ? {} : { trust }),
  });
  const isGood = report.verdict === 'verified' || (trust === undefined && report.verdict === 'insufficient');
  if (!isGood || report.facts === null) {
    const [failed] = report.checks.filter(({ status }) => status === 'fail');
    findings.add('BUNDLE_REFUSED', `${report.verdict}: ${failed?.id ?? ''} ${failed?.detail ?? ''}`, place);
    return false;
  }
  const problem = reading.problem ?? (await foreignLog(reading.checkpoint, source, size));
  if (problem !== undefined) findings.add('BUNDLE_MISMATCH', problem, place);
  const shown = reading.checkpoint?.size ?? 0;
  if (isNewest && shown > size) {
    findings.add('BUNDLE_AHEAD', `the bundle leads to a log of size ${shown}, the newest head here has ${size}`, place);
  }
  return problem === undefined;
}

/** Why the checkpoint of a bundle is not one of this log. The proofs to it have been verified. */
async function foreignLog(
  checkpoint: Checkpoint | undefined,
  source: LedgerSource,
  size: number,
): Promise<string | undefined> {
  if (checkpoint === undefined) return 'the bundle names no checkpoint';
  // A bundle may lead to a newer checkpoint than the audit began with: of that one nothing is known here.
  if (checkpoint.size > size) return undefined;
  const readHash = tileHashReader(size, async (tile) => {
    const bytes = await readTile(source, tile);
    if (bytes === null) throw new EvidenceError('TILE', 'a tile is not there');
    return bytes;
  });
  try {
    const root = await rootAt(checkpoint.size, readHash);
    if (equalBytes(root, checkpoint.root)) return undefined;
    return `the bundle leads to a log of size ${checkpoint.size} with the root ${shortHash(checkpoint.root)}…, this one has ${shortHash(root)}…`;
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return undefined;
  }
}

/** Computes the roots of a bundle's prefixes while it is verified. */
class PrefixReading {
  readonly #booked: BookedRun;
  readonly #tree = new TreeBuilder();
  #prefix = 0;
  checkpoint: Checkpoint | undefined;
  problem: string | undefined;

  constructor(booked: BookedRun) {
    this.#booked = booked;
  }

  async *follow(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const splitter = new LineSplitter(LIMITS);
    for await (const chunk of chunks) {
      for (const line of splitter.push(chunk)) this.#take(line);
      yield chunk;
    }
    const last = this.#booked.prefixes.at(-1);
    const isWhole = this.#prefix === this.#booked.prefixes.length && this.#tree.size === last?.size;
    if (!isWhole) this.problem ??= `the bundle holds ${this.#tree.size} events, the log says ${last?.size}`;
  }

  /** What kind of line it is, its first key tells: the verification makes sure that every line is canonical. */
  #take(line: Uint8Array): void {
    if (startsWith(line, EVENT)) {
      this.#tree.append(leafHash(line));
      this.#compare();
    } else if (startsWith(line, LOG_RECORD)) {
      const read = readBundleLine(line, STRICT_RULES);
      if (read.kind !== 'log') return;
      this.checkpoint ??= read.record.checkpoint;
      const { entry } = read.record;
      const isOther = entry.type === 'run.sealed' && entry.seal !== this.#booked.seal;
      if (isOther) this.problem ??= 'the bundle holds another seal than the log says';
    }
  }

  #compare(): void {
    const prefix = this.#booked.prefixes[this.#prefix];
    if (prefix === undefined || prefix.size !== this.#tree.size) return;
    this.#prefix++;
    if (`sha256:${hexOf(this.#tree.root())}` === prefix.root) return;
    this.problem ??= `its first ${prefix.size} events hash to another root than the log says`;
  }
}

const EVENT = '{"at":';
const LOG_RECORD = '{"entry":';

function startsWith(line: Uint8Array, text: string): boolean {
  for (let n = 0; n < text.length; n++) if (line[n] !== text.charCodeAt(n)) return false;
  return true;
}
