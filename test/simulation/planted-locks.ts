/** Bugs about locks that the simulation must find. */
import type { LockRow } from '#core/queue-rows.ts';
import type { FlowDeps } from '#flow/deps.ts';
import type { Action, RunStore } from '#ports/run-store.ts';
import type { Container } from './container.ts';
import { isNew, leavingOut, type PlantedBug, putting, seeing } from './planting.ts';

const isLock = ({ pk, sk }: { pk: string; sk: string }): boolean => pk.startsWith('lock/') && sk === 'lock';

export const LOCK_BUGS: readonly PlantedBug[] = [
  { name: 'lost release of a lock', breaks: /^I7: lock \S+ is held by \[/, plant: locksKept },
  {
    name: 'lost wake-up of a waiter',
    breaks: /^I9: nothing comes to rest/,
    plant: leavingOut((action) => isNew(action) && action.sk.startsWith('locks/')),
  },
  {
    name: 'unfair lock',
    breaks: /^I4: \S+ was overtaken \d+ times on lock/,
    plant: putting(
      (action) => isLock(action) && (action.body as LockRow).head !== undefined,
      (action) => {
        const lock = action.body as LockRow;
        return { ...action, body: { ...lock, head: { rank: lock.head?.rank ?? '', overtaken: 0 } } };
      },
    ),
  },
  { name: 'claim without its locks', breaks: /^I7: lock \S+ is held by \[/, plant: claimWithoutLocks },
  {
    name: 'a lock that is held passes for a free one',
    breaks: /^I3: lock \S+ has two exclusive holders/,
    plant: heldSeenFree,
  },
  {
    name: 'a lock that is held exclusively passes for a shared one',
    breaks: /^I3: lock \S+ is held exclusively and by another/,
    plant: seeing(['advance'], (row) => (isLock(row) ? { ...row, body: { ...row.body, mode: 'shared' } } : row)),
  },
];

function locksKept(deps: FlowDeps, container: Container): FlowDeps {
  return container.name === 'settle' ? leavingOut(isLock)(deps, container) : deps;
}

function claimWithoutLocks(deps: FlowDeps): FlowDeps {
  const transact: RunStore['transact'] = (actions) => {
    const isClaim = actions.some(({ sk, expect }) => sk === 'attempt' && expect === 0);
    return deps.store.transact(isClaim ? actions.filter((action: Action) => !isLock(action)) : actions);
  };
  return { ...deps, store: { ...deps.store, transact } };
}

/** Whoever holds it alone is not seen by those who claim, and stays written down. */
function heldSeenFree(deps: FlowDeps, container: Container): FlowDeps {
  if (container.name !== 'advance') return deps;
  const unseen = new Map<string, LockRow['holders']>();
  const free = seeing(['advance'], (row) => {
    if (!isLock(row)) return row;
    const { mode, holders } = row.body as unknown as LockRow;
    unseen.set(row.pk, mode === 'exclusive' ? holders : []);
    return mode === 'exclusive' ? { ...row, body: { ...row.body, holders: [] } } : row;
  });
  const kept = putting(
    ({ pk, sk }) => isLock({ pk, sk }) && (unseen.get(pk)?.length ?? 0) > 0,
    (action) => {
      const holders = [...(unseen.get(action.pk) ?? []), ...(action.body as LockRow).holders];
      return { ...action, body: { ...action.body, mode: 'exclusive', holders } };
    },
  );
  return free(kept(deps, container), container);
}
