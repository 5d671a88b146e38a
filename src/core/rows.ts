/**
 * The rows of the run store: their keys and what their bodies mean. Bodies are plain JSON; times are ms since the epoch.
 *
 *   run/<run>        run                 one per run
 *                    spec/<item>         what the item is; never changes
 *                    fan/<item>/<n>      dependents beyond the first hundred
 *                    item/<item>         where the item stands
 *                    wait/<item>/<n>     unmet dependencies, in hundreds, when there are more than a hundred
 *                    open/<n>, open/root items that have not ended, in hundreds, and the hundreds that are not empty
 *                    wake/<item>         the item ended and its dependents have not all been told
 *                    event/<version>/<k> outbox of the run's events that have no place yet, in causal order
 *                    tree                the tree of the events that have one
 *                    seal                the signed seal
 *                    shown               when its status may be written again, where that is done at a pace
 *                    control/<id>        a control that was answered and must not be carried out later
 *   attempt/<id>     attempt             one per attempt
 *   queue/<queue>    queue               slots and who holds them
 *                    ready/<rank>        items that could be claimed
 *   queues           names               all queues ever defined
 *   lock/<name>      lock                who holds it
 *                    wait/<rank>         items that wait for it
 *   todo             locks/<by>          released locks whose waiters have not been tried yet
 *                    cancel/<run>/<item> an accepted cancel of an item that has not reached it yet
 *                    decide/<run>/<item> an item that waits for nothing any more and has not been weighed
 *                    retry/<run>/<item>  an item that was opened again, and what was skipped because of it has not
 *                    line-up/<run>/<by>  a pause, or its end, that has not reached all waiting items yet
 *   timers           <dueMs>/<what>      back-offs and deadlines
 *   runs             <run>               runs that are not sealed yet
 *   turns            <whose>             up to which of them somebody has come who looks at some of them at a time
 *   schedules        all                 every schedule of the deployment, by its definition
 *   schedule/<principal>  name/<name>    one schedule, and the runs that it has started last
 *   log              head, entry/<index> the deployment log
 *                    keys                the keys that its entries have added
 *                    policy              the settings that were entered last
 *                    witness/<name>      what a witness saw last
 */
import type { AttemptOutcome, ItemState, OutputRef, RunState } from '@waybill/client/documents';
import type { Refusal } from '@waybill/client/errors';
import type { LockMode, PlanItem, PlanSource } from '@waybill/client/plan';
import type { Digest, DsseEnvelope, Pseudonym, RunCounts, TreeState, TrustedKey } from '@waybill/verify';
import { ordinal } from '#core/ids.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { QueueDefinition } from '#core/queue-definition.ts';
import type { StartBucket } from '#core/start-rate.ts';

export interface Key {
  pk: string;
  sk: string;
}

