/**
 * The rows of the run store: their keys and what their bodies mean. Bodies are plain JSON; times are ms since the epoch.
 *
 *   run/<run>        run                 one per run
 *                    spec/<item>         what the item is; never changes
 *                    shared              what items that are added later take from the run; never changes
 *                    fan/<item>/<n>      dependents beyond the first hundred, and those of items added later
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
 *                    extend/<run>/<by>   items were added to a run that are not all written, or not all begun
 *                    spawn/<run>/<item>  an item that has become others, which are not all written
 *                    retry/<run>/<item>  an item that was opened again, and what was skipped because of it has not
 *                    line-up/<run>/<by>  a pause, or its end, that has not reached all waiting items yet
 *   timers           <dueMs>/<what>      back-offs and deadlines
 *   runs             <run>               runs that are not sealed yet
 *   turns            <whose>             up to which of them somebody has come who looks at some of them at a time
 *   callbacks        <run>               callbacks that are not over
 *   reuse/<key>      by/<principal>      the newest result of a pure item that the principal may use again
 *   schedules        all                 every schedule of the deployment, by its definition
 *   schedule/<principal>  name/<name>    one schedule, and the runs that it has started last
 *   log              head, entry/<index> the deployment log
 *                    keys                the keys that its entries have added
 *                    policy              the settings that were entered last
 *                    witness/<name>      what a witness saw last
 */

import type { Shared } from '@waybill/client/compile';
import type { AttemptOutcome, Exceeded, ItemState, OutputRef, RunState } from '@waybill/client/documents';
import type { Refusal } from '@waybill/client/errors';
import type { LockMode, PlanItem, PlanSource } from '@waybill/client/plan';
import type { ClaimedEgress, Digest, JudgedIntent, Pseudonym, ReusedFrom, RunCounts } from '@waybill/verify';
import { ordinal } from '#core/ids.ts';
import type { Isolation } from '#core/mailbox-protocol.ts';
import type { ManifestFacts } from '#core/record-rows.ts';

export interface Key {
  pk: string;
  sk: string;
}

/** The name of a partition, the same string while it is asked for the same: what is looked up has been hashed before. */
function partitions(kind: string): (id: string) => string {
  let [lastId, lastPk] = ['', ''];
  return (id) => {
    if (id !== lastId) [lastId, lastPk] = [id, `${kind}/${id}`];
    return lastPk;
  };
}

const [runPk, attemptPk, queuePk] = [partitions('run'), partitions('attempt'), partitions('queue')];

export const keys = {
  run: (run: string): Key => ({ pk: runPk(run), sk: 'run' }),
  spec: (run: string, item: string): Key => ({ pk: runPk(run), sk: `spec/${item}` }),
  fan: (run: string, item: string, n: number): Key => ({ pk: runPk(run), sk: `fan/${item}/${ordinal(n, 3)}` }),
  item: (run: string, item: string): Key => ({ pk: runPk(run), sk: `item/${item}` }),
  wait: (run: string, item: string, n: number): Key => ({ pk: runPk(run), sk: `wait/${item}/${ordinal(n, 3)}` }),
  open: (run: string, n: number): Key => ({ pk: runPk(run), sk: `open/${ordinal(n, 3)}` }),
  openRoot: (run: string): Key => ({ pk: runPk(run), sk: 'open/root' }),
  wake: (run: string, item: string): Key => ({ pk: runPk(run), sk: `wake/${item}` }),
  event: (run: string, version: number, k: number): Key => ({
    pk: runPk(run),
    sk: `event/${ordinal(version, 12)}/${ordinal(k, 5)}`,
  }),
  tree: (run: string): Key => ({ pk: runPk(run), sk: 'tree' }),
  seal: (run: string): Key => ({ pk: runPk(run), sk: 'seal' }),
  control: (run: string, id: string): Key => ({ pk: runPk(run), sk: `control/${id}` }),
  shared: (run: string): Key => ({ pk: runPk(run), sk: 'shared' }),
  shown: (run: string): Key => ({ pk: runPk(run), sk: 'shown' }),
  attempt: (id: string): Key => ({ pk: attemptPk(id), sk: 'attempt' }),
  queue: (queue: string): Key => ({ pk: queuePk(queue), sk: 'queue' }),
  ready: (queue: string, rank: string): Key => ({ pk: queuePk(queue), sk: `ready/${rank}` }),
  lock: (name: string): Key => ({ pk: `lock/${name}`, sk: 'lock' }),
  lockWait: (name: string, rank: string): Key => ({ pk: `lock/${name}`, sk: `wait/${rank}` }),
  /** Locks that were released while somebody waited for them; gone once the waiters have been tried. */
  todoLocks: (by: string): Key => ({ pk: 'todo', sk: `locks/${by}` }),
  todoCancel: (run: string, item: string): Key => ({ pk: 'todo', sk: `cancel/${run}/${item}` }),
  /** `by`: the id of the control. */
  todoLineUp: (run: string, by: string): Key => ({ pk: 'todo', sk: `line-up/${run}/${by}` }),
  todoDecide: (run: string, item: string): Key => ({ pk: 'todo', sk: `decide/${run}/${item}` }),
  todoSpawn: (run: string, item: string): Key => ({ pk: 'todo', sk: `spawn/${run}/${item}` }),
  /** `by`: the id of the control. */
  todoExtend: (run: string, by: string): Key => ({ pk: 'todo', sk: `extend/${run}/${by}` }),
  todoRetry: (run: string, item: string): Key => ({ pk: 'todo', sk: `retry/${run}/${item}` }),
  timer: (dueMs: number, what: string): Key => ({ pk: 'timers', sk: `${ordinal(dueMs, 13)}/${what}` }),
  queues: (): Key => ({ pk: 'queues', sk: 'names' }),
  activeRun: (run: string): Key => ({ pk: 'runs', sk: run }),
  reuse: (key: Digest, principal: string): Key => ({ pk: `reuse/${key.slice(7)}`, sk: `by/${principal}` }),
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

/** Of a run whose items were not all planned when it was opened. */
export interface Growth {
  /** How many items there may be of those that are known, with all that they may become; and their dependencies. */
  reserved: number;
  edges: number;
  /** Items may be added until it is closed: so many may there be then. */
  mostItems?: number;
  /** Nothing is added any more. */
  closed?: true;
  /** The control whose items are not all written and begun yet. */
  extending?: string;
}

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
  /** What all its attempts together may cost. */
  capMicroUsd?: number;
  growth?: Growth;
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
  /** Somebody is to be told of its end. */
  callsBack?: true;
  /** What became of its callback, once something is known. */
  callback?: { endpoint: string; state: 'delivered' | 'undelivered' | 'unknown'; detail: string };
  /** Controls that came after the seal and were entered as addenda. */
  lateControls?: Digest[];
}

