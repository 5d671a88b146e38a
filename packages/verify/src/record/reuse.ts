/** The key under which a result may be used again: all that a pure item's result may depend on, and nothing else. */
import { type Digest, digestOf } from '../crypto/digest.ts';
import { canonicalize } from '../json/jcs.ts';
import type { Isolation } from './events.ts';
import type { ProvenanceStatement } from './provenance.ts';

/** No other digest of ours is over bytes that begin so. */
const DOMAIN = 'waybill-reuse/v1\n';

/** What a pure item does, whatever it is called and however long it may take. */
export function recipeOf({ env, pipeline, outputs, capabilities }: Recipe): Digest {
  // What was held to other types may not be of these.
  const typed = outputs === undefined ? {} : { outputs };
  // Their bytes are inputs; in which order they were laid over each other is in none.
  const laid = capabilities === undefined ? {} : { capabilities };
  return digestOf(`waybill-recipe/v1\n${canonicalize({ env, pipeline, ...typed, ...laid })}`);
}

interface Recipe {
  env: object;
  pipeline: readonly object[];
  outputs?: readonly object[];
  capabilities?: readonly string[];
}

export interface ReuseFacts {
  /** Of what the item does, as its plan has it. */
  recipe: Digest;
  executable: Digest | 'in-process';
  /** A result that was made without a sandbox is not one that was made in one. */
  isolation: Isolation;
  /** The bundle of a git source; null for an empty workspace. */
  source: Digest | null;
  /** All that stands under inputs/, in any order. */
  inputs: readonly { key: string; sha256: Digest }[];
}

export function reuseKey({ recipe, executable, isolation, source, inputs }: ReuseFacts): Digest {
  const sorted = inputs
    .map(({ key, sha256 }) => ({ key, sha256 }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return digestOf(`${DOMAIN}${canonicalize({ recipe, executable, isolation, source, inputs: sorted })}`);
}

/** What the key of an attempt is made of, from its signed provenance alone; undefined when that names no recipe. */
export function reuseFactsOf({ predicate }: ProvenanceStatement): ReuseFacts | undefined {
  const { externalParameters, internalParameters, resolvedDependencies } = predicate.buildDefinition;
  const { recipe } = externalParameters;
  if (recipe === undefined) return undefined;
  const digests = new Map(resolvedDependencies.map(({ name, digest }) => [name, `sha256:${digest.sha256}` as Digest]));
  const inputs = [...digests].flatMap(([name, sha256]) =>
    name.startsWith(INPUT) ? [{ key: name.slice(INPUT.length), sha256 }] : [],
  );
  return {
    recipe,
    executable: digests.get('executable') ?? 'in-process',
    isolation: internalParameters.isolation,
    source: digests.get('source') ?? null,
    inputs,
  };
}

const INPUT = 'inputs/';