export const keys = {
  run: (run: string): Key => ({ pk: `run/${run}`, sk: 'run' }),
  spec: (run: string, item: string): Key => ({ pk: `run/${run}`, sk: `spec/${item}` }),
  fan: (run: string, item: string, n: number): Key => ({ pk: `run/${run}`, sk: `fan/${item}/${ordinal(n, 3)}` }),
  item: (run: string, item: string): Key => ({ pk: `run/${run}`, sk: `item/${item}` }),
  wait: (run: string, item: string, n: number): Key => ({ pk: `run/${run}`, sk: `wait/${item}/${ordinal(n, 3)}` }),
  open: (run: string, n: number): Key => ({ pk: `run/${run}`, sk: `open/${ordinal(n, 3)}` }),
  openRoot: (run: string): Key => ({ pk: `run/${run}`, sk: 'open/root' }),
  wake: (run: string, item: string): Key => ({ pk: `run/${run}`, sk: `wake/${item}` }),
  event: (run: string, version: number, k: number): Key => ({
    pk: `run/${run}`,
    sk: `event/${ordinal(version, 12)}/${ordinal(k, 5)}`,
  }),
  tree: (run: string): Key => ({ pk: `run/${run}`, sk: 'tree' }),
  seal: (run: string): Key => ({ pk: `run/${run}`, sk: 'seal' }),
  control: (run: string, id: string): Key => ({ pk: `run/${run}`, sk: `control/${id}` }),
  shown: (run: string): Key => ({ pk: `run/${run}`, sk: 'shown' }),
  attempt: (id: string): Key => ({ pk: `attempt/${id}`, sk: 'attempt' }),
  queue: (queue: string): Key => ({ pk: `queue/${queue}`, sk: 'queue' }),
  ready: (queue: string, rank: string): Key => ({ pk: `queue/${queue}`, sk: `ready/${rank}` }),
  lock: (name: string): Key => ({ pk: `lock/${name}`, sk: 'lock' }),
  lockWait: (name: string, rank: string): Key => ({ pk: `lock/${name}`, sk: `wait/${rank}` }),
  /** Locks that were released while somebody waited for them; gone once the waiters have been tried. */
  todoLocks: (by: string): Key => ({ pk: 'todo', sk: `locks/${by}` }),
  todoCancel: (run: string, item: string): Key => ({ pk: 'todo', sk: `cancel/${run}/${item}` }),
  /** `by`: the id of the control. */
  todoLineUp: (run: string, by: string): Key => ({ pk: 'todo', sk: `line-up/${run}/${by}` }),
  todoDecide: (run: string, item: string): Key => ({ pk: 'todo', sk: `decide/${run}/${item}` }),
  todoRetry: (run: string, item: string): Key => ({ pk: 'todo', sk: `retry/${run}/${item}` }),
  timer: (dueMs: number, what: string): Key => ({ pk: 'timers', sk: `${ordinal(dueMs, 13)}/${what}` }),
  queues: (): Key => ({ pk: 'queues', sk: 'names' }),
  activeRun: (run: string): Key => ({ pk: 'runs', sk: run }),
  turn: (whose: string): Key => ({ pk: 'turns', sk: whose }),
  schedules: (): Key => ({ pk: 'schedules', sk: 'all' }),
  schedule: (principal: string, name: string): Key => ({ pk: `schedule/${principal}`, sk: `name/${name}` }),
  logPolicy: (): Key => ({ pk: 'log', sk: 'policy' }),
  witness: (name: string): Key => ({ pk: 'log', sk: `witness/${name}` }),
  logKeys: (): Key => ({ pk: 'log', sk: 'keys' }),
  logHead: (): Key => ({ pk: 'log', sk: 'head' }),
  logEntry: (index: number): Key => ({ pk: 'log', sk: `entry/${ordinal(index, 12)}` }),
};

/** How items ended and what that took; summed up the open-set tree, so that no row of a run is hot. */
export type Tally = RunCounts;

export type StoppingReason = 'cancelled' | 'deadline_exceeded';

export interface RunRow {
  name: string;
  queue: string;
  principal: string;
  submissionId: string;
  submission: Digest;
  /** Version of the inbox object that became this run, where the store keeps versions. */
  arrived?: string;
  plan: Digest;
  source: PlanSource;
  items: number;
  /** `admitting` rows are still being written; nobody acts on the run before it is `open`. */
  state: 'admitting' | RunState;
  /** Open items are being ended; nothing of the run is claimed any more. */
  stopping?: StoppingReason;
  /** Since when nothing of it is claimed any more, until somebody resumes it. */
  pausedAtMs?: number;
  admittedAtMs: number;
  openedAtMs: number;
  deadlineAtMs?: number;
  completedAtMs?: number;
  /** Leaf hash of event 0, in hex. */
  openedEvent?: string;
  /** Places in the deployment log, once entered. */
  runSeq?: number;
  openedIndex?: number;
  sealedIndex?: number;
  /** Size of the checkpoint that the bundle's proofs lead to. */
  sealedSize?: number;
  /** That checkpoint has a timestamp, and the bundle carries it. */
  sealedTimed?: boolean;
  sealedAtMs?: number;
  bundle?: { key: string; sha256: Digest };
  /** Somebody asked that it be never sealed, and why. */
  aborting?: { reason: string };
  /** Why there is no bundle yet, although its seal is in the log. */
  unbundled?: string;
  abortedIndex?: number;
  abortedAtMs?: number;
  /** Made again from the log, which does not know its principal; `bare`: nothing but that it was there. */
  recovered?: 'whole' | 'bare';
  /** Controls that came after the seal and were entered as addenda. */
  lateControls?: Digest[];
}

