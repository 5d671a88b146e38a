/** What a table's stream would tell of a store: every committed change of a row, in the order of the commits. */
import type { RowChange } from '#core/row-changes.ts';
import type { Action, RowKey, RunStore } from '#ports/run-store.ts';

/** A row as it was written through the store that is observed. */
interface Written {
  version: number;
  body: object;
}

/**
 * `store` with every committed change told to `observer` before its `transact` resolves. `images` is asked for rows as they
 * are, where this store has not written them: the same rows without what a test has put around the store.
 */
export function observeRows(
  store: RunStore,
  images: Pick<RunStore, 'get'>,
  observer: (change: RowChange) => void,
): RunStore {
  const known = new Map<string, Written>();
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'transact') return value.bind(target);
      return async (actions: Parameters<RunStore['transact']>[0]) => {
        const changing = actions.filter((action) => action.do !== 'check');
        const before = await imagesOf(images, changing, known);
        const version = await target.transact(actions);
        changing.forEach((action, n) => {
          const { pk, sk } = action;
          // The transaction expected this version, so no other change lies between the two images.
          const was = before[n] ?? null;
          const after = action.do === 'put' ? action.body : null;
          if (after === null) known.delete(placeOf(action));
          else known.set(placeOf(action), { version, body: after });
          if (was !== null || after !== null) observer({ pk, sk, before: was, after });
        });
        return version;
      };
    },
  });
}

function placeOf({ pk, sk }: RowKey): string {
  return `${pk} ${sk}`;
}

/** What the transaction expects to find, if it is done at all: so only what is neither new nor known has to be read. */
async function imagesOf(
  images: Pick<RunStore, 'get'>,
  actions: readonly Action[],
  known: ReadonlyMap<string, Written>,
): Promise<(object | null)[]> {
  const isKnown = (action: Action): boolean => known.get(placeOf(action))?.version === action.expect;
  const unknown = actions.filter((action) => action.expect > 0 && !isKnown(action));
  // A store that has died says nothing of its rows; the transaction then fails by itself.
  const rows = unknown.length === 0 ? [] : await images.get(unknown.map(({ pk, sk }) => ({ pk, sk }))).catch(() => []);
  const read = new Map(unknown.map((action, n) => [placeOf(action), rows[n]?.body ?? null]));
  return actions.map((action) => {
    if (action.expect === 0) return null;
    return isKnown(action) ? (known.get(placeOf(action))?.body ?? null) : (read.get(placeOf(action)) ?? null);
  });
}
