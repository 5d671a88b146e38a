/** Where simulated workers ask for secrets: each stages a key, and some a second one. */
import type { Digest } from '@waybill/verify';
import { digestOf } from '@waybill/verify';
import type { RowChange } from '#core/row-changes.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { SecretKeeping } from '#flow/release.ts';
import type { Container } from './container.ts';
import type { RowTable } from './row-table.ts';
import type { Timeline } from './timeline.ts';
import type { Told } from './told-transitions.ts';
import { mustHold } from './violation.ts';

const LATEST_MS = 150_000;

export class SecretDesk {
  readonly #keys = new Map<string, string>();
  readonly #answered = new Set<string>();
  readonly #timeline: Timeline;
  readonly #heard: { asked(attemptId: string): void; given(attemptId: string, key: string): void };

  constructor(
    timeline: Timeline,
    heard: { asked(attemptId: string): void; given(attemptId: string, key: string): void },
  ) {
    this.#timeline = timeline;
    this.#heard = heard;
  }

  /** A worker has begun. Some stage another key, now and then when their attempt is over. */
  begun(attemptId: string, bits: number): void {
    this.#timeline.after(1 + (bits % 300), () => this.#stage(attemptId, 'first'));
    if (bits % 3 > 0) return;
    const laterMs = (bits >>> 5) % 2 === 0 ? 2_000 : LATEST_MS;
    this.#timeline.after(301 + ((bits >>> 6) % laterMs), () => this.#stage(attemptId, 'second'));
  }

  /** What was there before is taken away. */
  #stage(attemptId: string, which: string): void {
    this.#keys.set(attemptId, `${which} key of ${attemptId}`);
    this.#answered.delete(attemptId);
    this.#timeline.note(`worker ${attemptId} stages its ${which} key`);
    this.#heard.asked(attemptId);
  }

  keepingOf(container: Container): SecretKeeping {
    const read = { isRead: true };
    return {
      vault: { seal: (_names, { attemptId, key }) => container.call(`seal to ${attemptId}`, () => key, read) },
      channel: {
        asked: (attemptId) => container.call(`key of ${attemptId}`, () => this.#keys.get(attemptId) ?? null, read),
        answer: (attemptId, sealed) =>
          container.call(`answer ${attemptId}`, () => {
            this.#heard.given(attemptId, sealed);
            if (this.#answered.has(attemptId)) return false;
            this.#answered.add(attemptId);
            return true;
          }),
      },
    };
  }
}

/**
 * Secrets are given to one key of an attempt, to one that is at work alone, and the record says so once, before they can be read. None that names
 * some and was given none has run.
 */
export class SecretInvariants {
  readonly #table: RowTable;
  readonly #released = new Set<string>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  committed(changes: readonly RowChange[], events: readonly Told[]): void {
    for (const { event } of events) {
      if (event.type !== 'secrets.released') continue;
      const { id } = event.data;
      mustHold(!this.#released.has(id), 'I5', `attempt ${id} is given secrets twice`);
      this.#released.add(id);
    }
    for (const { pk, sk, before, after } of changes) {
      if (sk !== 'attempt' || after === null) continue;
      const id = pk.slice('attempt/'.length);
      this.#settled(id, before as AttemptRow | null, events);
      const [was, now] = [sealedTo(before as AttemptRow | null), sealedTo(after as AttemptRow)];
      // A settled attempt needs none of it any more.
      if (was === now || now === undefined) continue;
      mustHold(was === undefined, 'I5', `attempt ${id} is given secrets by another key than the first`);
      mustHold(this.#released.has(id), 'I6', `no event says that attempt ${id} is given secrets`);
      const { state, cancel, givenUp } = before as AttemptRow;
      const isAtWork = state === 'dispatched' && cancel === undefined && givenUp === undefined;
      mustHold(isAtWork, 'I5', `attempt ${id} is given secrets, and is told to stop, given up or over`);
    }
  }

  #settled(id: string, before: AttemptRow | null, events: readonly Told[]): void {
    if (before?.manifest?.secrets === undefined || sealedTo(before) !== undefined) return;
    for (const { event } of events) {
      if (event.type !== 'attempt.settled' || event.data.id !== id) continue;
      const { outcome, claimed } = event.data;
      const hasRun = outcome === 'succeeded' || claimed.blocks.length > 0;
      mustHold(!hasRun, 'I5', `attempt ${id} has run and was never given the secrets that it names`);
    }
  }

  given(attemptId: string, key: string): void {
    const attempt = this.#table.body<AttemptRow>(keys.attempt(attemptId));
    mustHold(sealedTo(attempt) === digestOf(key), 'I6', `attempt ${attemptId} is answered by a key that no row names`);
  }
}

function sealedTo(attempt: AttemptRow | null): Digest | undefined {
  return attempt?.manifest?.secrets?.sealedTo;
}
