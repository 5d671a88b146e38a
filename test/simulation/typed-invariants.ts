/**
 * Who has succeeded has left what its item declares, and who is refused for it has not. The schemas here are those of typed-work.ts,
 * which are judged without the code of the engine.
 */
import type { EventData } from '@waybill/verify';
import type { Buckets } from './object-stores.ts';
import type { RowTable } from './row-table.ts';
import { specOf } from './rows-of.ts';
import type { Told } from './told-transitions.ts';
import { mustHold } from './violation.ts';

type Left = EventData['attempt.settled']['outputs'];

interface Schema {
  required: [name: string];
  properties: Record<string, { maximum?: number }>;
}

const decoder = new TextDecoder();

export class TypedInvariants {
  readonly #table: RowTable;
  readonly #artifacts: Buckets['artifacts'];

  constructor(table: RowTable, { artifacts }: Buckets) {
    this.#table = table;
    this.#artifacts = artifacts;
  }

  committed(events: readonly Told[]): void {
    for (const { run, event } of events) {
      if (event.type === 'attempt.settled') this.#settled(run, event.data);
      if (event.type !== 'item.reused') continue;
      const { item, outputs } = event.data;
      const wrong = this.#firstWrong(run, item, outputs);
      mustHold(
        wrong === null,
        'I11',
        `${item} of ${run} uses a result again, and it is not what it declares: ${wrong}`,
      );
    }
  }

  #settled(run: string, { item, outcome, outputs, invalid }: EventData['attempt.settled']): void {
    if (outcome !== 'succeeded' && invalid === undefined) return;
    const wrong = this.#firstWrong(run, item, outputs);
    const said = invalid === undefined ? null : `${invalid.output} ${invalid.problem} ${invalid.line ?? ''}`.trim();
    mustHold(
      said === wrong,
      'I11',
      `${item} of ${run} left ${wrong ?? 'what it declares'}, and its record says ${said}`,
    );
  }

  /** The first in the order of their names, as a short sentence. */
  #firstWrong(run: string, id: string, left: Left): string | null {
    const { outputs: declared = [] } = specOf(this.#table, run, id).item;
    for (const { name, schema } of declared) {
      const isOf = (one: string): boolean =>
        name.endsWith('/') ? one.startsWith(`outputs/${name}`) : one === `outputs/${name}`;
      const found = left.filter((one) => isOf(one.name));
      if (found.length === 0) return `${name} missing`;
      if (schema === undefined) continue;
      for (const { sha256 } of found) {
        const bytes = this.#artifacts.get(sha256);
        mustHold(bytes !== undefined, 'I9', `${name} of ${id} of ${run} is not kept`);
        const wrong = wrongIn(name, schema, decoder.decode(bytes));
        if (wrong !== null) return wrong;
      }
    }
    return null;
  }
}

function wrongIn(name: string, schema: string, text: string): string | null {
  const isLines = name.endsWith('.jsonl');
  const lines = isLines ? text.replace(/\n$/, '').split('\n') : [text];
  if (isLines && text === '') return null;
  for (const [n, line] of lines.entries()) {
    const problem = problemOf(JSON.parse(schema) as Schema, line);
    if (problem !== null) return `${name} ${problem}${isLines ? ` ${n + 1}` : ''}`;
  }
  return null;
}

function problemOf({ required: [name], properties }: Schema, text: string): 'schema' | 'not_json' | null {
  try {
    const { [name]: found } = JSON.parse(text) as Record<string, unknown>;
    const { maximum = Number.POSITIVE_INFINITY } = properties[name] ?? {};
    return Number.isInteger(found) && (found as number) <= maximum ? null : 'schema';
  } catch {
    return 'not_json';
  }
}
