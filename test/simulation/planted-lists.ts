/** Bugs about the order in which those who wait are claimed, which the simulation must find. */
import type { FlowDeps } from '#flow/deps.ts';
import type { RunStore } from '#ports/run-store.ts';
import type { PlantedBug } from './planting.ts';

/** Fewer are read where somebody only looks who comes next. */
const LEAST_PAGE = 8;

export const LIST_BUGS: readonly PlantedBug[] = [
  {
    name: 'a queue that begins at its end',
    breaks: /^I4: \S+ of \w+ is passed in queue\/\S+ ready\/ by /,
    plant: backwards('queue/', 'ready/'),
  },
  {
    name: 'whoever came last for a lock has it first',
    breaks: /^I4: \S+ of \w+ is passed in lock\/\S+ wait\/ by /,
    plant: backwards('lock/', 'wait/'),
  },
  {
    name: 'whoever came short of money last has it first',
    breaks: /^I4: \S+ of \w+ is passed in run\/\w+ short\/ by /,
    plant: backwards('run/', 'short/'),
  },
];

/** What comes in one page is read from its end. */
function backwards(of: string, prefix: string): PlantedBug['plant'] {
  return (deps: FlowDeps) => {
    const query: RunStore['query'] = async (pk, range) => {
      const rows = await deps.store.query(pk, range);
      const isWhole = rows.length < range.limit && range.limit >= LEAST_PAGE;
      return pk.startsWith(of) && range.prefix === prefix && isWhole ? rows.toReversed() : rows;
    };
    return { ...deps, store: { ...deps.store, query } };
  };
}
