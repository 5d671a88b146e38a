/** What the audit of a log can find: a closed set, so that a program may switch over it. */

/**
 * Every code, what it comes to and what it means. `contradiction`: something that was signed or committed to does not hold
 * together. `malformed`: it cannot be read. `unreachable`: it was to be asked for over the network. `shortfall`: nothing
 * contradicts, but something is missing that was required or that the log promises. `notice`: for the reader to know.
 * The page docs/how-to/audit-a-log.md has the same table.
 */
export const LOG_FINDINGS = {
  CHECKPOINT_MISSING: ['shortfall', 'the ledger has no checkpoint to begin with, or lacks one that the log speaks of'],
  CHECKPOINT_MALFORMED: ['malformed', 'a checkpoint cannot be read'],
  CHECKPOINT_ORIGIN: ['contradiction', 'a checkpoint is of another log'],
  CHECKPOINT_NAME: ['contradiction', 'a checkpoint is kept under another size than its own'],
  CHECKPOINT_UNSIGNED: ['contradiction', 'a checkpoint is not signed by a trusted log key in force at its size'],
  CHECKPOINT_FORK: ['contradiction', 'a checkpoint has another root than the entries up to its size'],
  TILE_MISSING: ['shortfall', 'a tile is not there, so that the log cannot be recomputed'],
  TILE_MISMATCH: ['contradiction', 'a tile holds other hashes or entries than the log is made of'],
  ENTRY_MALFORMED: ['malformed', 'an entry is not canonical or of no known shape'],
  ENTRY_ORIGIN: ['contradiction', 'an entry is of another deployment'],
  RUN_SEQUENCE: ['contradiction', 'the runs are not numbered without a gap in the order in which they were opened'],
  RUN_ORDER: ['contradiction', 'an entry of a run does not follow from the ones before'],
  RUN_SHRANK: ['contradiction', 'a run has fewer events, or other ones, than an earlier entry says'],
  ADDENDUM_EARLY: ['contradiction', 'an addendum to a run that was not sealed'],
  RUN_UNSEALED: ['notice', 'a run was opened and neither sealed nor aborted'],
  RUN_OVERDUE: ['shortfall', 'a run has been unsealed for longer than was allowed'],
  RUN_ABORTED: ['notice', 'a run was given up and will never be sealed'],
  KEY_STATEMENT: ['contradiction', 'a key came or went without the signatures that this takes'],
  KEY_UNKNOWN: ['contradiction', 'a pinned key never stood in this log'],
  KEY_UNREACHED: ['shortfall', 'no statements lead from the pinned keys to a key of the log'],
  RECEIPT_MISMATCH: ['contradiction', 'an anchor receipt is about other bytes than the checkpoint has'],
  RECEIPT_EARLY: ['contradiction', 'an anchor receipt is about a checkpoint that could not exist yet'],
  SILENCE: ['shortfall', 'the log was silent for longer than was allowed'],
  TIME_BACKWARDS: ['shortfall', 'the time of an entry lies before that of an earlier one by more than was allowed'],
  TOO_OLD: ['shortfall', 'the newest entry is older than was allowed'],
  BUNDLE_MISSING: ['shortfall', 'the bundle of a sealed run is not there'],
  BUNDLE_REFUSED: ['contradiction', 'the bundle of a sealed run does not verify'],
  BUNDLE_MISMATCH: ['contradiction', 'a bundle is of another tree or another log than this one says'],
  BUNDLE_AHEAD: ['shortfall', 'a bundle leads to a larger log than the newest head that the ledger shows'],
  BUNDLE_UNLOGGED: ['contradiction', 'there is a bundle of a run that this log never sealed'],
  STATE_ROLLBACK: ['contradiction', 'the log is shorter than one that was verified before'],
  STATE_FORK: ['contradiction', 'the log is not the continuation of one that was verified before'],
  NO_KEYS: ['shortfall', 'no keys were supplied: anyone could have written it'],
  LEDGER_UNREACHABLE: ['unreachable', 'the ledger could not be asked'],
} as const;

export type LogFindingCode = keyof typeof LOG_FINDINGS;
export type LogFindingKind = (typeof LOG_FINDINGS)[LogFindingCode][0];

export interface LogFinding {
  code: LogFindingCode;
  kind: LogFindingKind;
  /** Quotes the ledger: escape it before printing. */
  detail: string;
  /** Place in the log, where it has one. */
  index?: number;
  run?: string;
}

export type LogVerdict = 'verified' | 'failed' | 'insufficient' | 'malformed' | 'unreachable';

/** A ledger that is wrong everywhere must not fill the memory or the report. */
const MAX_LISTED = 1000;

export class LogFindings {
  readonly #listed: LogFinding[] = [];
  readonly #kinds = new Set<LogFindingKind>();
  #omitted = 0;

  add(code: LogFindingCode, detail: string, place: { index?: number; run?: string } = {}): void {
    const kind = LOG_FINDINGS[code][0];
    this.#kinds.add(kind);
    if (this.#listed.length < MAX_LISTED) this.#listed.push({ code, kind, detail, ...place });
    else this.#omitted++;
  }

  get listed(): LogFinding[] {
    return this.#listed;
  }

  /** Findings beyond those that are listed. */
  get omitted(): number {
    return this.#omitted;
  }

  has(kind: LogFindingKind): boolean {
    return this.#kinds.has(kind);
  }

  /** A contradiction outweighs what cannot be read, and that outweighs what is missing. */
  get verdict(): LogVerdict {
    if (this.has('contradiction')) return 'failed';
    if (this.has('malformed')) return 'malformed';
    if (this.has('unreachable')) return 'unreachable';
    return this.has('shortfall') ? 'insufficient' : 'verified';
  }
}

export const LOG_EXIT: Record<LogVerdict, 0 | 1 | 2 | 3 | 5> = {
  verified: 0,
  failed: 1,
  insufficient: 2,
  malformed: 3,
  unreachable: 5,
};
