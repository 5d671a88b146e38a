/**
 * Bugs that the simulation must find: each is a port that does not do what the flow asked for, or a row that is seen as it is not,
 * as if the rule about it had been forgotten. No product code knows of them.
 */
import { openChunkOf } from '#core/admission.ts';
import type { LockRow, QueueRow } from '#core/queue-rows.ts';
import type { ReuseRow } from '#core/record-rows.ts';
import type { GateRow, Growth, ItemRow, OpenRow, TodoSpawnRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Action, Row, RunStore } from '#ports/run-store.ts';
import type { Container } from './container.ts';
import { CALLBACK_BUGS } from './planted-callbacks.ts';
import { MONEY_BUGS } from './planted-money.ts';
import { PIN_BUGS } from './planted-pins.ts';
import { isNew, leavingOut, type PlantedBug, type Put, putting, seeing, tellsOf } from './planting.ts';

const MINUTE_MS = 60_000;

type ManifestSeen = { secrets?: { names?: string[]; sealedTo?: string } };

const attemptSeen = (functions: readonly string[], from: string, to: string): PlantedBug['plant'] =>
  seeing(functions, (row) =>
    row.sk === 'attempt' && row.body.state === from ? { ...row, body: { ...row.body, state: to } } : row,
  );

/** Whoever is asked for is among them. */
const withEverybody = (reviewers: readonly string[]): readonly string[] =>
  Object.assign([...reviewers], { includes: () => true });

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
  ...MONEY_BUGS,
  ...PIN_BUGS,
  ...CALLBACK_BUGS,
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
        ? { ...row, body: { ...row.body, reviewers: withEverybody(row.body.reviewers as string[]) } }
        : row,
    ),
  },
  { name: 'claim without its locks', plant: claimWithoutLocks },
  { name: 'conflict taken for a duplicate', plant: conflictAsDuplicate },
  { name: 'lost receipt', plant: lostReceipt },
  {
    name: 'cache without provenance',
    plant: putting(tellsOf('item.reused'), ({ body, ...put }) => ({ ...put, body: { ...body, envelopes: undefined } })),
  },
  { name: 'cache of another key', plant: anyResultWillDo },
  { name: 'cache of another attempt', plant: keptForAnother },
  { name: 'an intent that nobody judges', plant: leavingOut(tellsOf('intents.judged')) },
  { name: 'slot off by one', plant: slotOffByOne },
  { name: 'slot doubled', plant: slotDoubled },
  { name: 'slot lost', plant: slotLost },
  { name: 'rate forgotten', plant: rateForgotten },
  { name: 'a run ends before what an item becomes is written', plant: spawnOutsideOpenSet },
  { name: 'branch spawned twice', plant: spawnedTwice },
  {
    name: 'an attempt is not given what its item reads',
    plant: (deps) => {
      const post: FlowDeps['mailbox']['post'] = (lease) =>
        deps.mailbox.post({ ...lease, inputs: lease.inputs.filter(({ key }) => key !== 'words') });
      return { ...deps, mailbox: { ...deps.mailbox, post } };
    },
  },
  {
    name: 'an attempt does not go on from what was kept',
    plant: seeing(['dispatch'], (row) =>
      row.sk.startsWith('item/') ? { ...row, body: { ...row.body, checkpoint: undefined } } : row,
    ),
  },
  {
    name: 'a settle that does not look at types',
    plant: seeing(['settle', 'reconcile', 'timers'], (row) =>
      row.sk === 'attempt' ? { ...row, body: { ...row.body, typed: undefined } } : row,
    ),
  },
  {
    name: 'secrets for a second key',
    plant: seeing(['release', 'reconcile', 'timers'], (row) => {
      const { secrets: { sealedTo: _first, ...secrets } = {}, ...manifest } = (row.body.manifest ?? {}) as ManifestSeen;
      const isGiven = row.sk === 'attempt' && _first !== undefined;
      return isGiven ? { ...row, body: { ...row.body, manifest: { ...manifest, secrets } } } : row;
    }),
  },
  {
    name: 'every secret for whoever names one',
    plant: seeing(['release', 'reconcile', 'timers'], (row) => {
      const manifest = row.body.manifest as ManifestSeen | undefined;
      const isAsking = row.sk === 'attempt' && manifest?.secrets !== undefined;
      const secrets = { ...manifest?.secrets, names: ['aws-key', 'npm-token'] };
      return isAsking ? { ...row, body: { ...row.body, manifest: { ...manifest, secrets } } } : row;
    }),
  },
  {
    name: 'done without the secrets that it names',
    plant: seeing(['settle'], (row) => {
      const { secrets: _named, ...manifest } = (row.body.manifest ?? {}) as ManifestSeen;
      return row.sk === 'attempt' && _named !== undefined ? { ...row, body: { ...row.body, manifest } } : row;
    }),
  },
  {
    name: 'approval of what nobody has looked at',
    plant: seeing(['submit'], (row) => {
      const { reviewed: _about, ...gate } = (row.body.gate ?? {}) as Partial<GateRow>;
      return row.sk.startsWith('item/') && row.body.gate !== undefined ? { ...row, body: { ...row.body, gate } } : row;
    }),
  },
  {
    name: 'extended after it was closed',
    plant: seeing(['submit'], (row) => {
      const { closed: _closed, ...growth } = (row.body.growth ?? {}) as Partial<Growth>;
      return row.sk === 'run' && row.body.growth !== undefined ? { ...row, body: { ...row.body, growth } } : row;
    }),
  },
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