export type LateKind = 'late-result' | 'late-stop';

/** Of an open-ended run that says any of it. */
export type SharedRow = Shared;

export interface SpecRow {
  item: PlanItem;
  digest: Digest;
  /** Which hundred of the open set the item is in. */
  openChunk: number;
  dependents: string[];
  moreDependents: number;
  /** Who decides it, where it is a gate. */
  reviewers?: Pseudonym[];
  /** How many it has become, where it says `forEach`. */
  branches?: number;
}

export interface AttemptSummary {
  attempt: number;
  id: string;
  startedAtMs: number;
  endedAtMs?: number;
  outcome?: AttemptOutcome;
  reason?: string;
  exit?: number | null;
  costMicroUsd?: number;
  outputs: OutputRef[];
  /** No worker could be launched now. */
  deferred?: true;
}

/** Verdicts on a gate, by principals whose names only the deployment can tell. */
export interface GateRow {
  approved: Pseudonym[];
  rejected: Pseudonym[];
  expiresAtMs?: number;
  /** Of what they decide about, as it stood when it began to wait. */
  reviewed?: Digest;
}

/** Bytes among the artifacts. */
export interface TextRef {
  sha256: Digest;
  sizeBytes: number;
}

/** What an attempt ended with because it could not go on without somebody. */
export interface TalkRow {
  attempt: number;
  question: TextRef;
  answer?: TextRef;
}

export interface ItemRow {
  /** Its place in the spec, from 0: the order in which people see it. */
  place: number;
  /** What it was not in the plan for. */
  addedBy?: { item: string } | { control: Digest };
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
  /** In the list of those of its run that wait for money, in no other. */
  short?: true;
  /** Ready, and in no list at all: its run is paused. */
  shelved?: true;
  /** It failed and shall be tried again; it becomes ready once all that was skipped because of it is open too. */
  reopening?: true;
  /** Since it is or was suspended for them. */
  gate?: GateRow;
  /** What it has asked so far, in order; only the last may be unanswered. */
  talk?: TalkRow[];
  /** The newest that an attempt left to go on from. */
  checkpoint?: TextRef & { attempt: number };
  /** The question that it is suspended for, for people; never sealed. */
  asking?: string;
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
  /** The bound that it did not fit under. */
  exceeded?: Exceeded;
  /** For people; never sealed. */
  detail?: string;
  /** Why it is not known what an attempt used, of the last of which that holds; for people, never sealed. */
  usageProblem?: string;
  /** What blocks of the last attempt that says so reached outside, and were refused. */
  egress?: ClaimedEgress;
  unsandboxed: number;
  /** Of all its attempts. */
  costMicroUsd?: number;
  /** What its models come to, and how much of that was not charged since it is more than one attempt may be. */
  modelMicroUsd?: Record<string, number>;
  cutMicroUsd?: number;
  attempts: AttemptSummary[];
  /** What was said to the intents that it left. */
  intents?: JudgedIntent[];
  /** It is done and ran nothing: what it took over, and from where. */
  reused?: { from: ReusedFrom; outputs: OutputRef[]; isUnsandboxed?: true };
}

export interface HeldLock {
  name: string;
  mode: LockMode;
  fence: number;
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
  /** Its item declares what it must leave. */
  typed?: true;
  /** Of which day, wherever it ends. */
  reserved?: { microUsd: number; day: string };
  /** Of its run. */
  capMicroUsd?: number;
  /** Only while dispatched. */
  manifest?: ManifestFacts;
  /** Whose run it is, from its dispatch on: the mailbox keeps its log where nobody else may read it. */
  principal?: string;
  handle?: string;
  /** How it counts when no result comes, decided before its worker was ended from outside. */
  givenUp?: { outcome: AttemptOutcome; reason: string };
  /** Settled without a result, although its worker may have gone on. */
  fenced?: true;
  /** What of it came after the seal and was entered as addenda. */
  late?: LateKind[];
  /** Why it was told to stop; `requeued` gives way to the others, which are for good. */
  cancel?: StoppingReason | 'requeued';
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
  /** In the root of a run that may grow: how many ids have come into it, each hundred of them into a row of its own. */
  places?: number;
}

export interface TodoExtendRow {
  /** Of the items as they are planned: a list of them is an artifact. */
  planned: Digest;
  /** Of the object that added them. */
  control: Digest;
  /** Of the first of them: in the open set, and where people see it. */
  openPlace: number;
  place: number;
  /** Of these, whose plan says that others go on when they fail: they are counted even where the list cannot be read. */
  lettingPass?: string[];
}

export interface TodoSpawnRow {
  /** Of the first of them in the open set. */
  openPlace: number;
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
