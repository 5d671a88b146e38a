/**
 * What carries work between functions: queues that carry at least once, late and in any order (or, one of them, in order), and
 * the readers of the table's stream, in order within a partition. What fails comes again, until it was tried too often.
 */
import type { RowChange } from '#core/row-changes.ts';
import type { BatchResponse } from '#lambdas/shared/batch.ts';
import type { Message, MessageQueue } from '#ports/message-queue.ts';
import type { StreamRecord } from '../support/fake-stream.ts';
import { busy, type Container } from './container.ts';
import type { FaultPlan } from './faults.ts';
import { mixed, type Timeline } from './timeline.ts';

const TRIES = 5;
const AGAIN_MS = 20_000;
const SAME_ID_MS = 300_000;

/** Runs a function on an event; null when its container died before it answered. */
export type Invoke = (event: object) => Promise<BatchResponse | null>;

interface World {
  timeline: Timeline;
  faults: FaultPlan;
}

interface Waiting {
  messageId: string;
  body: string;
  fromMs: number;
  tries: number;
}

/** The filters that the table's stream is read with; test/infra holds the deployed ones to what rows ask for. */
export function isDelivered(reader: string, { pk, sk, before }: RowChange): boolean {
  if (reader === 'dispatch') return sk === 'attempt';
  if (sk === 'run' || sk === 'queue' || sk === 'attempt') return true;
  if (sk.startsWith('item/')) return before !== null;
  return before === null && (pk === 'todo' || pk === 'timers' || sk.startsWith('ready/') || sk.startsWith('wake/'));
}

export class SimulatedQueue {
  readonly name: string;
  deadLetters = 0;
  readonly #world: World;
  readonly #keepsOrder: boolean;
  readonly #invoke: Invoke;
  readonly #seen = new Map<string, number>();
  #waiting: Waiting[] = [];
  #count = 0;
  #underWay = 0;

  constructor(name: string, world: World, invoke: Invoke, keepsOrder = false) {
    this.name = name;
    this.#world = world;
    this.#invoke = invoke;
    this.#keepsOrder = keepsOrder;
  }

  get isIdle(): boolean {
    return this.#underWay === 0 && this.#waiting.length === 0;
  }

  /** An event of the platform: it may get lost, come late or come twice. */
  put(body: object, about: string): void {
    const { faults } = this.#world;
    const fault = faults.strike('event', faults.draw(`event ${this.name} ${about}`), ['lost', 'late', 'twice']);
    if (fault === 'lost') return;
    this.#add(body, fault === 'late' ? 90_000 : 0);
    if (fault === 'twice') this.#add(body, 3_000);
  }

  /** As a function sees it. */
  portOf(container: Container): MessageQueue {
    return {
      send: async (messages) => {
        if (messages.length === 0) return;
        await container.call(
          `send ${this.name}`,
          () => {
            for (const message of messages) this.#send(message);
          },
          { refusal: busy },
        );
      },
    };
  }

  #send({ body, id, delayS = 0 }: Message): void {
    if (this.#keepsOrder) {
      if (id === undefined) throw new RangeError('a message of a queue that keeps order has an id');
      const { nowMs } = this.#world.timeline;
      if (nowMs - (this.#seen.get(id) ?? Number.NEGATIVE_INFINITY) < SAME_ID_MS) return;
      this.#seen.set(id, nowMs);
    }
    this.#add(body, delayS * 1_000);
  }

  #add(body: object, delayMs: number): void {
    const { timeline } = this.#world;
    this.#count += 1;
    const fromMs = timeline.nowMs + delayMs;
    this.#waiting.push({ messageId: `m-${this.#count}`, body: JSON.stringify(body), fromMs, tries: 0 });
    this.#lookAt(fromMs + 20);
  }

