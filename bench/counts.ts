/** What an item takes of everything that can be counted: figures that do not depend on the machine or on what else it does. */
import { createHook } from 'node:async_hooks';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { StatementSync } from 'node:sqlite';
import { timeRun } from './engine-bed.ts';
import { SHAPES } from './shapes.ts';

const RUNS = ['w1-1000', 'w2', 'w3'] as const;

interface Counts {
  statements: number;
  /** Handed to SQLite. */
  characters: number;
  written: number;
  parsed: number;
  signatures: number;
  promises: number;
}

/** Prints a line for each shape. */
export async function measureCounts(scratch: string, _rounds: number, print: (line: string) => void): Promise<boolean> {
  for (const name of RUNS) {
    const items = SHAPES[name]();
    const counts = await counting(() => timeRun(scratch, items));
    const each = (count: number): string => (count / items.length).toFixed(1);
    print(
      `counts of ${name}, an item: ${each(counts.statements)} statements of SQLite with ${each(counts.characters)} characters, ` +
        `${each(counts.written)} JSON texts written and ${each(counts.parsed)} parsed, ${each(counts.signatures)} signatures, ${each(counts.promises)} promises`,
    );
  }
  return true;
}

async function counting(act: () => Promise<unknown>): Promise<Counts> {
  const counts: Counts = { statements: 0, characters: 0, written: 0, parsed: 0, signatures: 0, promises: 0 };
  const statement = (values: readonly unknown[]): void => {
    counts.statements += 1;
    for (const value of values) if (typeof value === 'string') counts.characters += value.length;
  };
  const add = (what: keyof Counts): void => {
    counts[what] += 1;
  };
  const restore = [
    ...(['run', 'get', 'all'] as const).map((name) => around(StatementSync.prototype, name, statement)),
    around(JSON, 'stringify', () => add('written')),
    around(JSON, 'parse', () => add('parsed')),
    around(crypto, 'sign', () => add('signatures')),
  ];
  syncBuiltinESMExports();
  const promises = createHook({
    init(_id, type) {
      if (type === 'PROMISE') counts.promises += 1;
    },
  }).enable();
  try {
    await act();
  } finally {
    promises.disable();
    for (const back of restore) back();
    syncBuiltinESMExports();
  }
  return counts;
}

/** Has `note` hear of each call of a method; what is returned takes that back. */
function around<Name extends string>(
  owner: { [name in Name]: unknown },
  name: Name,
  note: (values: readonly unknown[]) => void,
): () => void {
  const before = owner[name] as (...values: unknown[]) => unknown;
  const counted = function (this: unknown, ...values: unknown[]): unknown {
    note(values);
    return Reflect.apply(before, this, values);
  };
  Object.assign(owner, { [name]: counted });
  return () => void Object.assign(owner, { [name]: before });
}
