/** Bugs about what attempts are given, and where they are let out to, that the simulation must find. */
import type { PlanRead } from '@waybill/client/plan';
import type { FlowDeps } from '#flow/deps.ts';
import type { Row } from '#ports/run-store.ts';
import { capabilityOf } from './pin-plan.ts';
import { type PlantedBug, type Put, putting, seeing } from './planting.ts';

const BEGINNING = 'capability.';

export const PIN_BUGS: readonly PlantedBug[] = [
  {
    name: 'a capability is what its name means by now',
    breaks: /^I11: \S+ of \w+ is given capabilities/,
    plant: putting(({ sk }) => sk.startsWith('spec/'), withNewest),
  },
  {
    name: 'a capability that nobody named is given',
    breaks: /^I11: \S+ of \w+ is given capabilities/,
    plant: seeing(['dispatch'], (row) =>
      changingItem(row, ({ reads = [], ...item }) => ({ ...item, reads: [...reads, newest('lint')] })),
    ),
  },
  {
    name: 'an addition says what a name of its run means',
    breaks: /^I11: \S+ of \w+ is given capabilities/,
    plant: seeing(['submit'], (row) =>
      row.sk === 'shared' ? { ...row, body: { ...row.body, pins: undefined } } : row,
    ),
  },
  {
    name: 'values that an item names are not given',
    breaks: /^I11: \S+ of \w+ has the variables/,
    plant: seeing(['dispatch'], (row) =>
      changingItem(row, ({ env: { OF_STAGING: _value, ...env } = {}, ...item }) => ({ ...item, env })),
    ),
  },
  {
    name: 'a queue is let out as another one is',
    breaks: /^I11: \S+ of \w+ is let out to \S+, which slow may not reach/,
    plant: asDefault,
  },
  {
    name: 'what a queue may not reach any more is not asked again',
    breaks: /^I11: \S+ of \w+ is let out to \S+, which \w+ may not reach/,
    // What stands in it is looked up once, when its container begins.
    plant: (deps, { name }) => (name === 'dispatch' ? { ...deps, egress: { ...deps.egress } } : deps),
  },
];

type Seen = { reads?: PlanRead[]; env?: Record<string, string> };

function changingItem<R extends Row | Put>(row: R, change: (item: Seen) => Seen): R {
  if (!row.sk.startsWith('spec/')) return row;
  const { item } = row.body as { item: Seen };
  return { ...row, body: { ...row.body, item: change(item) } };
}

function newest(name: string): PlanRead {
  return { key: `${BEGINNING}${name}`, ...capabilityOf(name, 2) } as PlanRead;
}

function withNewest(put: Put): Put {
  return changingItem(put, ({ reads = [], ...item }) => ({
    ...item,
    reads: reads.map((read) => (read.key.startsWith(BEGINNING) ? newest(read.key.slice(BEGINNING.length)) : read)),
  }));
}

function asDefault(deps: FlowDeps): FlowDeps {
  const { egress = {} } = deps;
  const one = (): NonNullable<(typeof egress)['default']> => egress.default ?? { allow: [], deny: [] };
  return {
    ...deps,
    egress: {
      get default() {
        return one();
      },
      get slow() {
        return one();
      },
    },
  };
}
