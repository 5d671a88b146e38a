/**
 * The audit of a whole deployment log: the newest checkpoint, every tile and every entry behind it, the runs that they
 * open and close, the keys that come and go, and the bundles of the runs. Memory grows with the runs, not with the
 * entries.
 */

import { Contradiction } from '../contradiction.ts';
import { digestOf } from '../crypto/digest.ts';
import { EvidenceError } from '../evidence-error.ts';
import { parseCanonical } from '../json/jcs.ts';
import { isInForceAt, signersOf } from '../keys/checkpoint-signers.ts';
import { KeyHistory } from '../keys/key-history.ts';
import { isKeyEntry } from '../keys/key-statement.ts';
import { loadTrust, type Trust, type TrustFile } from '../keys/trust.ts';
import { type AnchorReceiptEntry, type LogEntry, requireLogEntry } from '../log/log-entry.ts';
import { checkpointName, type LedgerSource, LedgerUnreachable, shortHash } from '../log/tile-source.ts';
import { auditBundles, type BundleShelf } from './log-bundles.ts';
import { LogFindings } from './log-finding.ts';
import { type LogHead, readLogHead } from './log-head.ts';
import { type LogAuditReport, reportOfLog } from './log-report.ts';
import { LogTimeline, type TimeLimits } from './log-timeline.ts';
import { type ExpectedRoot, walkLog } from './log-walk.ts';
import { isRunEntry, RunBook } from './run-book.ts';

export interface LogAuditOptions extends TimeLimits {
  /** The auditor's keys; without them nothing is authenticated. */
  trust?: TrustFile;
  /** The signed note to begin with; the newest of the ledger when absent. */
  checkpoint?: Uint8Array;
  /** Where the bundles are; none are looked for when absent. */
  bundles?: BundleShelf;
  /** Checkpoints that the auditor has verified before. */
  seen?: (origin: string) => readonly { size: number; root: Uint8Array }[];
  /** A run may be unsealed for this long. */
  maxOpenMs?: number;
  nowMs?: number;
}

/** Never throws for what the ledger holds; throws EvidenceError when what the auditor supplied is broken. */
export async function auditLog(source: LedgerSource, options: LogAuditOptions = {}): Promise<LogAuditReport> {
  for (const name of ['nowMs', 'maxAgeMs', 'maxOpenMs', 'maxSilenceMs', 'maxBackwardsMs'] as const) {
    // No comparison with NaN holds: a limit or a clock that is no number would let everything pass.
    const isNumber = Number.isFinite(options[name] ?? 0);
    if (!isNumber) throw new EvidenceError('POLICY', `${name} is not a number`);
  }
  const pinned = options.trust === undefined ? undefined : loadTrust(options.trust);
  const audit = new LogAudit(source, options);
  try {
    await audit.run(pinned);
  } catch (error) {
    if (!(error instanceof LedgerUnreachable)) throw error;
    audit.findings.add('LEDGER_UNREACHABLE', error.message);
  }
  return audit.report();
}

class LogAudit {
  readonly findings = new LogFindings();
  readonly #source: LedgerSource;
  readonly #options: LogAuditOptions;
  readonly #nowMs: number;
  readonly #runs: RunBook;
  readonly #timeline: LogTimeline;
  readonly #entries: Record<string, number> = {};
  #history: KeyHistory | undefined;
  #isGenesis = true;
  #head: LogHead | undefined;
  #walked = 0;
  #checkpoints = 0;
  #bundles = 0;
  #trust: TrustFile | undefined;

  constructor(source: LedgerSource, options: LogAuditOptions) {
    this.#source = source;
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now();
    this.#runs = new RunBook(this.findings);
    this.#timeline = new LogTimeline(this.findings, options);
  }

