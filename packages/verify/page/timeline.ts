/**
 * The course of a run, gathered while the verifier reads the same bytes. It believes everything, so that it may be shown
 * only once the verifier has found every line to be an event of a known shape.
 */

import { decodeUtf8 } from '../src/json/jcs.ts';
import type { EventLine, RecordedOutput } from '../src/record/events.ts';
import { LineSplitter } from '../src/record/line-splitter.ts';

export interface TimelineAttempt {
  attempt: number;
  claimedMs: number;
  endedMs: number | undefined;
  isolation: string;
  outcome: string;
  reason: string;
  outputs: readonly RecordedOutput[];
}

export interface TimelineItem {
  id: string;
  /** Moments at which it could have started: when its dependencies were done, and after each retry. */
  readyMs: number[];
  attempts: TimelineAttempt[];
  state: string;
  /** Why it was closed without an attempt. */
  reason: string;
  /** Of the attempt whose result it took over; empty where it took over none. */
  reusedFrom: string;
}

export interface Timeline {
  items: TimelineItem[];
  startMs: number;
  endMs: number;
}

/** Event lines are canonical, so that `at` is their first key. */
const EVENT_START = '{"at":"';

export class TimelineReader {
  readonly #splitter: LineSplitter;
  readonly #items = new Map<string, TimelineItem>();
  #startMs = Number.NaN;
  #endMs = Number.NaN;

  constructor(limits: { lineBytes: number; fileBytes: number }) {
    this.#splitter = new LineSplitter(limits);
  }

  /** Throws for lines that no event can be; the verifier then says what is wrong. */
  read(chunk: Uint8Array): void {
    for (const line of this.#splitter.push(chunk)) {
      const text = decodeUtf8(line);
      if (text.startsWith(EVENT_START)) this.#take(JSON.parse(text) as EventLine);
    }
  }

  timeline(): Timeline {
    return { items: [...this.#items.values()], startMs: this.#startMs, endMs: this.#endMs };
  }

  #take(event: EventLine): void {
    const atMs = Date.parse(event.at);
    if (Number.isNaN(this.#startMs)) this.#startMs = atMs;
    // A clock may be set back; the axis is not.
    this.#endMs = Math.max(atMs, Number.isNaN(this.#endMs) ? atMs : this.#endMs);
    this.#startMs = Math.min(this.#startMs, atMs);
    this.#apply(event, atMs);
  }

  #apply(event: EventLine, atMs: number): void {
    switch (event.type) {
      case 'run.planned':
      case 'run.extended':
      case 'items.spawned':
        for (const { id } of event.data.items) this.#item(id);
        break;
      case 'item.ready':
        for (const id of event.data.items) this.#item(id).readyMs.push(atMs);
        break;
      case 'attempt.claimed':
        for (const { item, attempt } of event.data.claims) this.#item(item).attempts.push(started(attempt, atMs));
        break;
      case 'attempt.dispatched': {
        const attempt = this.#item(event.data.item).attempts.at(-1);
        if (attempt !== undefined) attempt.isolation = event.data.isolation;
        break;
      }
      case 'attempt.settled': {
        const { item: id, outcome, reason, outputs, next, retryAt } = event.data;
        const item = this.#item(id);
        Object.assign(item.attempts.at(-1) ?? {}, { endedMs: atMs, outcome, reason, outputs });
        if (next === 'retry') item.readyMs.push(retryAt === undefined ? atMs : Date.parse(retryAt));
        else item.state = next;
        break;
      }
      case 'item.closed':
        for (const { id, state, reason } of event.data.items) Object.assign(this.#item(id), { state, reason });
        break;
      case 'item.reused':
        Object.assign(this.#item(event.data.item), {
          state: 'done',
          reason: 'reused',
          reusedFrom: event.data.isolation,
        });
        break;
      case 'item.suspended':
        for (const { id } of event.data.items) this.#item(id).state = 'suspended';
        break;
      case 'item.reopened':
        for (const id of event.data.items) Object.assign(this.#item(id), { state: 'pending', reason: '' });
        break;
    }
  }

  #item(id: string): TimelineItem {
    let item = this.#items.get(id);
    if (item === undefined) {
      item = { id, readyMs: [], attempts: [], state: 'pending', reason: '', reusedFrom: '' };
      this.#items.set(id, item);
    }
    return item;
  }
}

function started(attempt: number, claimedMs: number): TimelineAttempt {
  return { attempt, claimedMs, endedMs: undefined, isolation: '', outcome: 'running', reason: '', outputs: [] };
}
