/** What one bundle shows of the deployment's log, in the form in which a state file remembers it. */

import type { BundleFacts } from '../checks/check.ts';
import { mustFind } from '../contradiction.ts';
import { toBase64 } from '../crypto/base64.ts';
import { hexOf } from '../crypto/bytes.ts';
import { nodeHash } from '../log/merkle.ts';
import type { Sighting } from './verify-state.ts';

/** Throws Contradiction when the file lacks a part; the proofs in it have to be verified already. */
export function sightingOf({ openedEntry, sealedEntry }: BundleFacts): Sighting {
  const opened = mustFind(openedEntry, 'the file has no log entry of the opening', 'LOG_ENTRY_MISSING');
  const sealed = mustFind(sealedEntry, 'the file has no log entry of the seal', 'LOG_ENTRY_MISSING');
  const { size, root, origin } = sealed.checkpoint;
  const { runSeq, run, seal } = sealed.entry;
  const nodes = [opened, sealed].flatMap(({ proof, leaf }) => perfectNodes(proof.index, size, leaf, proof.hashes));
  return {
    origin,
    checkpoint: { size, root: toBase64(root), note: sealed.proof.checkpoint },
    run: { runSeq, run, opened: opened.proof.index, sealed: sealed.proof.index, root: sealed.entry.root, seal },
    nodes: [...new Map(nodes.map((node) => [node.at, node])).values()],
  };
}

/**
 * The perfect subtrees that an inclusion proof names or leads through, as `<level>/<index>`. They never change while a log
 * grows, so that two proofs of one log agree on every one that both name.
 */
export function perfectNodes(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
): { at: string; hash: string }[] {
  const nodes: { at: string; hash: string }[] = [];
  const see = (from: number, to: number, hash: Uint8Array): Uint8Array => {
    const width = to - from;
    const level = Math.log2(width);
    if (Number.isInteger(level)) nodes.push({ at: `${level}/${from / width}`, hash: hexOf(hash) });
    return hash;
  };
  const rootOf = (from: number, to: number, depth: number): Uint8Array => {
    if (to - from === 1) return see(from, to, leaf);
    const middle = from + splitOf(to - from);
    const sibling = mustFind(proof[proof.length - 1 - depth], 'a proof is too short', 'LOG_INCLUSION');
    if (index < middle) {
      const left = rootOf(from, middle, depth + 1);
      return see(from, to, nodeHash(left, see(middle, to, sibling)));
    }
    see(from, middle, sibling);
    return see(from, to, nodeHash(sibling, rootOf(middle, to, depth + 1)));
  };
  rootOf(0, size, 0);
  return nodes;
}

/** The perfect subtrees that a log of this size is put together from, largest first, as `<level>/<index>`. */
export function partsOf(size: number): string[] {
  const parts: string[] = [];
  for (let from = 0; from < size; ) {
    const level = Math.floor(Math.log2(size - from));
    parts.push(`${level}/${from / 2 ** level}`);
    from += 2 ** level;
  }
  return parts;
}

function splitOf(width: number): number {
  let power = 1;
  while (power * 2 < width) power *= 2;
  return power;
}
