/** What blocks reached outside of their sandbox, as the worker that let them out says it. */
import { count, ordinal } from '../json/scalars.ts';
import { closed, integer, listOf, oneOf, type Shape, text } from '../json/shape.ts';

/** Why a connection did not come about; never renamed. */
export const EGRESS_REFUSALS = [
  'address',
  'busy',
  'denied',
  'hidden_name',
  'malformed',
  'not_allowed',
  'not_asked',
  'not_tls',
  'other_name',
  'over_bytes',
  'private',
  'slow',
  'unreachable',
] as const;
export type EgressRefusal = (typeof EGRESS_REFUSALS)[number];

/** Connections that are alike. */
export interface EgressSeen {
  /** Place in the pipeline. */
  block: number;
  /** As the block named it; absent where it named nothing that can be read. */
  host?: string;
  port?: number;
  /** Absent where it was let out. */
  refused?: EgressRefusal;
  /** Of plain HTTP: requests. */
  connections: number;
  sentBytes: number;
  receivedBytes: number;
}

export interface ClaimedEgress {
  seen: EgressSeen[];
  /** Those that there was no room for. */
  more?: { connections: number; refused: number; sentBytes: number; receivedBytes: number };
}

export const claimedEgress: Shape<ClaimedEgress> = closed<ClaimedEgress>({
  seen: listOf(
    closed<EgressSeen>({
      block: count,
      host: { optional: text(/^[!-~]{1,253}$/, 'a host') },
      port: { optional: integer(0, 65_535) },
      refused: { optional: oneOf(...EGRESS_REFUSALS) },
      connections: ordinal,
      sentBytes: count,
      receivedBytes: count,
    }),
    1,
  ),
  more: {
    optional: closed<NonNullable<ClaimedEgress['more']>>({
      connections: count,
      refused: count,
      sentBytes: count,
      receivedBytes: count,
    }),
  },
});
