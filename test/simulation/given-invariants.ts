/**
 * A worker is given the files that its item reads as the plan pins them, a gate is about what was left to it and nothing else, and what
 * an attempt asks to have done outside is judged.
 */
import { canonicalize, digestOf, type EventData, isIntent } from '@waybill/verify';
import type { RowChange } from '#core/row-changes.ts';
import { type AttemptRow, type ItemRow, keys } from '#core/rows.ts';
import { leftBy } from '#core/upstream.ts';
import type { LeaseDraft } from '#ports/mailbox.ts';
import type { Buckets } from './object-stores.ts';
import type { RowTable } from './row-table.ts';
import { specOf } from './rows-of.ts';
import type { Told } from './told-transitions.ts';
import { mustHold } from './violation.ts';

export class GivenInvariants {
  readonly #table: RowTable;
  readonly #artifacts: Buckets['artifacts'];
  /** By run and gate: what it was about when it began to wait. */
  readonly #about = new Map<string, string | undefined>();

  constructor(table: RowTable, { artifacts }: Buckets) {
    this.#table = table;
    this.#artifacts = artifacts;
  }

  committed(changes: readonly RowChange[], events: readonly Told[]): void {
    for (const { pk, sk, before, after } of changes) {
      const [was, now] = [before as ItemRow | null, after as ItemRow | null];
      if (!sk.startsWith('item/') || now?.gate === undefined || was?.gate !== undefined) continue;
      this.#mustBeAbout(pk.slice('run/'.length), sk.slice('item/'.length), now.gate.reviewed);
    }
    for (const { run, event } of events) {
      if (event.type === 'control.accepted' && event.data.verb === 'approve') this.#mustHaveLooked(run, event.data);
      if (event.type === 'attempt.settled' && event.data.outcome === 'succeeded') mustBeJudged(run, event.data, events);
    }
  }

  launched({ run, item }: AttemptRow, given: LeaseDraft['inputs']): void {
    for (const { key, sha256, sizeBytes } of specOf(this.#table, run, item).item.reads ?? []) {
      const isGiven = given.some((input) => input.key === key && input.sha256 === sha256);
      mustHold(isGiven, 'I2', `${item} of ${run} begins without ${key}, which it reads`);
      const stored = this.#artifacts.get(sha256)?.byteLength;
      mustHold(stored === sizeBytes, 'I2', `${key}, which ${item} of ${run} reads, is stored with ${stored} bytes`);
    }
  }

  /** As the rows of the items that it names stand when it begins to wait. */
  #mustBeAbout(run: string, id: string, reviewed: string | undefined): void {
    this.#about.set(`${run} ${id}`, reviewed);
    const reviews = specOf(this.#table, run, id).item.gate?.reviews;
    if (reviews === undefined) {
      mustHold(reviewed === undefined, 'I2', `gate ${id} of ${run} is about something, and was planned about nothing`);
      return;
    }
    const items = reviews.toSorted().map((item) => {
      const row = this.#table.body<ItemRow>(keys.item(run, item));
      const outputs = row?.state === 'done' ? (leftBy(row)?.outputs ?? []) : null;
      const work = outputs?.filter(({ kind }) => kind !== 'log').map(({ name, sha256 }) => ({ name, sha256 })) ?? null;
      return { item, outputs: work?.sort((a, b) => (a.name < b.name ? -1 : 1)) ?? null };
    });
    mustHold(reviewed === digestOf(canonicalize(items)), 'I2', `gate ${id} of ${run} is about something else`);
  }

  /** Whoever approves has said what of. */
  #mustHaveLooked(run: string, { item = '', reviewed }: EventData['control.accepted']): void {
    const about = this.#about.get(`${run} ${item}`);
    mustHold(reviewed === about, 'I2', `${item} of ${run} is approved for something else, or blindly`);
  }
}

/** What an attempt that made its item done asks to have done outside is judged with its end, each once. */
function mustBeJudged(run: string, { id, item, outputs }: EventData['attempt.settled'], events: readonly Told[]): void {
  const intents = outputs.map(({ name }) => name).filter(isIntent);
  const judged = events.flatMap(({ event }) =>
    event.type === 'intents.judged' && event.data.id === id ? event.data.intents.map(({ name }) => name) : [],
  );
  const isSame = judged.toSorted().join() === intents.toSorted().join();
  mustHold(
    isSame,
    'I6',
    `${item} of ${run} asks for ${intents.length} things outside, and ${judged.length} are judged`,
  );
}
