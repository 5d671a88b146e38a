/** A result is used again only of an attempt that succeeded at the same with the same, for the same principal, and with what is signed about it. */
import { branchIds, canonicalize, digestOf, spreadNeeds } from '@waybill/verify';
import type { EventRow } from '#core/record-rows.ts';
import type { RowChange } from '#core/row-changes.ts';
import { type ItemRow, keys, type RunRow, type SpecRow } from '#core/rows.ts';
import { leftBy } from '#core/upstream.ts';
import type { RowTable } from './row-table.ts';
import { rowOf } from './rows-of.ts';
import { mustHold } from './violation.ts';

export class ReuseInvariants {
  readonly #table: RowTable;

  constructor(table: RowTable) {
    this.#table = table;
  }

  committed(changes: readonly RowChange[]): void {
    for (const { pk, sk, before, after } of changes) {
      const now = after as ItemRow | null;
      if (!sk.startsWith('item/') || now?.reused === undefined || (before as ItemRow | null)?.reused) continue;
      const run = pk.slice('run/'.length);
      this.#mustBeTheSame(run, sk.slice('item/'.length), now.reused);
      const told = changes.find((change) => tellsOf(change, pk));
      const envelopes = (told?.after as EventRow | undefined)?.envelopes ?? [];
      const payload = digestOf(Buffer.from(envelopes[0]?.payload ?? '', 'base64'));
      const isProven = ((told?.after ?? { head: '' }) as EventRow).head.includes(`"provenance":"${payload}"`);
      mustHold(isProven, 'I6', `${sk} of ${pk} uses a result again without its provenance`);
    }
  }

  #mustBeTheSame(run: string, item: string, { from, outputs }: NonNullable<ItemRow['reused']>): void {
    const at = `${item} of ${run} uses a result again`;
    const made = rowOf(this.#table, from.run, from.item).attempts.find(({ attempt }) => attempt === from.attempt);
    mustHold(made?.id === from.id && made.outcome === 'succeeded', 'I6', `${at} of an attempt that did not succeed`);
    mustHold(JSON.stringify(made.outputs) === JSON.stringify(outputs), 'I6', `${at} that was another`);
    mustHold(
      this.#madeOf(run, item) === this.#madeOf(from.run, from.item),
      'I6',
      `${at} that was made of something else`,
    );
  }

  /** All that a result may depend on here, where everything runs in one image; and whose it is. */
  #madeOf(run: string, id: string): string {
    const row = this.#table.body<RunRow>(keys.run(run));
    const spec = this.#table.body<SpecRow>(keys.spec(run, id));
    mustHold(row !== null && spec !== null, 'I9', `${id} of ${run} is gone`);
    const { pipeline, env, effect = 'read', reads = [] } = spec.item;
    const needs = spreadNeeds(
      spec.item.needs,
      (from) => branchIds(from, this.#table.body<SpecRow>(keys.spec(run, from))?.branches ?? 0),
      (from) => rowOf(this.#table, run, from).state === 'done',
    );
    const inputs = needs.map(({ key, from, select }) => {
      const name = select === 'patch' ? 'patch' : `outputs/${select.output}`;
      const found = from.flatMap((dep) =>
        leftBy(rowOf(this.#table, run, dep))?.outputs.filter((each) => each.name === name),
      );
      return { key, sha256: found.find((each) => each !== undefined)?.sha256 ?? null };
    });
    return canonicalize({ principal: row.principal, source: { ...row.source }, pipeline, env, effect, reads, inputs });
  }
}

function tellsOf({ pk, sk, after }: RowChange, run: string): boolean {
  return pk === run && sk.startsWith('event/') && ((after as EventRow | null)?.tail.includes('"item.reused"') ?? false);
}
