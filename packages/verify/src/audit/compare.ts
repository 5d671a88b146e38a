/**
 * Two heads of one log. Either one is the beginning of the other, or the log was forked, and then both notes together
 * prove it to anyone who has the log's key. Nothing but the two notes, and hashes that lead from one to the other, is
 * needed.
 */
import { fromBase64, toBase64 } from '../crypto/base64.ts';
import { equalBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { anyText, count } from '../json/scalars.ts';
import { closed, listOf, oneOf, requireShape, type Shape } from '../json/shape.ts';
import { isInForceAt, signersOf } from '../keys/checkpoint-signers.ts';
import type { Trust } from '../keys/trust.ts';
import { consistencyProof, type ReadHash, verifyConsistency } from '../log/merkle-proof.ts';
import { rootAt } from '../log/tile-source.ts';
import { type LogHead, readLogHead } from './log-head.ts';

export const FORK_FORMAT = 'waybill-fork/v1';

/**
 * A fork as a third party can check it: both notes, the smaller first. When the sizes differ, `prefix` is the root that
 * the larger log has at the smaller size, with the consistency proof that leads from it to the larger note's root.
 */
export interface ForkProof {
  format: typeof FORK_FORMAT;
  notes: [string, string];
  prefix?: { size: number; root: string; proof: string[] };
}

export type Comparison =
  | { outcome: 'same' | 'consistent'; detail: string }
  | { outcome: 'fork'; detail: string; proof: ForkProof }
  | { outcome: 'undecided'; code: UndecidedCode; detail: string };

export const UNDECIDED = {
  OTHER_LOGS: 'the two heads are of different logs, which may differ',
  NO_KEYS: 'no keys were supplied: anyone could have written the heads',
  NOT_SIGNED: 'a head is not signed by a trusted log key in force at its size',
  NO_PROOF: 'the sizes differ, and neither tiles nor a proof were supplied',
  PROOF_WRONG: 'the tiles or the proof do not lead to the larger head: they say nothing',
} as const;

export type UndecidedCode = keyof typeof UNDECIDED;

/** What leads from the smaller head to the larger one. */
export type Bridge = { readHash: (size: number) => ReadHash } | { proof: readonly Uint8Array[] } | { fork: ForkProof };

/** Throws EvidenceError when a trusted key's signature does not hold. */
export async function compareHeads(
  a: LogHead,
  b: LogHead,
  trust: Trust | undefined,
  bridge: Bridge | undefined,
): Promise<Comparison> {
  const [older, newer] = a.checkpoint.size <= b.checkpoint.size ? [a, b] : [b, a];
  if (older.checkpoint.origin !== newer.checkpoint.origin) {
    return undecided('OTHER_LOGS', `${older.checkpoint.origin} and ${newer.checkpoint.origin}`);
  }
  const unsigned = await whyUnsigned([older, newer], trust);
  if (unsigned !== undefined) return unsigned;
  const [from, to] = [older.checkpoint, newer.checkpoint];
  if (from.size === to.size) {
    if (equalBytes(from.root, to.root))
      return { outcome: 'same', detail: `both have ${from.size} entries and one root` };
    const detail = `the log of ${from.size} entries has two roots`;
    return { outcome: 'fork', detail, proof: { format: FORK_FORMAT, notes: [older.text, newer.text] } };
  }
  if (from.size === 0) return { outcome: 'consistent', detail: 'the smaller log is empty' };
  if (bridge === undefined) return undecided('NO_PROOF', `${from.size} and ${to.size} entries`);
  return acrossSizes(older, newer, bridge);
}

async function whyUnsigned(heads: readonly LogHead[], trust: Trust | undefined): Promise<Comparison | undefined> {
  if (trust === undefined) return undecided('NO_KEYS', UNDECIDED.NO_KEYS);
  for (const { note, checkpoint } of heads) {
    const isGood = trust.origin === checkpoint.origin && isInForceAt(await signersOf(note, trust.log), checkpoint.size);
    if (!isGood) return undecided('NOT_SIGNED', `the head of size ${checkpoint.size} is not signed by a key of yours`);
  }
  return undefined;
}

async function acrossSizes(older: LogHead, newer: LogHead, bridge: Bridge): Promise<Comparison> {
  const [from, to] = [older.checkpoint, newer.checkpoint];
  const { root, proof } = await bridgeAt(from.size, to.size, from.root, bridge);
  if (!verifyConsistency(from.size, to.size, root, to.root, proof)) {
    return undecided('PROOF_WRONG', `nothing leads from ${from.size} to ${to.size} entries`);
  }
  if (equalBytes(root, from.root)) {
    return { outcome: 'consistent', detail: `the log of ${to.size} entries begins with that of ${from.size}` };
  }
  const prefix = { size: from.size, root: toBase64(root), proof: proof.map(toBase64) };
  const detail = `the log of ${to.size} entries begins otherwise than that of ${from.size}`;
  return { outcome: 'fork', detail, proof: { format: FORK_FORMAT, notes: [older.text, newer.text], prefix } };
}

/** The root at the smaller size that the bridge claims, and the proof from it to the larger head. */
async function bridgeAt(
  from: number,
  to: number,
  olderRoot: Uint8Array,
  bridge: Bridge,
): Promise<{ root: Uint8Array; proof: readonly Uint8Array[] }> {
  if ('proof' in bridge) return { root: olderRoot, proof: bridge.proof };
  if ('fork' in bridge) {
    const { prefix } = bridge.fork;
    if (prefix === undefined || prefix.size !== from) return { root: olderRoot, proof: [] };
    return { root: fromBase64(prefix.root), proof: prefix.proof.map((hash) => fromBase64(hash)) };
  }
  const readHash = bridge.readHash(to);
  return { root: await rootAt(from, readHash), proof: await consistencyProof(from, to, readHash) };
}

function undecided(code: UndecidedCode, detail: string): Comparison {
  return { outcome: 'undecided', code, detail };
}

const notes = listOf(anyText, 2);
const forkProof: Shape<ForkProof> = closed<ForkProof>({
  format: oneOf(FORK_FORMAT),
  notes: ((value) => notes(value) ?? ((value as unknown[]).length > 2 ? ' has more than two' : undefined)) as Shape<
    [string, string]
  >,
  prefix: {
    optional: closed<NonNullable<ForkProof['prefix']>>({ size: count, root: anyText, proof: listOf(anyText) }),
  },
});

/** Throws EvidenceError. */
export function readForkProof(value: unknown): { proof: ForkProof; heads: [LogHead, LogHead] } {
  requireShape(forkProof, value, 'fork proof');
  const [first, second] = value.notes;
  if (value.prefix !== undefined && value.prefix.proof.length > 64) {
    throw new EvidenceError('LIMIT', 'a consistency proof has more than 64 hashes');
  }
  return { proof: value, heads: [readLogHead(first), readLogHead(second)] };
}