  async run(pinned: Trust | undefined): Promise<void> {
    const head = await this.#findHead();
    if (head === undefined) return;
    this.#head = head;
    const { origin, size } = head.checkpoint;
    if (pinned !== undefined && pinned.origin !== origin) {
      this.findings.add('CHECKPOINT_ORIGIN', `the log is ${origin}, the keys are for ${pinned.origin}`);
      return;
    }
    this.#history = new KeyHistory(origin);
    const others = await this.#otherSizes(size);
    const expected = [
      this.#expectedHead(head),
      ...(await this.#expectedOthers(others)),
      ...this.#expectedSeen(origin, size),
    ];
    const visitor = { entry: (index: number, bytes: Uint8Array) => this.#entry(index, bytes) };
    this.#walked = await walkLog(this.#source, size, expected, visitor, this.findings);
    this.#timeline.finish(this.#nowMs);
    this.#judgeUnsealed();
    if (this.#options.trust === undefined) {
      this.findings.add('NO_KEYS', 'no keys were supplied: anyone could have written this log');
    }
    // Which keys are in force, only the whole log tells; that it is not whole has been said.
    if (this.#walked < size) return;
    const trust = this.#followKeys();
    if (trust !== undefined) await this.#judgeSignatures(head, others, trust);
    if (this.#options.bundles !== undefined) {
      const given = this.#trust === undefined ? {} : { trust: this.#trust };
      this.#bundles = await auditBundles(
        this.#source,
        this.#options.bundles,
        this.#runs,
        { ...given, size, isNewest: this.#options.checkpoint === undefined },
        this.findings,
      );
    }
  }

  report(): LogAuditReport {
    return reportOfLog({
      findings: this.findings,
      head: this.#head,
      walked: this.#walked,
      entries: this.#entries,
      runs: this.#runs,
      keys: this.#history?.keys ?? [],
      trust: this.#trust ?? null,
      checkpoints: this.#checkpoints,
      bundles: this.#bundles,
      timeline: this.#timeline,
      nowMs: this.#nowMs,
    });
  }

  async #findHead(): Promise<LogHead | undefined> {
    const given = this.#options.checkpoint ?? (await this.#newest());
    if (given === undefined) this.findings.add('CHECKPOINT_MISSING', 'the ledger shows no checkpoint');
    return given === undefined ? undefined : this.#readHead(given, 'the checkpoint');
  }

  async #newest(): Promise<Uint8Array | undefined> {
    const sizes = await this.#sizes();
    const largest = sizes?.at(-1);
    const name = largest === undefined ? 'checkpoint' : checkpointName(largest);
    return (await this.#source.read(name)) ?? undefined;
  }

  /** Ascending; null where the source cannot list. */
  async #sizes(): Promise<number[] | null> {
    const names = await this.#source.list('checkpoints');
    if (names === null) return null;
    return names.filter((name) => /^\d{20}$/.test(name)).map(Number);
  }

  #readHead(text: Uint8Array, what: string): LogHead | undefined {
    try {
      return readLogHead(text);
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      this.findings.add('CHECKPOINT_MALFORMED', `${what}: ${error.message}`);
      return undefined;
    }
  }

  async #otherSizes(size: number): Promise<number[]> {
    return ((await this.#sizes()) ?? []).filter((other) => other <= size);
  }

  #expectedHead({ checkpoint: { size, root } }: LogHead): ExpectedRoot {
    return { size, root, differs: (found) => this.#fork(size, root, found) };
  }

  async #expectedOthers(sizes: readonly number[]): Promise<ExpectedRoot[]> {
    const expected: ExpectedRoot[] = [];
    for (const size of sizes) {
      const head = await this.#otherHead(size);
      if (head === undefined) continue;
      this.#checkpoints++;
      const { root, origin } = head.checkpoint;
      const name = checkpointName(size);
      if (head.checkpoint.size !== size) {
        this.findings.add('CHECKPOINT_NAME', `${name} is a checkpoint of size ${head.checkpoint.size}`);
      } else if (origin !== this.#head?.checkpoint.origin) {
        this.findings.add('CHECKPOINT_ORIGIN', `${name} is of the log ${origin}`);
      } else expected.push({ size, root, differs: (found) => this.#fork(size, root, found) });
    }
    return expected;
  }

  #fork(size: number, root: Uint8Array, found: Uint8Array): void {
    const roots = `it says ${shortHash(root)}…, the entries come to ${shortHash(found)}…`;
    this.findings.add('CHECKPOINT_FORK', `the checkpoint of size ${size} has another root: ${roots}`);
  }

  async #otherHead(size: number): Promise<LogHead | undefined> {
    const bytes = await this.#source.read(checkpointName(size));
    return bytes === null ? undefined : this.#readHead(bytes, checkpointName(size));
  }

