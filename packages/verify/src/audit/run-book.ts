/** Follows the runs of a deployment through its log: each is opened once, grows, and ends once. */
import type { Digest } from '../crypto/digest.ts';
import type {
  LogEntry,
  RunAbortedEntry,
  RunAddendumEntry,
  RunCheckpointEntry,
  RunOpenedEntry,
  RunSealedEntry,
} from '../log/log-entry.ts';
import type { LogFindings } from './log-finding.ts';

export interface RunPrefix {
  size: number;
  root: Digest;
}

export interface BookedRun {
  run: string;
  runSeq: number;
  openedAt: string;
  state: 'open' | 'sealed' | 'aborted';
  /** What its entries say of its tree, growing; the seal last. */
  prefixes: RunPrefix[];
  seal?: Digest;
}

type RunEntryOf = RunOpenedEntry | RunCheckpointEntry | RunSealedEntry | RunAbortedEntry | RunAddendumEntry;

export function isRunEntry(entry: LogEntry): entry is RunEntryOf {
  return entry.type.startsWith('run.');
}

export class RunBook {
  readonly #findings: LogFindings;
  readonly #runs = new Map<string, BookedRun>();
  #nextSeq = 0;

  constructor(findings: LogFindings) {
    this.#findings = findings;
  }

  /** In the order in which they were opened. */
  get runs(): Iterable<BookedRun> {
    return this.#runs.values();
  }

  get(run: string): BookedRun | undefined {
    return this.#runs.get(run);
  }

  get size(): number {
    return this.#runs.size;
  }

  add(index: number, entry: RunEntryOf): void {
    const { run } = entry;
    const booked = this.#runs.get(run);
    const place = { index, run };
    if (entry.type === 'run.opened') this.#open(index, entry);
    else if (booked !== undefined) this.#goOn(booked, entry, place);
    else this.#findings.add('RUN_ORDER', `${entry.type} of a run that was never opened`, place);
  }

  #goOn(booked: BookedRun, entry: Exclude<RunEntryOf, RunOpenedEntry>, place: { index: number; run: string }): void {
    if (booked.runSeq !== entry.runSeq) {
      this.#findings.add('RUN_SEQUENCE', `${entry.type} numbers the run ${entry.runSeq}, not ${booked.runSeq}`, place);
    }
    if (entry.type === 'run.addendum') {
      if (booked.state !== 'sealed') this.#findings.add('ADDENDUM_EARLY', `the run is ${booked.state}`, place);
      return;
    }
    if (booked.state !== 'open') {
      this.#findings.add('RUN_ORDER', `${entry.type} of a run that is ${booked.state}`, place);
      return;
    }
    this.#grow(booked, entry, place);
    if (entry.type === 'run.checkpoint') return;
    booked.state = entry.type === 'run.sealed' ? 'sealed' : 'aborted';
    if (entry.type === 'run.sealed') booked.seal = entry.seal;
    else this.#findings.add('RUN_ABORTED', `run ${booked.runSeq} was given up: ${entry.reason}`, place);
  }

  #open(index: number, { run, runSeq, at }: RunOpenedEntry): void {
    if (this.#runs.has(run)) {
      this.#findings.add('RUN_ORDER', 'the run is opened a second time', { index, run });
      return;
    }
    if (runSeq !== this.#nextSeq) {
      const problem = `run number ${runSeq} stands where number ${this.#nextSeq} belongs`;
      this.#findings.add('RUN_SEQUENCE', problem, { index, run });
    }
    // Said once for each gap.
    this.#nextSeq = runSeq + 1;
    this.#runs.set(run, { run, runSeq, openedAt: at, state: 'open', prefixes: [] });
  }

  #grow(
    { prefixes }: BookedRun,
    { size, root, type }: RunCheckpointEntry | RunSealedEntry | RunAbortedEntry,
    place: { index: number; run: string },
  ): void {
    const last = prefixes.at(-1);
    const shrinks = last !== undefined && (size < last.size || (size === last.size && root !== last.root));
    if (shrinks) {
      this.#findings.add('RUN_SHRANK', `${type} has ${size} events under ${root}, after ${last.size}`, place);
    }
    if (last?.size === size && last.root === root) return;
    prefixes.push({ size, root });
  }
}
