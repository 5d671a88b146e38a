/**
 * Bugs that the simulation must find: each is a port that does not do what the flow asked for, or a row that is seen as it is not,
 * as if the rule about it had been forgotten. No product code knows of them.
 */
import type { ItemRow, LockRow, QueueRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Action, Row, RunStore } from '#ports/run-store.ts';
import type { Container } from './container.ts';

export interface PlantedBug {
  name: string;
  plant(deps: FlowDeps, container: Container): FlowDeps;
}

type Put = Extract<Action, { do: 'put' }>;

/** Writes go through `change`, which may replace an action or leave it out. */
function writing(change: (action: Action, deps: FlowDeps) => Action | null): PlantedBug['plant'] {
  return (deps) => {
    const transact: RunStore['transact'] = (actions) =>
      deps.store.transact(actions.map((action) => change(action, deps)).filter((action) => action !== null));
    return { ...deps, store: { ...deps.store, transact } };
  };
}

/** Puts of these rows alone. */
function putting(is: (action: Put) => boolean, change: (action: Put) => Action | null): PlantedBug['plant'] {
  return writing((action) => (action.do === 'put' && is(action) ? change(action) : action));
}

/** Rows are seen as `change` makes them, in these functions. */
function seeing(functions: readonly string[], change: (row: Row) => Row | null): PlantedBug['plant'] {
  return (deps, { name }) => {
    if (!functions.includes(name)) return deps;
    const get: RunStore['get'] = async (keys) => (await deps.store.get(keys)).map((row) => row && change(row));
    return { ...deps, store: { ...deps.store, get } };
  };
}

const leavingOut = (is: (action: Put) => boolean): PlantedBug['plant'] => putting(is, () => null);
const isNew = ({ expect }: Put): boolean => expect === 0;
const tellsOf =
  (type: string) =>
  ({ sk, body }: Put): boolean =>
    sk.startsWith('event/') && (body as { tail: string }).tail.includes(`"${type}"`);

const attemptSeen = (functions: readonly string[], from: string, to: string): PlantedBug['plant'] =>
  seeing(functions, (row) =>
    row.sk === 'attempt' && row.body.state === from ? { ...row, body: { ...row.body, state: to } } : row,
  );

/** Whoever is asked for is in it. */
const EVERYBODY: readonly string[] = Object.assign(['one', 'two', 'three'], { includes: () => true });

export const PLANTED_BUGS: readonly PlantedBug[] = [
  { name: 'lost release of a slot', plant: slotsKept },
  { name: 'lost release of a lock', plant: locksKept },
  { name: 'double dispatch', plant: attemptSeen(['dispatch', 'timers', 'reconcile'], 'dispatched', 'claimed') },
  { name: 'missing fence', plant: attemptSeen(['settle'], 'settled', 'dispatched') },
  {
    name: 'lost wake-up of a dependent',
    plant: leavingOut((action) => isNew(action) && action.sk.startsWith('wake/')),
  },
  { name: 'lost wake-up of a waiter', plant: leavingOut((action) => isNew(action) && action.sk.startsWith('locks/')) },
  { name: 'stale heartbeat wins', plant: staleHeartbeatWins },
  { name: 'skipped event', plant: leavingOut(tellsOf('item.closed')) },
  {
    name: 'unfair lock',
    plant: putting(
      ({ pk, sk, body }) => pk.startsWith('lock/') && sk === 'lock' && (body as LockRow).head !== undefined,
      (action) => {
        const lock = action.body as LockRow;
        return { ...action, body: { ...lock, head: { rank: lock.head?.rank ?? '', overtaken: 0 } } };
      },
    ),
  },
  { name: 'over-cap', plant: overCap },
  { name: 'double seal', plant: doubleSeal },
  {
    name: 'orphaned attempt',
    plant: seeing(['reconcile', 'timers'], (row) =>
      row.sk === 'attempt' && row.body.state === 'dispatched' ? null : row,
    ),
  },
  { name: 'lost timer', plant: leavingOut(({ pk }) => pk === 'timers') },
  { name: 'start before its record', plant: startBeforeRecord },
  {
    name: 'ready too early',
    plant: seeing(['advance', 'reconcile'], (row) =>
      row.sk.startsWith('item/') && row.body.state === 'pending'
        ? { ...row, body: { ...row.body, waitingOn: (row.body.waitingOn as string[]).slice(0, 1) } }
        : row,
    ),
  },
  {
    name: 'an end that others went on after may come back',
    plant: putting(
      ({ sk, body }) => sk.startsWith('item/') && (body as ItemRow).passed === true,
      ({ body, ...put }) => ({ ...put, body: { ...body, passed: undefined } }),
    ),
  },
  {
    name: 'verdict of a stranger',
    plant: seeing(['submit'], (row) =>
      row.sk.startsWith('spec/') && row.body.reviewers !== undefined
        ? { ...row, body: { ...row.body, reviewers: EVERYBODY } }
        : row,
    ),
  },
  { name: 'claim without its locks', plant: claimWithoutLocks },
  { name: 'conflict taken for a duplicate', plant: conflictAsDuplicate },
  { name: 'lost receipt', plant: lostReceipt },
];

