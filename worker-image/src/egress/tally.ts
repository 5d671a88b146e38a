/** What the blocks of an attempt reached outside, and what they were refused, in a bounded record. */
import type { ClaimedEgress, EgressRefusal, EgressSeen } from '@waybill/verify';
import { MAX_EGRESS_SEEN } from '#core/mailbox-protocol.ts';

/** A flood of refusals leaves room for what passed. */
const MAX_REFUSED = 8;

export interface Target {
  host?: string;
  port?: number;
}

type Counted = Pick<EgressSeen, 'sentBytes' | 'receivedBytes'>;

export class EgressTally {
  readonly #seen = new Map<string, EgressSeen>();
  readonly #more = { connections: 0, refused: 0, sentBytes: 0, receivedBytes: 0 };
  #refused = 0;

  /** One connection more; what it moves is added to what is returned. */
  passed(block: number, target: Required<Target>): Counted {
    const entry = this.#entry({ block, ...target });
    (entry ?? this.#more).connections += 1;
    return entry ?? this.#more;
  }

  refuse(block: number, { host, port }: Target, refused: EgressRefusal): void {
    const named = { ...(host === undefined ? {} : { host }), ...(port === undefined || port > 65_535 ? {} : { port }) };
    const entry = this.#entry({ block, ...named, refused });
    if (entry === null) this.#more.refused += 1;
    else entry.connections += 1;
  }

  /** Undefined when nobody asked for anything. */
  claimed(): ClaimedEgress | undefined {
    if (this.#seen.size === 0) return undefined;
    const isMore = Object.values(this.#more).some((count) => count > 0);
    return { seen: [...this.#seen.values()], ...(isMore ? { more: { ...this.#more } } : {}) };
  }

  #entry(about: Omit<EgressSeen, 'connections' | 'sentBytes' | 'receivedBytes'>): EgressSeen | null {
    const key = JSON.stringify([about.block, about.host, about.port, about.refused]);
    const found = this.#seen.get(key);
    if (found !== undefined) return found;
    const isRefused = about.refused !== undefined;
    if (isRefused && this.#refused >= MAX_REFUSED) return null;
    if (!isRefused && this.#seen.size - this.#refused >= MAX_EGRESS_SEEN - MAX_REFUSED) return null;
    if (isRefused) this.#refused += 1;
    const entry: EgressSeen = { ...about, connections: 0, sentBytes: 0, receivedBytes: 0 };
    this.#seen.set(key, entry);
    return entry;
  }
}