export type LateKind = 'late-result' | 'late-stop';

export interface SpecRow {
  item: PlanItem;
  digest: Digest;
  /** Which hundred of the open set the item is in. */
  openChunk: number;
  dependents: string[];
  moreDependents: number;
  /** Who decides it, where it is a gate. */
  reviewers?: Pseudonym[];
}

export interface AttemptSummary {
  attempt: number;
  id: string;
  startedAtMs: number;
  endedAtMs?: number;
  outcome?: AttemptOutcome;
  reason?: string;
  exit?: number | null;
  outputs: OutputRef[];
  /** No worker could be launched now. */
  deferred?: true;
}

/** Verdicts on a gate, by principals whose names only the deployment can tell. */
export interface GateRow {
  approved: Pseudonym[];
  rejected: Pseudonym[];
  expiresAtMs?: number;
}

export interface ItemRow {
  /** Its place in the spec, from 0: the order in which people see it. */
  place: number;
  state: ItemState;
  /** Unmet dependencies; `#<n>` stands for the set row wait/<item>/<n>. */
  waitingOn: string[];
  /** Number of the newest attempt; also its epoch: a write that carries another one changes nothing. */
  attempt: number;
  /** Attempts that spent the item's budget, and those lost to infrastructure. */
  spent: number;
  lost: number;
  /** Launches in a row for which there was no room. */
  deferred?: number;
  /** Place in the ready list or in the wait lists of its locks, while ready. */
  rank?: string;
  /** In the wait lists of its locks, not in the ready list. */
  parked?: boolean;
  /** Ready, and in no list at all: its run is paused. */
  shelved?: true;
  /** It failed and shall be tried again; it becomes ready once all that was skipped because of it is open too. */
  reopening?: true;
  /** Since it is or was suspended for them. */
  gate?: GateRow;
  /** It waits for nothing any more, and has not been weighed. */
  deciding?: true;
  /** Whether its condition was found to hold. */
  holds?: boolean;
  /** It ended otherwise than done, and others have gone on: it is not opened again. */
  passed?: true;
  /** How often it was opened again after its end. */
  reopened?: number;
  notBeforeMs?: number;
  /** Somebody asked for its end. */
  cancelAsked?: boolean;
  reason?: string;
  cause?: string;
  /** For people; never sealed. */
  detail?: string;
  unsandboxed: number;
  attempts: AttemptSummary[];
}

export interface HeldLock {
  name: string;
  mode: LockMode;
  fence: number;
}

/** What of an attempt's manifest the statements about its end repeat: kept with the attempt until it is settled. */
export interface ManifestFacts {
  /** Of its payload. */
  payload: Digest;
  issuedAtMs: number;
  plan: Digest;
  executable: Digest | 'in-process';
  /** The bundle of a git source. */
  source?: Digest;
  inputs: { key: string; sha256: Digest }[];
}

export interface AttemptRow {
  run: string;
  item: string;
  attempt: number;
  queue: string;
  /** claimed: it holds its slot and locks. dispatched: its manifest is recorded, its worker may exist. */
  state: 'claimed' | 'dispatched' | 'settled';
  locks: HeldLock[];
  claimedAtMs: number;
  leaseUntilMs: number;
  /** After this the attempt is over, whatever its heartbeats say. */
  expiresAtMs: number;
  isolation?: Isolation;
  /** Only while dispatched. */
  manifest?: ManifestFacts;
  handle?: string;
  /** How it counts when no result comes, decided before its worker was ended from outside. */
  givenUp?: { outcome: AttemptOutcome; reason: string };
  /** Settled without a result, although its worker may have gone on. */
  fenced?: true;
  /** What of it came after the seal and was entered as addenda. */
  late?: LateKind[];
  /** Why it was told to stop. */
  cancel?: 'cancelled' | 'deadline_exceeded';
}