function slotsKept(deps: FlowDeps, { name }: Container): FlowDeps {
  if (name !== 'settle') return deps;
  return leavingOut(({ pk, sk }) => pk.startsWith('queue/') && sk === 'queue')(deps, { name } as Container);
}

function locksKept(deps: FlowDeps, container: Container): FlowDeps {
  if (container.name !== 'settle') return deps;
  return leavingOut(({ pk, sk }) => pk.startsWith('lock/') && sk === 'lock')(deps, container);
}

function staleHeartbeatWins(deps: FlowDeps): FlowDeps {
  const { mailbox, clock, worker } = deps;
  const staged: typeof mailbox.staged = async (attemptId) => {
    const found = await mailbox.staged(attemptId);
    const isStale = (found.heartbeatAtMs ?? 0) + 2 * worker.heartbeatMs < clock.nowMs();
    return isStale ? { ...found, result: null } : found;
  };
  return { ...deps, mailbox: { ...mailbox, staged } };
}

/** One more than there are: seen so, and never written so. */
function overCap(deps: FlowDeps, container: Container): FlowDeps {
  if (container.name !== 'advance') return deps;
  const isQueue = ({ pk, sk }: { pk: string; sk: string }): boolean => pk.startsWith('queue/') && sk === 'queue';
  const more = (by: number, body: object): object => ({ ...body, concurrency: (body as QueueRow).concurrency + by });
  const seen = seeing(['advance'], (row) => (isQueue(row) ? { ...row, body: more(1, row.body) as Row['body'] } : row));
  return seen(putting(isQueue, (action) => ({ ...action, body: more(-1, action.body) }))(deps, container), container);
}

/** Nobody looks whether there is a seal, and it is written over. */
function doubleSeal(deps: FlowDeps, container: Container): FlowDeps {
  if (container.name !== 'seal') return deps;
  const versions = new Map<string, number>();
  const unseen = seeing(['seal'], (row) => {
    if (row.sk !== 'seal') return row;
    versions.set(row.pk, row.version);
    return null;
  });
  const over = putting(
    ({ sk }) => sk === 'seal',
    (action) => ({ ...action, expect: versions.get(action.pk) ?? 0 }),
  );
  return unseen(over(deps, container), container);
}

/** The record of a dispatch is promised and not made. */
function startBeforeRecord(deps: FlowDeps, { name }: Container): FlowDeps {
  if (name !== 'dispatch') return deps;
  const transact: RunStore['transact'] = async (actions) => {
    const isRecord = actions.some((action) => action.do === 'put' && tellsOf('attempt.dispatched')(action));
    return isRecord ? 1 : deps.store.transact(actions);
  };
  return { ...deps, store: { ...deps.store, transact } };
}

function claimWithoutLocks(deps: FlowDeps): FlowDeps {
  const transact: RunStore['transact'] = (actions) => {
    const isClaim = actions.some(({ sk, expect }) => sk === 'attempt' && expect === 0);
    const isLock = ({ pk, sk }: Action): boolean => pk.startsWith('lock/') && sk === 'lock';
    return deps.store.transact(isClaim ? actions.filter((action) => !isLock(action)) : actions);
  };
  return { ...deps, store: { ...deps.store, transact } };
}

function conflictAsDuplicate(deps: FlowDeps): FlowDeps {
  const { inbox } = deps;
  const answer: typeof inbox.answer = (object, receipt) =>
    inbox.answer(object, receipt.status === 'conflict' ? { ...receipt, status: 'deduped' } : receipt);
  return { ...deps, inbox: { ...inbox, answer } };
}

function lostReceipt(deps: FlowDeps): FlowDeps {
  const { inbox } = deps;
  const answer: typeof inbox.answer = async (object, receipt) => {
    if (receipt.status !== 'denied') await inbox.answer(object, receipt);
  };
  return { ...deps, inbox: { ...inbox, answer } };
}
