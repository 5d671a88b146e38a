/** Bugs about money that the simulation must find. */
import type { LedgerRow } from '#core/money-rows.ts';
import type { QueueRow } from '#core/queue-rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Action, RunStore } from '#ports/run-store.ts';
import type { Container } from './container.ts';
import { leavingOut, type PlantedBug, type Put, pretending, putting } from './planting.ts';

export const MONEY_BUGS: readonly PlantedBug[] = [
  {
    name: 'over the cap of a run',
    breaks: /^I3: run \w+ reserves \d+ and has \d+ of \d+ then/,
    plant: pretending(
      ({ sk }) => sk === 'purse',
      'spentMicroUsd',
      () => 0,
    ),
  },
  {
    name: 'over the cap of the deployment',
    breaks: /^I3: \d+ of \d+ are handed out of the cap of the \w+/,
    plant: pretending(
      ({ pk }) => pk === 'money',
      'caps',
      () => ({ accountMicroUsd: 1_000_000_000 }),
    ),
  },
  {
    name: 'a cap that is set lower takes nothing back',
    breaks: /^I3: \d+ lie free beyond the cap of the \w+, and nobody takes them back/,
    plant: putting(
      ({ pk, sk }) => pk === 'todo' && sk.startsWith('locks/caps-'),
      ({ body, ...put }) => ({ ...put, body: { ...body, takeBack: undefined } }),
    ),
  },
  {
    name: 'only what passes the cap of the account is taken back',
    breaks: /^I3: \d+ lie free beyond the cap of the \w+, and nobody takes them back/,
    plant: windowsForgotten,
  },
  {
    name: 'what is spent beyond the purse of a queue stays there',
    breaks: /^I3: \S+ has spent \d+ more than it was handed out/,
    plant: overrunKept,
  },
  {
    name: 'lost release of a reservation',
    breaks: /^I7: \S+ says \d+ and \d+ of its cap, its attempts \d+ and \d+/,
    plant: reservationsKept,
  },
];

function reservationsKept(deps: FlowDeps, container: Container): FlowDeps {
  if (container.name !== 'settle') return deps;
  return leavingOut(({ sk }) => sk === 'purse')(deps, container);
}

/** Whether a cap is passed is asked of the account alone. */
function windowsForgotten(deps: FlowDeps): FlowDeps {
  const isWithin = ({ pk, ...action }: Action): boolean => {
    if (pk !== 'money' || !('body' in action)) return false;
    const { caps, handed } = action.body as LedgerRow;
    return handed.account.microUsd <= caps.accountMicroUsd;
  };
  const transact: RunStore['transact'] = (actions) =>
    deps.store.transact(actions.some(isWithin) ? actions.map(withoutTakingBack) : actions);
  return { ...deps, store: { ...deps.store, transact } };
}

function withoutTakingBack(action: Action): Action {
  if (action.pk !== 'todo' || !('body' in action)) return action;
  return { ...action, body: { ...action.body, takeBack: undefined } };
}

/** What the ledger is told with an end is taken for granted in the purse of the queue alone. */
function overrunKept(deps: FlowDeps, { name }: Container): FlowDeps {
  if (name !== 'settle') return deps;
  const transact: RunStore['transact'] = async (actions) => {
    const ledger = actions.find((action): action is Put => action.do === 'put' && action.pk === 'money');
    const [before] = ledger === undefined ? [] : await deps.store.get([ledger]);
    const handed = (row: unknown): number => (row as LedgerRow | undefined)?.handed.account.microUsd ?? 0;
    const more = handed(ledger?.body) - handed(before?.body);
    if (ledger === undefined || more <= 0) return deps.store.transact(actions);
    const kept = actions.filter((action) => action !== ledger).map((action) => lacking(action, more));
    return deps.store.transact(kept);
  };
  return { ...deps, store: { ...deps.store, transact } };
}

function lacking(action: Action, microUsd: number): Action {
  if (action.do !== 'put' || action.sk !== 'queue') return action;
  const { purse, ...queue } = action.body as unknown as QueueRow;
  const [day = '2000-01-01', pocket] = Object.entries(purse?.pockets ?? {})[0] ?? [];
  const lacks = { freeMicroUsd: (pocket?.freeMicroUsd ?? 0) - microUsd, heldMicroUsd: pocket?.heldMicroUsd ?? 0 };
  return { ...action, body: { ...queue, purse: { pockets: { ...purse?.pockets, [day]: lacks } } } as Put['body'] };
}
