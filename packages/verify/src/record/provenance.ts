/** SLSA provenance v1 of what an attempt left: signed by the platform, over digests that the platform took. */
import type { Digest } from '../crypto/digest.ts';
import { digest, hex32, itemId, name, ordinal, origin, outputName, time } from '../json/scalars.ts';
import { closed, listOf, oneOf, type Shape, text } from '../json/shape.ts';
import { isolation, outcome } from './event-shapes.ts';
import type { Isolation, SealedOutcome } from './events.ts';
import { type NamedDigest, namedDigest, type Statement, statementShape } from './in-toto.ts';

export const PROVENANCE_PREDICATE = 'https://slsa.dev/provenance/v1';
export const ATTEMPT_BUILD_TYPE = 'https://waybill.dev/build/attempt/v1';
/** The isolation of the attempt stands behind the `#`. */
export const BUILDER_ID = 'https://waybill.dev/builder/v1';

export interface ProvenancePredicate {
  buildDefinition: {
    buildType: typeof ATTEMPT_BUILD_TYPE;
    /** The recipe of a pure item. */
    externalParameters: { plan: Digest; spec: Digest; item: string; recipe?: Digest };
    internalParameters: {
      origin: string;
      run: string;
      attempt: number;
      attemptId: string;
      isolation: Isolation;
      outcome: SealedOutcome;
    };
    /** `manifest`, `executable` unless in-process, `source` of a git source, `inputs/<key>` in the manifest's order. */
    resolvedDependencies: NamedDigest[];
  };
  runDetails: {
    builder: { id: `${typeof BUILDER_ID}#${Isolation}` };
    /** From the issue of the manifest to the event that names this statement. */
    metadata: { invocationId: string; startedOn: string; finishedOn: string };
    /** The log, when there is one. */
    byproducts: NamedDigest[];
  };
}

/** Subjects: the recorded outputs of kind `patch` and `output`, in their order. */
export type ProvenanceStatement = Statement<typeof PROVENANCE_PREDICATE, ProvenancePredicate>;

type Build = ProvenancePredicate['buildDefinition'];
type Details = ProvenancePredicate['runDetails'];

const dependencyName: Shape<string> = (value) =>
  value === 'manifest' || value === 'executable' || value === 'source' ? undefined : inputName(value);

/** `inputs/<need key>`. */
export const inputName: Shape<string> = (value) =>
  typeof value === 'string' && value.startsWith('inputs/') ? name(value.slice(7)) : ' is no dependency of an attempt';

export const provenanceStatement: Shape<ProvenanceStatement> = statementShape(
  PROVENANCE_PREDICATE,
  outputName,
  closed<ProvenancePredicate>({
    buildDefinition: closed<Build>({
      buildType: oneOf(ATTEMPT_BUILD_TYPE),
      externalParameters: closed<Build['externalParameters']>({
        plan: digest,
        spec: digest,
        item: itemId,
        recipe: { optional: digest },
      }),
      internalParameters: closed<Build['internalParameters']>({
        origin,
        run: hex32,
        attempt: ordinal,
        attemptId: hex32,
        isolation,
        outcome,
      }),
      resolvedDependencies: listOf(namedDigest(dependencyName), 1),
    }),
    runDetails: closed<Details>({
      builder: closed<Details['builder']>({
        id: text<Details['builder']['id']>(
          /^https:\/\/waybill\.dev\/builder\/v1#(?:bubblewrap|container|none|in-process)$/,
          'a builder of attempts',
        ),
      }),
      metadata: closed<Details['metadata']>({ invocationId: hex32, startedOn: time, finishedOn: time }),
      byproducts: listOf(namedDigest(oneOf('log') as Shape<string>)),
    }),
  }),
);