/** Whatever was kept last is found under every key. */
function anyResultWillDo(deps: FlowDeps): FlowDeps {
  const kept: Row[] = [];
  const get: RunStore['get'] = async (keys) => {
    const rows = await deps.store.get(keys);
    return rows.map((row, n) => {
      if (!keys[n]?.pk.startsWith('reuse/')) return row;
      if (row !== null) kept.push(row);
      return row ?? kept.at(-1) ?? null;
    });
  };
  return { ...deps, store: { ...deps.store, get } };
}

/** A result is kept under the attempt after the one that made it. */
function keptForAnother(deps: FlowDeps, container: Container): FlowDeps {
  const isKept = ({ pk }: Put): boolean => pk.startsWith('reuse/');
  const moved = ({ body, ...put }: Put): Put => {
    const { from } = body as ReuseRow;
    return { ...put, body: { ...body, from: { ...from, attempt: from.attempt + 1 } } };
  };
  return putting(isKept, moved)(deps, container);
}

const isSchedule = ({ pk }: { pk: string }): boolean => pk.startsWith('schedule/');

/** The one that comes next after what was decided is not looked at: its time counts as decided. */
function slotOffByOne(deps: FlowDeps, container: Container): FlowDeps {
  const seen = seeing(['slot'], (row) =>
    isSchedule(row) ? { ...row, body: { ...row.body, decidedMs: Number(row.body.decidedMs) + MINUTE_MS } } : row,
  );
  return seen(deps, container);
}

/** Whoever is called twice for a slot makes two runs of it. */
function slotDoubled(deps: FlowDeps, { name }: Container): FlowDeps {
  if (name !== 'slot') return deps;
  const { inbox } = deps;
  const put: typeof inbox.put = async (object, bytes) => {
    const { submissionId } = object;
    await inbox.put(
      { ...object, submissionId: submissionId.replace(/.$/, (last) => (last === '0' ? '1' : '0')) },
      bytes,
    );
    return inbox.put(object, bytes);
  };
  return { ...deps, inbox: { ...inbox, put } };
}

/** A slot is decided about, and nobody writes its object. */
function slotLost(deps: FlowDeps): FlowDeps {
  const { inbox } = deps;
  const put: typeof inbox.put = async (object, bytes) =>
    object.submissionId.startsWith('slot-') ? false : inbox.put(object, bytes);
  return { ...deps, inbox: { ...inbox, put } };
}

/** What a queue has started is not paid for. */
function rateForgotten(deps: FlowDeps, container: Container): FlowDeps {
  const isQueue = ({ pk, sk }: { pk: string; sk: string }): boolean => pk.startsWith('queue/') && sk === 'queue';
  return putting(isQueue, ({ body, ...put }) => ({ ...put, body: { ...body, bucket: undefined } }))(deps, container);
}

const isSpawn = (action: Action): action is Put => action.do === 'put' && action.sk.startsWith('spawn/');

/** What an item becomes does not keep its run open, and a run that is stopped does not wait for it. */
function spawnOutsideOpenSet(deps: FlowDeps): FlowDeps {
  const transact: RunStore['transact'] = (actions) => {
    const spawn = actions.find(isSpawn);
    if (spawn === undefined) return deps.store.transact(actions);
    const first = openChunkOf((spawn.body as TodoSpawnRow).openPlace);
    const changed = actions.map((action) => {
      if (action.do !== 'put' || action.sk !== 'open/root') return action;
      const root = action.body as OpenRow;
      return { ...action, body: { ...root, ids: root.ids.filter((id) => !(Number(id) >= first)) } };
    });
    return deps.store.transact(changed);
  };
  return { ...deps, store: { ...deps.store, transact } };
}

/** Whoever writes branches writes the first of them once more, under the number behind the last. */
function spawnedTwice(deps: FlowDeps): FlowDeps {
  const transact: RunStore['transact'] = (actions) => {
    const isEnd = actions.some(({ do: does, sk }) => does === 'delete' && sk.startsWith('spawn/'));
    const copied = actions.filter(({ sk }) => isEnd && /^(item|spec)\/.*~1$/.test(sk));
    return deps.store.transact([...actions, ...copied.map((action) => ({ ...action, sk: `${action.sk}001` }))]);
  };
  return { ...deps, store: { ...deps.store, transact } };
}
