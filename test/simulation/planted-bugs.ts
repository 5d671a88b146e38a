/**
 * Bugs that the simulation must find: each is a port that does not do what the flow asked for, or a row that is seen as it is not,
 * as if the rule about it had been forgotten. No product code knows of them.
 */
import { openChunkOf } from '#core/admission.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import type { ReuseRow } from '#core/record-rows.ts';
import type { GateRow, Growth, ItemRow, OpenRow, TodoSpawnRow } from '#core/rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Action, Row, RunStore } from '#ports/run-store.ts';
import type { Container } from './container.ts';
import { CALLBACK_BUGS } from './planted-callbacks.ts';
import { LIST_BUGS } from './planted-lists.ts';
import { LOCK_BUGS } from './planted-locks.ts';
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
  { name: 'lost release of a slot', breaks: /^I7: queue \S+ is held by \[/, plant: slotsKept },
  {
    name: 'double dispatch',
    breaks: /^I6: an event says "\w+ \w+ dispatched", which did not happen/,
    plant: attemptSeen(['dispatch', 'timers', 'reconcile'], 'dispatched', 'claimed'),
  },
  {
    name: 'missing fence',
    breaks: /^I5: \S+ changes after it was settled/,
    plant: attemptSeen(['settle'], 'settled', 'dispatched'),
  },
  {
    name: 'lost wake-up of a dependent',
    breaks: /^I9: nothing comes to rest/,
    plant: leavingOut((action) => isNew(action) && action.sk.startsWith('wake/')),
  },
  {
    name: 'stale heartbeat wins',
    breaks: /^I5: attempt \w+ is settled as \w+, and its result was staged/,
    plant: staleHeartbeatWins,
  },
  { name: 'skipped event', breaks: /^I6: no event says "\w+ \S+ \w+"/, plant: leavingOut(tellsOf('item.closed')) },
  { name: 'over-cap', breaks: /^I3: queue \S+ exceeds its concurrency/, plant: overCap },
  ...LOCK_BUGS,
  ...LIST_BUGS,
  ...MONEY_BUGS,
  ...PIN_BUGS,
  ...CALLBACK_BUGS,
  { name: 'double seal', breaks: /^I8: run \w+ is ended twice in the log/, plant: doubleSeal },
  {
    name: 'orphaned attempt',
    breaks: /^I9: nothing comes to rest/,
    plant: seeing(['reconcile', 'timers'], (row) =>
      row.sk === 'attempt' && row.body.state === 'dispatched' ? null : row,
    ),
  },
  { name: 'lost timer', breaks: /^I9: nothing comes to rest/, plant: leavingOut(({ pk }) => pk === 'timers') },
  { name: 'started twice', breaks: /^I2: attempt \w+ is started twice/, plant: startedTwice },
  {
    name: 'start before its record',
    breaks: /^I6: attempt \w+ is started before its dispatch is recorded/,
    plant: startBeforeRecord,
  },
  {
    name: 'ready too early',
    breaks: /^I2: \S+ of \w+ (may come back after|goes on while) /,
    plant: seeing(['advance', 'reconcile'], (row) =>
      row.sk.startsWith('item/') && row.body.state === 'pending'
        ? { ...row, body: { ...row.body, waitingOn: (row.body.waitingOn as string[]).slice(0, 1) } }
        : row,
    ),
  },
  {
    name: 'an end that others went on after may come back',
    breaks: /^I2: \S+ of \w+ may come back after /,
    plant: putting(
      ({ sk, body }) => sk.startsWith('item/') && (body as ItemRow).passed === true,
      ({ body, ...put }) => ({ ...put, body: { ...body, passed: undefined } }),
    ),
  },
  {
    name: 'verdict of a stranger',
    breaks: /^I2: \S+ of \w+ is decided by somebody twice, or by a stranger/,
    plant: seeing(['submit'], (row) =>
      row.sk.startsWith('spec/') && row.body.reviewers !== undefined
        ? { ...row, body: { ...row.body, reviewers: withEverybody(row.body.reviewers as string[]) } }
        : row,
    ),
  },
  {
    name: 'conflict taken for a duplicate',
    breaks: /^I1: \S+ is accepted with two contents/,
    plant: conflictAsDuplicate,
  },
  { name: 'lost receipt', breaks: /^I1: nobody answered /, plant: lostReceipt },
  {
    name: 'cache without provenance',
    breaks: /^I6: \S+ of \S+ uses a result again without its provenance/,
    plant: putting(tellsOf('item.reused'), ({ body, ...put }) => ({ ...put, body: { ...body, envelopes: undefined } })),
  },
  {
    name: 'cache of another key',
    breaks: /^I6: \S+ of \w+ uses a result again that was made of something else/,
    plant: anyResultWillDo,
  },
  {
    name: 'cache of another attempt',
    breaks: /^I6: \S+ of \w+ uses a result again of an attempt that did not succeed/,
    plant: keptForAnother,
  },
  {
    name: 'an intent that nobody judges',
    breaks: /^I6: \S+ of \w+ asks for \d+ things outside, and 0 are judged/,
    plant: leavingOut(tellsOf('intents.judged')),
  },
  { name: 'slot off by one', breaks: /^I1: of slots /, plant: slotOffByOne },
  { name: 'slot doubled', breaks: /^I1: run \S+ of \S+ belongs to no slot/, plant: slotDoubled },
  { name: 'slot lost', breaks: /^I9: nobody answered /, plant: slotLost },
  { name: 'rate forgotten', breaks: /^I3: queue \S+ starts \d+ since \d+, more than its rate/, plant: rateForgotten },
  {
    name: 'a run ends before what an item becomes is written',
    breaks: /^I9: \S+ of \w+ has \d+ items, and its root says otherwise/,
    plant: spawnOutsideOpenSet,
  },
  {
    name: 'branch spawned twice',
    breaks: /^I9: \S+ adds \S+ to \w+, which was not announced, or was written before/,
    plant: spawnedTwice,
  },
  {
    name: 'an attempt is not given what its item reads',
    breaks: /^I2: \S+ of \w+ begins without words, which it reads/,
    plant: (deps) => {
      const post: FlowDeps['mailbox']['post'] = (lease) =>
        deps.mailbox.post({ ...lease, inputs: lease.inputs.filter(({ key }) => key !== 'words') });
      return { ...deps, mailbox: { ...deps.mailbox, post } };
    },
  },
  {
    name: 'an attempt does not go on from what was kept',
    breaks: /^I2: attempt \w+ goes on from undefined, and was to from /,
    plant: seeing(['dispatch'], (row) =>
      row.sk.startsWith('item/') ? { ...row, body: { ...row.body, checkpoint: undefined } } : row,
    ),
  },
  {
    name: 'a settle that does not look at types',
    breaks: /^I11: \S+ of \w+ left .*, and its record says null/,
    plant: seeing(['settle', 'reconcile', 'timers'], (row) =>
      row.sk === 'attempt' ? { ...row, body: { ...row.body, typed: undefined } } : row,
    ),
  },
  {
    name: 'secrets for a second key',
    breaks: /^I5: attempt \w+ is given secrets twice/,
    plant: seeing(['release', 'reconcile', 'timers'], (row) => {
      const { secrets: { sealedTo: _first, ...secrets } = {}, ...manifest } = (row.body.manifest ?? {}) as ManifestSeen;
      const isGiven = row.sk === 'attempt' && _first !== undefined;
      return isGiven ? { ...row, body: { ...row.body, manifest: { ...manifest, secrets } } } : row;
    }),
  },
  {
    name: 'every secret for whoever names one',
    breaks: /^I5: attempt \w+ names \S+, and is given /,
    plant: seeing(['release', 'reconcile', 'timers'], (row) => {
      const manifest = row.body.manifest as ManifestSeen | undefined;
      const isAsking = row.sk === 'attempt' && manifest?.secrets !== undefined;
      const secrets = { ...manifest?.secrets, names: ['aws-key', 'npm-token'] };
      return isAsking ? { ...row, body: { ...row.body, manifest: { ...manifest, secrets } } } : row;
    }),
  },
  {
    name: 'done without the secrets that it names',
    breaks: /^I5: attempt \w+ has run and was never given the secrets that it names/,
    plant: seeing(['settle'], (row) => {
      const { secrets: _named, ...manifest } = (row.body.manifest ?? {}) as ManifestSeen;
      return row.sk === 'attempt' && _named !== undefined ? { ...row, body: { ...row.body, manifest } } : row;
    }),
  },
  {
    name: 'approval of what nobody has looked at',
    breaks: /^I2: \S+ of \w+ is approved for something else, or blindly/,
    plant: seeing(['submit'], (row) => {
      const { reviewed: _about, ...gate } = (row.body.gate ?? {}) as Partial<GateRow>;
      return row.sk.startsWith('item/') && row.body.gate !== undefined ? { ...row, body: { ...row.body, gate } } : row;
    }),
  },
  {
    name: 'a transaction for each row that is looked at',
    breaks: /^I10: \d+ transactions, more than \d+ a thing/,
    plant: everyLookCommitted,
  },
  {
    name: 'extended after it was closed',
    breaks: /^I8: \w+ was closed and is opened again/,
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

/** Whoever starts an attempt does not believe that it was started, and does it once more. */
function startedTwice(deps: FlowDeps): FlowDeps {
  const { launcher } = deps;
  const launch: typeof launcher.launch = async (order) => {
    await launcher.launch(order);
    return launcher.launch(order);
  };
  return { ...deps, launcher: { ...launcher, launch } };
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

/** What is read is checked once more by itself, which changes nothing. */
function everyLookCommitted(deps: FlowDeps): FlowDeps {
  const get: RunStore['get'] = async (keys) => {
    const rows = await deps.store.get(keys);
    for (const { pk, sk, version } of rows.filter((row) => row !== null))
      await deps.store.transact([{ do: 'check', pk, sk, expect: version }]).catch(() => {});
    return rows;
  };
  return { ...deps, store: { ...deps.store, get } };
}
