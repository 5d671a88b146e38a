/**
 * Where simulated workers ask for secrets: each stages a key, and some a second one. The vault answers some late; now and then it lacks a
 * secret for some minutes, or may not read it.
 */
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';
import { digestOf } from '@waybill/verify';
import type { RowChange } from '#core/row-changes.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import type { Unavailable } from '#core/sealed-secrets.ts';
import type { SecretKeeping } from '#flow/release.ts';
import type { Container } from './container.ts';
import type { RowTable } from './row-table.ts';
import { specOf } from './rows-of.ts';
import { mixed, scrambled, type Timeline } from './timeline.ts';
import type { Told } from './told-transitions.ts';
import { mustHold } from './violation.ts';

const LATEST_MS = 150_000;
const LACKING_MS = 180_000;
const PROBLEMS = ['is not kept here', 'may not be read'] as const;

/** What a simulated vault seals. */
export interface Sealed {
  attemptId: string;
  key: string;
  names: readonly string[];
}

interface Hearing {
  /** A key was staged. */
  asked(attemptId: string): void;
  /** Somebody answers, whether the worker gets to read it or not. */
  answered(attemptId: string, said: Sealed | Unavailable): void;
  /** The worker reads it. */
  read(attemptId: string, isGiven: boolean): void;
}

export class SecretDesk {
  readonly #keys = new Map<string, string>();
  readonly #answered = new Set<string>();
  readonly #timeline: Timeline;
  readonly #heard: Hearing;
  readonly #seed: number;

  constructor(timeline: Timeline, heard: Hearing, seed: number) {
    this.#timeline = timeline;
    this.#heard = heard;
    this.#seed = seed;
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
      vault: {
        seal: async (names, { attemptId, key }) => {
          await this.#untilAnswered(attemptId);
          const seal = (): string => {
            const lacking = names.find((name) => this.#lacks(name));
            if (lacking !== undefined) throw unavailable(lacking, this.#bits(attemptId));
            return JSON.stringify({ attemptId, key, names } satisfies Sealed);
          };
          return container.call(`seal to ${attemptId}`, seal, read);
        },
      },
      channel: {
        asked: (attemptId) => container.call(`key of ${attemptId}`, () => this.#keys.get(attemptId) ?? null, read),
        answer: (attemptId, sealed) =>
          container.call(`answer ${attemptId}`, () => {
            const said = JSON.parse(sealed) as Sealed | Unavailable;
            this.#heard.answered(attemptId, said);
            if (this.#answered.has(attemptId)) return false;
            this.#answered.add(attemptId);
            this.#heard.read(attemptId, !('unavailable' in said));
            return true;
          }),
      },
    };
  }

  #bits(what: string): number {
    return scrambled(mixed(this.#seed, what));
  }

  /** Most are answered at once. */
  async #untilAnswered(attemptId: string): Promise<void> {
    const bits = this.#bits(`vault ${attemptId}`);
    if (bits % 12 > 0) return;
    await new Promise<void>((resolve) => this.#timeline.after((bits >>> 5) % 100_000, resolve));
  }

  #lacks(name: string): boolean {
    return this.#bits(`${name} ${Math.floor(this.#timeline.nowMs / LACKING_MS)}`) % 8 === 0;
  }
}

function unavailable(secret: string, bits: number): TerminalError {
  const problem = PROBLEMS[bits % PROBLEMS.length] ?? PROBLEMS[0];
  return new TerminalError({ code: 'SECRET_UNAVAILABLE', path: secret, problem, fix: 'Keep it.' });
}

/**
 * Secrets are given to one key of an attempt, to one that is at work alone, and the record says so once, before they can be read. None that names
 * some and was given none has run, and none is given others than it names.
 */
export class SecretInvariants {
  readonly #table: RowTable;
  readonly #released = new Set<string>();
  /** The key that the row of an attempt has named. Once it is settled it names none: an answer may come later all the same. */
  readonly #sealedTo = new Map<string, Digest>();

  constructor(table: RowTable) {
    this.#table = table;
  }

  committed(changes: readonly RowChange[], events: readonly Told[]): void {
    for (const { event } of events) {
      if (event.type !== 'secrets.released') continue;
      const { id, secrets } = event.data;
      this.#mustBeNamed(id, secrets);
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
      this.#sealedTo.set(id, now);
    }
  }

  #settled(id: string, before: AttemptRow | null, events: readonly Told[]): void {
    if (before?.manifest?.secrets === undefined || sealedTo(before) !== undefined) return;
    for (const { event } of events) {
      if (event.type !== 'attempt.settled' || event.data.id !== id) continue;
      const { outcome, outputs, checkpoint, question, claimed } = event.data;
      const left = [...claimed.blocks, ...outputs.filter(({ kind }) => kind !== 'log')];
      const said = [claimed.setup, claimed.usage, claimed.usageUnread, checkpoint, question];
      const hasRun = outcome === 'succeeded' || left.length > 0 || said.some((part) => part !== undefined);
      mustHold(!hasRun, 'I5', `attempt ${id} has run and was never given the secrets that it names`);
    }
  }

  answered(attemptId: string, said: Sealed | Unavailable): void {
    mustHold(said.attemptId === attemptId, 'I5', `attempt ${attemptId} is given secrets of ${said.attemptId}`);
    if ('unavailable' in said) {
      const isOwn = this.#namedBy(attemptId).some((name) => said.unavailable.startsWith(`${name} `));
      mustHold(isOwn, 'I5', `attempt ${attemptId} is told of what it does not name: ${said.unavailable}`);
      return;
    }
    const { key, names } = said;
    this.#mustBeNamed(attemptId, names);
    const isNamed = this.#sealedTo.get(attemptId) === digestOf(key);
    mustHold(isNamed, 'I6', `attempt ${attemptId} is answered by a key that no row has named`);
  }

  #mustBeNamed(attemptId: string, given: readonly string[]): void {
    const named = this.#namedBy(attemptId);
    mustHold(named.join() === given.join(), 'I5', `attempt ${attemptId} names ${named}, and is given ${given}`);
  }

  /** As its item was planned. */
  #namedBy(attemptId: string): string[] {
    const attempt = this.#table.body<AttemptRow>(keys.attempt(attemptId));
    mustHold(attempt !== null, 'I9', `attempt ${attemptId} is answered, and is none`);
    const { pipeline } = specOf(this.#table, attempt.run, attempt.item).item;
    return [...new Set(pipeline.flatMap((block) => Object.values('secrets' in block ? (block.secrets ?? {}) : {})))]
      .map(String)
      .sort();
  }
}

function sealedTo(attempt: AttemptRow | null): Digest | undefined {
  return attempt?.manifest?.secrets?.sealedTo;
}
