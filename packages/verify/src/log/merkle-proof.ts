/** Inclusion and consistency proofs of RFC 9162 section 2.1: checking them, and making them from stored hashes. */
import { equalBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { nodeHash } from './merkle.ts';

const HASH_BYTES = 32;
const MAX_UINT64 = 2n ** 64n - 1n;

/**
 * Whether `proof` shows that the tree of `size` leaves with `root` holds `leaf` (a leaf hash) at `index`.
 * Sizes may be any uint64. A proof that is too long or too short is refused, whatever it hashes to.
 */
export function verifyInclusion(
  index: number | bigint,
  size: number | bigint,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  let fn = BigInt(index);
  let sn = BigInt(size) - 1n;
  if (fn < 0n || fn > sn || sn >= MAX_UINT64 || !areHashes(leaf, root, ...proof)) return false;
  let hash = leaf;
  for (const sibling of proof) {
    if (sn === 0n) return false;
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(fn) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equalBytes(hash, root);
}

/**
 * Whether `proof` shows that the tree (`newSize`, `newRoot`) begins with the tree (`oldSize`, `oldRoot`).
 * A tree of size zero says nothing and is refused.
 */
export function verifyConsistency(
  oldSize: number | bigint,
  newSize: number | bigint,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  const first = BigInt(oldSize);
  const second = BigInt(newSize);
  if (first <= 0n || first > second || second > MAX_UINT64 || !areHashes(oldRoot, newRoot, ...proof)) return false;
  if (first === second) return proof.length === 0 && equalBytes(oldRoot, newRoot);
  // A perfect old tree is itself the first node of the path.
  const path = isPowerOfTwo(first) ? [oldRoot, ...proof] : proof;
  let fn = first - 1n;
  let sn = second - 1n;
  while (isOdd(fn)) {
    fn >>= 1n;
    sn >>= 1n;
  }
  const start = path[0];
  if (start === undefined || proof.length === 0) return false;
  let oldHash = start;
  let newHash = start;
  for (const node of path.slice(1)) {
    if (sn === 0n) return false;
    if (isOdd(fn) || fn === sn) {
      oldHash = nodeHash(node, oldHash);
      newHash = nodeHash(node, newHash);
      while (!isOdd(fn) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      newHash = nodeHash(newHash, node);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equalBytes(oldHash, oldRoot) && equalBytes(newHash, newRoot);
}

/** Reads the hash of the perfect subtree `index` (from 0) at `level` (0 = leaf hashes). */
export type ReadHash = (level: number, index: number) => Uint8Array | Promise<Uint8Array>;

/** The proof that leaf `index` is in the tree of the first `size` leaves; reads O(log n) hashes. */
export async function inclusionProof(index: number, size: number, readHash: ReadHash): Promise<Uint8Array[]> {
  requireRange(index >= 0 && index < size, `no leaf ${index} in a tree of ${size}`);
  const proof: Uint8Array[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from);
    const isLeft = index < middle;
    proof.push(await (isLeft ? subtreeRoot(middle, to, readHash) : subtreeRoot(from, middle, readHash)));
    if (isLeft) to = middle;
    else from = middle;
  }
  return proof.reverse();
}

/** The proof that the tree of the first `newSize` leaves begins with that of the first `oldSize`; reads O(log n) hashes. */
export async function consistencyProof(oldSize: number, newSize: number, readHash: ReadHash): Promise<Uint8Array[]> {
  requireRange(oldSize > 0 && oldSize <= newSize, `a tree of ${newSize} does not begin with one of ${oldSize}`);
  const proof: Uint8Array[] = [];
  let from = 0;
  let to = newSize;
  while (oldSize !== to) {
    const middle = from + largestPowerBelow(to - from);
    const isLeft = oldSize <= middle;
    proof.push(await (isLeft ? subtreeRoot(middle, to, readHash) : subtreeRoot(from, middle, readHash)));
    if (isLeft) to = middle;
    else from = middle;
  }
  // The verifier knows the old root; any other subtree it has to be told.
  if (from !== 0) proof.push(await subtreeRoot(from, to, readHash));
  return proof.reverse();
}

/** The root over leaves [from, to), where `from` is a multiple of the largest perfect subtree in it. */
async function subtreeRoot(from: number, to: number, readHash: ReadHash): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let start = from; start < to; ) {
    const level = Math.floor(Math.log2(to - start));
    parts.push(await readHash(level, start / 2 ** level));
    start += 2 ** level;
  }
  return parts.reduceRight((right, left) => nodeHash(left, right));
}

function largestPowerBelow(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

function isOdd(n: bigint): boolean {
  return (n & 1n) === 1n;
}

function isPowerOfTwo(n: bigint): boolean {
  return (n & (n - 1n)) === 0n;
}

function areHashes(...values: Uint8Array[]): boolean {
  return values.every((value) => value.length === HASH_BYTES);
}

function requireRange(holds: boolean, problem: string): void {
  if (!holds) throw new EvidenceError('TREE', problem);
}