  #lookAt(atMs: number): void {
    this.#world.timeline.at(atMs, () => this.#deliver());
  }

  /** One group of a queue that keeps order is under way at a time; of others several batches may be. */
  #deliver(): void {
    const { timeline, faults } = this.#world;
    const { nowMs } = timeline;
    const limit = this.#keepsOrder ? 1 : 3;
    if (this.#underWay >= limit) return;
    const draw = faults.draw(`batch ${this.name}`);
    const taken = this.#waiting.filter(({ fromMs }) => fromMs <= nowMs).slice(0, 1 + (draw.bits % 10));
    if (taken.length === 0) return;
    this.#waiting = this.#waiting.filter((message) => !taken.includes(message));
    // Its visibility ended before the function did: somebody else gets it at the same time.
    if (faults.strike('batch', draw, ['twice']) !== null) void this.#hand(taken, false);
    void this.#hand(taken, true);
  }

  async #hand(taken: Waiting[], isOwn: boolean): Promise<void> {
    const { timeline } = this.#world;
    this.#underWay += 1;
    const event = { Records: taken.map(({ messageId, body }) => ({ messageId, body })) };
    const answer = await this.#invoke(event).catch(() => null);
    this.#underWay -= 1;
    if (isOwn) {
      const failed = answer && new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const message of taken) {
        if (failed !== null && !failed.has(message.messageId)) continue;
        const tries = message.tries + 1;
        if (tries >= TRIES) this.deadLetters += 1;
        else this.#waiting.push({ ...message, tries, fromMs: timeline.nowMs + AGAIN_MS });
      }
      this.#waiting.sort((a, b) => a.fromMs - b.fromMs);
    }
    const next = this.#waiting[0];
    if (next !== undefined) this.#lookAt(Math.max(next.fromMs, timeline.nowMs + 5));
  }
}

interface Shard {
  records: { record: StreamRecord; pk: string }[];
  tries: number;
  isBusy: boolean;
}

/** One function that follows the table's stream. */
export class StreamReader {
  readonly name: string;
  givenUp = 0;
  readonly #world: World;
  readonly #shards: Shard[];
  readonly #invoke: Invoke;

  constructor(name: string, world: World, shards: number, invoke: Invoke) {
    this.name = name;
    this.#world = world;
    this.#invoke = invoke;
    this.#shards = Array.from({ length: shards }, () => ({ records: [], tries: 0, isBusy: false }));
  }

  get isIdle(): boolean {
    return this.#shards.every(({ records, isBusy }) => !isBusy && records.length === 0);
  }

  push(change: RowChange, record: StreamRecord): void {
    const { faults, timeline } = this.#world;
    const fault = faults.strike('event', faults.draw(`record ${this.name} ${change.pk} ${change.sk}`), ['lost']);
    if (fault === 'lost') return;
    const n = mixed(7, change.pk) % this.#shards.length;
    const shard = this.#shards[n] as Shard;
    shard.records.push({ record, pk: change.pk });
    if (!shard.isBusy && shard.records.length === 1) timeline.after(30 + 37 * n, () => this.#deliver(n));
  }

  #deliver(n: number): void {
    const shard = this.#shards[n] as Shard;
    if (shard.isBusy || shard.records.length === 0) return;
    void this.#hand(shard, n);
  }

  async #hand(shard: Shard, n: number): Promise<void> {
    const { faults, timeline } = this.#world;
    const draw = faults.draw(`batch ${this.name} ${n}`);
    const fault = faults.strike('batch', draw, ['twice', 'late']);
    shard.isBusy = true;
    const batch = shard.records.slice(0, 1 + (draw.bits % 40));
    const event = { Records: batch.map(({ record }) => record) };
    if (fault === 'twice') await this.#invoke(event).catch(() => null);
    const answer = await this.#invoke(event).catch(() => null);
    const failed = answer?.batchItemFailures[0]?.itemIdentifier;
    const place = batch.findIndex(({ record }) => record.dynamodb.SequenceNumber === failed);
    const done = answer === null ? 0 : failed === undefined ? batch.length : Math.max(0, place);
    shard.records.splice(0, done);
    shard.tries = done > 0 ? 0 : shard.tries + 1;
    if (shard.tries >= TRIES) {
      shard.records.shift();
      shard.tries = 0;
      this.givenUp += 1;
    }
    shard.isBusy = false;
    if (shard.records.length > 0)
      timeline.after(fault === 'late' ? 60_000 : done > 0 ? 10 : 1_500, () => this.#deliver(n));
  }
}
