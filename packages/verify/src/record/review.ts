/** What a gate is about: the outputs of the items that it names, as they were when it began to wait, under one digest. */
import { type Digest, digestOf } from '../crypto/digest.ts';
import { canonicalize } from '../json/jcs.ts';

interface Output {
  name: string;
  kind: string;
  sha256: Digest;
}

/** @param under each item with what it left, logs included; null where it is not done */
export function reviewDigest(under: readonly { item: string; outputs: readonly Output[] | null }[]): Digest {
  const items = under.map(({ item, outputs }) => ({ item, outputs: outputs === null ? null : listed(outputs) }));
  return digestOf(canonicalize(items.sort((a, b) => (a.item < b.item ? -1 : 1))));
}

/** A log is no work. */
function listed(outputs: readonly Output[]): { name: string; sha256: Digest }[] {
  return outputs
    .filter(({ kind }) => kind !== 'log')
    .map(({ name, sha256 }) => ({ name, sha256 }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