  #expectedSeen(origin: string, size: number): ExpectedRoot[] {
    return (this.#options.seen?.(origin) ?? []).flatMap((seen) => {
      if (seen.size > size) {
        this.findings.add('STATE_ROLLBACK', `the log has ${size} entries and had ${seen.size} before`);
        return [];
      }
      const differs = (): void =>
        this.findings.add('STATE_FORK', `at size ${seen.size} the log has another root than was verified before`);
      return [{ ...seen, differs }];
    });
  }

  async #entry(index: number, bytes: Uint8Array): Promise<void> {
    const entry = this.#readEntry(index, bytes);
    if (entry === undefined) return;
    this.#entries[entry.type] = (this.#entries[entry.type] ?? 0) + 1;
    if (entry.origin !== this.#head?.checkpoint.origin) {
      this.findings.add('ENTRY_ORIGIN', `entry ${index} is of ${entry.origin}`, { index });
    }
    this.#timeline.see(index, entry);
    if (isRunEntry(entry)) {
      this.#isGenesis = false;
      this.#runs.add(index, entry);
    }
    if (isKeyEntry(entry)) await this.#keyEntry(index, entry);
    if (entry.type === 'anchor.receipt') await this.#receipt(index, entry);
  }

  #readEntry(index: number, bytes: Uint8Array): LogEntry | undefined {
    try {
      return requireLogEntry(parseCanonical(bytes));
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      this.findings.add('ENTRY_MALFORMED', `entry ${index}: ${error.message}`, { index });
      return undefined;
    }
  }

  async #keyEntry(index: number, entry: Parameters<KeyHistory['add']>[1]): Promise<void> {
    try {
      await this.#history?.add(index, entry, this.#isGenesis);
    } catch (error) {
      if (!(error instanceof Contradiction || error instanceof EvidenceError)) throw error;
      this.findings.add('KEY_STATEMENT', `${entry.type}: ${error.message}`, { index });
    }
  }

  async #receipt(index: number, { size, object }: AnchorReceiptEntry): Promise<void> {
    if (size > index) {
      this.findings.add('RECEIPT_EARLY', `entry ${index} is about a checkpoint of size ${size}`, { index });
      return;
    }
    const bytes = await this.#source.read(checkpointName(size));
    if (bytes === null) {
      this.findings.add('CHECKPOINT_MISSING', `${checkpointName(size)}, whose receipt stands in the log`, { index });
    } else if (digestOf(bytes) !== object) {
      this.findings.add('RECEIPT_MISMATCH', `the receipt for ${checkpointName(size)} names ${object}`, { index });
    }
  }

  #judgeUnsealed(): void {
    const { maxOpenMs } = this.#options;
    for (const { run, runSeq, state, openedAt } of this.#runs.runs) {
      if (state !== 'open') continue;
      const ageMs = this.#nowMs - Date.parse(openedAt);
      const isOverdue = maxOpenMs !== undefined && ageMs > maxOpenMs;
      const code = isOverdue ? 'RUN_OVERDUE' : 'RUN_UNSEALED';
      this.findings.add(code, `run ${runSeq}, opened at ${openedAt}, is not sealed`, { run });
    }
  }

  /** The keys by which the log is judged; undefined when the auditor supplied none. */
  #followKeys(): Trust | undefined {
    const { trust } = this.#options;
    if (this.#history === undefined || trust === undefined) return undefined;
    const followed = this.#history.follow(trust);
    for (const keyid of followed.unknown) this.findings.add('KEY_UNKNOWN', `key ${keyid} never stood in this log`);
    for (const keyid of followed.unreached) this.findings.add('KEY_UNREACHED', `nothing leads to key ${keyid}`);
    this.#trust = followed.trust;
    return followed.trust.keys.length === 0 ? { origin: trust.origin, attest: [], log: [] } : loadTrust(followed.trust);
  }

  async #judgeSignatures(head: LogHead, others: readonly number[], trust: Trust): Promise<void> {
    await this.#judgeSignature(head, trust);
    for (const size of others) {
      const other = size === head.checkpoint.size ? undefined : await this.#otherHead(size);
      if (other !== undefined) await this.#judgeSignature(other, trust);
    }
  }

  async #judgeSignature({ note, checkpoint: { size } }: LogHead, trust: Trust): Promise<void> {
    try {
      if (isInForceAt(await signersOf(note, trust.log), size)) return;
      this.findings.add('CHECKPOINT_UNSIGNED', `the checkpoint of size ${size} is signed by no trusted key in force`);
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      this.findings.add('CHECKPOINT_UNSIGNED', `the checkpoint of size ${size}: ${error.message}`);
    }
  }
}
