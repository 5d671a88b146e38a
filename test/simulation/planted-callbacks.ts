/** Bugs about who is told of the end of a run that the simulation must find. */
import type { FlowDeps } from '#flow/deps.ts';
import type { RunStore } from '#ports/run-store.ts';
import type { Container } from './container.ts';
import { isNew, leavingOut, type PlantedBug, seeing } from './planting.ts';

const isCallback = ({ pk }: { pk: string }): boolean => pk === 'callbacks';

export const CALLBACK_BUGS: readonly PlantedBug[] = [
  {
    name: 'a callback that is due again',
    breaks: /^I12: the callback of \w+ goes from \w+ to sending/,
    plant: dueAgain,
  },
  { name: 'an end that is told twice', breaks: /^I12: \w+ is told twice of run/, plant: toldTwice },
  {
    name: 'an end that is told before there is one',
    breaks: /^I12: run \w+ is told of, and goes on/,
    plant: toldTooEarly,
  },
  {
    name: 'an end that is told before that is written down',
    breaks: /^I12: \w+ is told of run \w+ before that is written down/,
    plant: toldUnwritten,
  },
  {
    name: 'what became of a callback is lost',
    breaks: /^I12: run \w+ does not say who was told of it/,
    plant: leavingOut(({ sk, body }) => sk === 'run' && 'callback' in body),
  },
  {
    name: 'a callback that nobody admits',
    breaks: /^I12: nobody knows what became of the callback of/,
    plant: leavingOut((action) => isCallback(action) && isNew(action)),
  },
];

/** Whoever sends does not see that somebody has begun to. */
function dueAgain(deps: FlowDeps, container: Container): FlowDeps {
  const unseen = seeing(['notify'], (row) => (isCallback(row) ? { ...row, body: { ...row.body, state: 'due' } } : row));
  return unseen(deps, container);
}

/** Nor does the row show it. */
function toldTwice(deps: FlowDeps, container: Container): FlowDeps {
  const transact: RunStore['transact'] = async (actions) => {
    const isAgain = actions.some((action) => action.do === 'put' && isCallback(action) && action.expect > 1);
    return isAgain ? 1 : deps.store.transact(actions);
  };
  return dueAgain({ ...deps, store: { ...deps.store, transact } }, container);
}

/** A run that goes on passes for one that is over, where callbacks are looked for and sent. */
function toldTooEarly(deps: FlowDeps, { name }: Container): FlowDeps {
  if (name !== 'reconcile' && name !== 'notify') return deps;
  let isAbout = false;
  const query: RunStore['query'] = (pk, range) => {
    isAbout = pk === 'callbacks';
    return deps.store.query(pk, range);
  };
  const get: RunStore['get'] = async (keys) => {
    isAbout ||= keys.some(isCallback);
    const isOfRuns = isAbout && keys.every(({ sk }) => sk === 'run');
    const rows = await deps.store.get(keys);
    return isOfRuns ? rows.map((row) => row && { ...row, body: { ...row.body, abortedAtMs: 1 } }) : rows;
  };
  return { ...deps, store: { ...deps.store, query, get } };
}

/** That something is about to be sent is promised and not written. */
function toldUnwritten(deps: FlowDeps): FlowDeps {
  const transact: RunStore['transact'] = async (actions) => {
    const isSending = actions.some((action) => action.do === 'put' && isCallback(action) && !isNew(action));
    return isSending ? 1 : deps.store.transact(actions);
  };
  return { ...deps, store: { ...deps.store, transact } };
}