export interface QueueRow extends QueueDefinition {
  /** Ids of the attempts that hold a slot. */
  holders: string[];
  /** There was no room for a worker at this time, when this many held a slot; see slotsOf. */
  narrowed?: { slots: number; sinceMs: number };
  /** What is left to start at its rate. Absent: it is full. */
  bucket?: StartBucket;
}

/** Every queue that was ever defined; one that is defined no more has a concurrency of 0. */
export interface QueuesRow {
  names: string[];
}

export interface ReadyRow {
  run: string;
  item: string;
}

export interface LockHolder {
  attempt: string;
  run: string;
  item: string;
}

export interface LockRow {
  mode: LockMode;
  holders: LockHolder[];
  /** Grows with every acquisition. */
  fence: number;
  /** The waiter that comes first, and how often it was overtaken on this lock. */
  head?: { rank: string; overtaken: number };
}

export interface LockWaitRow {
  run: string;
  item: string;
  queue: string;
  mode: LockMode;
}

export interface TodoLocksRow {
  names: string[];
}

export interface ControlRow {
  /** Why it was refused; empty or absent where it was not. */
  reasons?: Refusal[];
}

export interface SetRow {
  ids: string[];
}

export interface OpenRow extends SetRow {
  tally: Tally;
}

/** An event line on both sides of its place, so that it is rendered once: before anybody knows which place it gets. */
export interface UnplacedLine {
  head: string;
  tail: string;
}

/** An event as it will be in the record, but for its place. */
export interface EventRow extends UnplacedLine {
  /** The statements that the event names, in its order. */
  envelopes?: readonly DsseEnvelope[];
}

/** The run's own tree, and the one batch of events that is being moved from the outbox to the record. */
export interface RunTreeRow {
  /** Everything up to here stands in segments. */
  tree: TreeState;
  /** Its rows, by their keys without `event/`, in the order of their places; and the tree when they have them. */
  batch?: { rows: string[]; after: TreeState };
  /** Size of the newest prefix that was entered in the log as run.checkpoint. */
  entered?: number;
}

export interface SealRow {
  envelope: DsseEnvelope;
  size: number;
  root: Digest;
  payload: Digest;
  sealedAtMs: number;
}

export interface ShownRow {
  /** Not before. */
  nextMs: number;
  /** A message is on its way that has it written then. */
  asked?: true;
  /** Somebody began to write it and has not said yet that it was written. */
  writing?: true;
  /** Digest of what was written last, but for its time. */
  shown?: Digest;
}

export interface TurnRow {
  /** The last run that was looked at. */
  after: string;
}

export interface LogHeadRow {
  tree: TreeState;
  /** Next runSeq. */
  runSeq: number;
  /** The tree of the newest checkpoint that is in the ledger. */
  published: TreeState;
  /** Runs that were opened and neither sealed nor aborted, by the entries. */
  open: number;
  /** When an entry was appended last. */
  lastAtMs: number;
  /** Lines of anchor.receipt entries that wait for the next entry. */
  receipts?: string[];
}

/** Digest of the settings that were entered last. */
export interface LogPolicyRow {
  policy: Digest;
}

/** What a witness saw last, as far as we know. */
export interface WitnessRow {
  size: number;
}

/** What the entries of the log say about the keys, so that nobody has to read all of them. */
export interface LogKeysRow {
  keys: TrustedKey[];
}

export interface LogEntryRow {
  /** The entry's JCS bytes, as a string. */
  line: string;
}
