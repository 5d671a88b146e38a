/**
 * What a verifier has verified before, so that a log that is shown differently to the same auditor is noticed without
 * witnesses. It holds verified values alone, and it knows only what this auditor was shown: a fork that was never shown
 * to both sides of one state file stays unseen.
 */

import { Contradiction } from '../contradiction.ts';
import { fromBase64 } from '../crypto/base64.ts';
import { EvidenceError } from '../evidence-error.ts';
import { anyText, count, digest, hex32, hex64, origin } from '../json/scalars.ts';
import { closed, listOf, oneOf, requireShape } from '../json/shape.ts';
import { parseCheckpoint } from '../log/checkpoint.ts';
import { parseNote } from '../log/note.ts';
import type { VerdictCode } from './verdict-code.ts';

export interface StateFile {
  format: 'waybill-verify-state/v1';
  origins: OriginState[];
}

interface OriginState {
  origin: string;
  /** Ascending by size. */
  checkpoints: SeenCheckpoint[];
  /** Ascending by runSeq. */
  runs: SeenRun[];
  /** Perfect subtrees of the log that proofs led through: `<level>/<index>`, and the hash in hex. */
  nodes: SeenNode[];
}

interface SeenCheckpoint {
  size: number;
  /** Base64, as in the note. */
  root: string;
  /** The whole signed note, so that a contradiction can be shown to others. */
  note: string;
}

interface SeenRun {
  runSeq: number;
  run: string;
  /** Log indexes of its entries. */
  opened: number;
  sealed: number;
  /** Root of the run's tree, and the digest of the seal's payload. */
  root: string;
  seal: string;
}

interface SeenNode {
  at: string;
  hash: string;
}

/** What one verified bundle shows of a log. Leaves are nodes of level 0. */
export interface Sighting {
  origin: string;
  checkpoint: SeenCheckpoint;
  run: SeenRun;
  nodes: SeenNode[];
}

const stateFile = closed<StateFile>({
  format: oneOf('waybill-verify-state/v1'),
  origins: listOf(
    closed<OriginState>({
      origin,
      checkpoints: listOf(closed<SeenCheckpoint>({ size: count, root: anyText, note: anyText })),
      runs: listOf(
        closed<SeenRun>({ runSeq: count, run: hex32, opened: count, sealed: count, root: digest, seal: digest }),
      ),
      nodes: listOf(closed<SeenNode>({ at: anyText, hash: hex64 })),
    }),
  ),
});

interface OriginMemory {
  checkpoints: Map<number, SeenCheckpoint>;
  runs: Map<number, SeenRun>;
  nodes: Map<string, string>;
}

export class VerifyState {
  readonly #origins = new Map<string, OriginMemory>();
  #isChanged = false;

  /** Reads a state file that was parsed from JSON. Throws EvidenceError: the file is the auditor's own. */
  static read(value: unknown): VerifyState {
    requireShape(stateFile, value, 'state file');
    const state = new VerifyState();
    for (const { origin, checkpoints, runs, nodes } of value.origins) {
      for (const { size, root, note } of checkpoints) {
        const read = parseCheckpoint(parseNote(note).text);
        const isSame = read.size === size && read.origin === origin && fromBase64(root).length === 32;
        if (!isSame) throw new EvidenceError('STATE', 'a remembered checkpoint is not what its note says');
      }
      if (state.#origins.has(origin)) throw new EvidenceError('STATE', 'the state file holds one origin twice');
      state.#origins.set(origin, {
        checkpoints: new Map(checkpoints.map((seen) => [seen.size, seen])),
        runs: new Map(runs.map((seen) => [seen.runSeq, seen])),
        nodes: new Map(nodes.map(({ at, hash }) => [at, hash])),
      });
    }
    return state;
  }

  /** Whether anything was remembered since it was read. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Every remembered checkpoint of a log, ascending. */
  heads(origin: string): SeenCheckpoint[] {
    return [...(this.#origins.get(origin)?.checkpoints.values() ?? [])].sort((a, b) => a.size - b.size);
  }

  /** Takes a checkpoint behind which the whole log was verified. */
  rememberHead(origin: string, { size, root, note }: SeenCheckpoint): void {
    const known = this.#originOf(origin);
    if (known.checkpoints.has(size)) return;
    known.checkpoints.set(size, { size, root, note });
    this.#isChanged = true;
  }

  /** Throws Contradiction when both this and something remembered cannot be true. */
  compare(sighting: Sighting): void {
    const known = this.#origins.get(sighting.origin);
    if (known === undefined) return;
    const { checkpoint, run, nodes } = sighting;
    const twin = known.checkpoints.get(checkpoint.size);
    if (twin !== undefined && twin.root !== checkpoint.root) {
      const roots = `${twin.root} was verified before, ${checkpoint.root} is shown now`;
      refuse('STATE_FORK', `the log of size ${checkpoint.size} has two roots: ${roots}`);
    }
    for (const { at, hash } of nodes) {
      const before = known.nodes.get(at) ?? hash;
      if (before === hash) continue;
      const isEntry = at.startsWith('0/');
      const what = isEntry ? `entry ${at.slice(2)} of the log` : `the part ${at} of the log`;
      refuse(isEntry ? 'STATE_ENTRY' : 'STATE_FORK', `${what} was ${before} before and is ${hash} now`);
    }
    compareRuns(known.runs, run);
  }

  /** Takes what was verified; call it after `compare`. */
  remember({ origin, checkpoint, run, nodes }: Sighting): void {
    const known = this.#originOf(origin);
    known.checkpoints.set(checkpoint.size, known.checkpoints.get(checkpoint.size) ?? checkpoint);
    known.runs.set(run.runSeq, run);
    for (const { at, hash } of nodes) known.nodes.set(at, hash);
    this.#isChanged = true;
  }

  #originOf(origin: string): OriginMemory {
    const known = this.#origins.get(origin) ?? { checkpoints: new Map(), runs: new Map(), nodes: new Map() };
    this.#origins.set(origin, known);
    return known;
  }

  toJSON(): StateFile {
    const origins = [...this.#origins].map(([origin, { checkpoints, runs, nodes }]) => ({
      origin,
      checkpoints: [...checkpoints.values()].sort((a, b) => a.size - b.size),
      runs: [...runs.values()].sort((a, b) => a.runSeq - b.runSeq),
      nodes: [...nodes].map(([at, hash]) => ({ at, hash })),
    }));
    return { format: 'waybill-verify-state/v1', origins };
  }
}

/** Runs are numbered in the order in which they were entered, and each has one number, one tree and one seal. */
function compareRuns(runs: ReadonlyMap<number, SeenRun>, run: SeenRun): void {
  const { runSeq } = run;
  for (const before of runs.values()) {
    if (before.runSeq === runSeq && before.run !== run.run) {
      refuse('STATE_RUN', `run ${runSeq} of the log was ${before.run} before and is ${run.run} now`);
    }
    if (before.run === run.run) {
      const key = (['runSeq', 'opened', 'sealed', 'root', 'seal'] as const).find((name) => before[name] !== run[name]);
      if (key) refuse('STATE_RUN', `run ${run.run} had ${key} ${before[key]} before and has ${run[key]} now`);
      continue;
    }
    const isInOrder = before.runSeq < runSeq === before.opened < run.opened;
    const places = `run ${before.runSeq} was opened at ${before.opened}, run ${runSeq} at ${run.opened}`;
    if (!isInOrder) refuse('STATE_ORDER', `the runs do not stand in the log as they are numbered: ${places}`);
  }
}

function refuse(code: VerdictCode, problem: string): never {
  throw new Contradiction(problem, code);
}
