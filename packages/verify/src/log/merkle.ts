/**
 * The Merkle tree of RFC 9162 (and RFC 6962) over SHA-256: a leaf is H(00 data), a node H(01 left right), the empty tree
 * H(""); a tree of n leaves splits at the largest power of two below n.
 */
import { sha256 } from '#crypto';
import { bytesOfHex, concatBytes, hexOf, utf8 } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';

const HASH_BYTES = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Used again for every hash: trees have many leaves, and each new array would have to be collected. */
const leafInput = new Uint8Array(65_536);
const nodeInput = Uint8Array.of(1, ...new Uint8Array(2 * HASH_BYTES));

export function leafHash(data: Uint8Array | string): Uint8Array {
  const bytes = typeof data === 'string' ? utf8(data) : data;
  if (bytes.length >= leafInput.length) return sha256(concatBytes([LEAF, bytes]));
  leafInput.set(bytes, 1);
  return sha256(leafInput.subarray(0, bytes.length + 1));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  // The standard hashes whatever it is given; trees and proofs refuse what is no hash before they come here.
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) return sha256(concatBytes([NODE, left, right]));
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/** The root of a tree without leaves. */
export function emptyRoot(): Uint8Array {
  return sha256('');
}

/**
 * What a TreeBuilder needs to go on later: the leaf count, and the roots (64 hex digits) of its perfect subtrees,
 * largest first.
 */
export interface TreeState {
  size: number;
  frontier: string[];
}

/** Called for every perfect subtree that an append completes: node `index` (from 0) at `level` (0 = leaves). */
export type NodeSink = (level: number, index: number, hash: Uint8Array) => void;

/** Grows a tree leaf by leaf, keeping only the roots of its perfect subtrees: memory O(log n), append amortised O(1). */
export class TreeBuilder {
  #size = 0;
  readonly #frontier: Uint8Array[] = [];

  static from(state: TreeState): TreeBuilder {
    const tree = new TreeBuilder();
    if (!Number.isSafeInteger(state.size) || state.size < 0 || state.frontier.length !== onesIn(state.size)) {
      throw new EvidenceError('TREE', 'the tree state does not fit its size');
    }
    tree.#size = state.size;
    for (const hex of state.frontier) {
      if (!/^[0-9a-f]{64}$/.test(hex))
        throw new EvidenceError('TREE', 'the tree state holds something that is no hash');
      tree.#frontier.push(bytesOfHex(hex));
    }
    return tree;
  }

  get size(): number {
    return this.#size;
  }

  append(hash: Uint8Array, onNode?: NodeSink): void {
    let node = hash;
    let level = 0;
    let index = this.#size;
    onNode?.(level, index, node);
    for (; index % 2 === 1; index = (index - 1) / 2) {
      node = nodeHash(this.#frontier.pop() as Uint8Array, node);
      level++;
      onNode?.(level, (index - 1) / 2, node);
    }
    this.#frontier.push(node);
    this.#size++;
  }

  root(): Uint8Array {
    return this.#frontier.length === 0
      ? emptyRoot()
      : this.#frontier.reduceRight((right, left) => nodeHash(left, right));
  }

  state(): TreeState {
    return { size: this.#size, frontier: this.#frontier.map(hexOf) };
  }
}

/** One bit of the size is one perfect subtree. */
function onesIn(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}
