/** What a table's stream would tell of a store: every committed change of a row, in the order of the commits. */
import type { RowChange } from '#core/row-changes.ts';
import type { Row, RowKey, RunStore } from '#ports/run-store.ts';

/**
 * `store` with every committed change told to `observer` before its `transact` resolves. `images` is asked for the rows
 * as they are: the same rows without what a test has put around the store.
 */
export function observeRows(
  store: RunStore,
  images: Pick<RunStore, 'get'>,
  observer: (change: RowChange) => void,
): RunStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'transact') return value.bind(target);
      return async (actions: Parameters<RunStore['transact']>[0]) => {
        const written = actions.filter((action) => action.do !== 'check');
        const before = await imagesOf(images, written);
        const version = await target.transact(actions);
        written.forEach((action, n) => {
          const { pk, sk } = action;
          // The transaction expected this version, so no other change lies between the two images.
          const was = before[n]?.body ?? null;
          const after = action.do === 'put' ? action.body : null;
          if (was !== null || after !== null) observer({ pk, sk, before: was, after });
        });
        return version;
      };
    },
  });
}

/** A store that has died says nothing of its rows; the transaction then fails by itself. */
async function imagesOf(images: Pick<RunStore, 'get'>, keys: readonly RowKey[]): Promise<(Row | null)[]> {
  return images.get(keys.map(({ pk, sk }) => ({ pk, sk }))).catch(() => []);
}
