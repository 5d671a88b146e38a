/** What a worker says its blocks reached outside of their sandbox. */
import { type ClaimedEgress, EGRESS_REFUSALS, type EgressSeen } from '@waybill/verify';
import type { DocumentReader } from '#core/document-reader.ts';
import { type BlockEvidence, MAX_EGRESS_SEEN } from '#core/mailbox-protocol.ts';

const HOST = /^[!-~]{1,253}$/;

/** What passes contradicts neither itself nor the blocks that ran: a verifier finds no fault with it. */
export function readEgress(reader: DocumentReader, blocks: readonly Pick<BlockEvidence, 'index'>[]): ClaimedEgress {
  const seen = reader.objects('seen', MAX_EGRESS_SEEN).map((one) => readSeen(one, blocks));
  if (seen.length === 0) reader.refuse('seen', 'is empty');
  if (!reader.has('more')) return reader.close({ seen });
  const more = reader.object('more');
  return reader.close({
    seen,
    more: more.close({
      connections: more.integer('connections', 0),
      refused: more.integer('refused', 0),
      ...bytesOf(more),
    }),
  });
}

function readSeen(reader: DocumentReader, blocks: readonly Pick<BlockEvidence, 'index'>[]): EgressSeen {
  const seen: EgressSeen = {
    block: reader.integer('block', 0),
    connections: reader.integer('connections', 1),
    ...bytesOf(reader),
  };
  if (!blocks.some(({ index }) => index === seen.block)) reader.refuse('block', 'is none that ran');
  if (reader.has('host')) seen.host = reader.string('host', 253, HOST);
  if (reader.has('port')) seen.port = reader.integer('port', 0, 65_535);
  if (reader.has('refused')) seen.refused = reader.oneOf('refused', EGRESS_REFUSALS);
  const isNamed = seen.host !== undefined && seen.port !== undefined;
  if (!isNamed && seen.refused === undefined) reader.refuse('host', 'is missing where something was reached');
  return reader.close(seen);
}

function bytesOf(reader: DocumentReader): Pick<EgressSeen, 'sentBytes' | 'receivedBytes'> {
  return { sentBytes: reader.integer('sentBytes', 0), receivedBytes: reader.integer('receivedBytes', 0) };
}
