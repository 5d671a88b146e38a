/**
 * A provenance as tools of others read it: a Sigstore bundle v0.3 around the very envelope of the audit bundle. It carries no
 * certificate and no entry of a public log, only a hint of the key, so that the reader brings the key.
 */
import { readBundleLine, STRICT_RULES } from './bundle-line.ts';
import { type DsseEnvelope, formatEnvelope } from './dsse.ts';
import { LineSplitter } from './line-splitter.ts';
import { DEFAULT_LIMITS } from './read-limits.ts';

export const SIGSTORE_BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

export interface SigstoreBundle {
  mediaType: typeof SIGSTORE_BUNDLE_TYPE;
  /** `hint` is the key id. */
  verificationMaterial: { publicKey: { hint: string } };
  dsseEnvelope: DsseEnvelope;
}

/**
 * The provenance of an attempt, out of the audit bundle of its run; undefined when there is none. Judges nothing: neither the
 * audit bundle nor the signature. Throws EvidenceError for a line that is none.
 */
export async function sigstoreBundleOf(
  auditBundle: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  attemptId: string,
): Promise<SigstoreBundle | undefined> {
  const splitter = new LineSplitter(DEFAULT_LIMITS);
  for await (const chunk of auditBundle) {
    for (const bytes of splitter.push(chunk)) {
      const line = readBundleLine(bytes, STRICT_RULES);
      if (line.kind !== 'provenance') continue;
      const { envelope, statement } = line.provenance;
      const { internalParameters } = statement.predicate.buildDefinition;
      if (internalParameters.attemptId !== attemptId) continue;
      return sigstoreBundle(formatEnvelope(envelope.payload, envelope.keyid, envelope.signature));
    }
  }
  return undefined;
}

function sigstoreBundle(dsseEnvelope: DsseEnvelope): SigstoreBundle {
  const [{ keyid }] = dsseEnvelope.signatures as [DsseEnvelope['signatures'][number]];
  return { mediaType: SIGSTORE_BUNDLE_TYPE, verificationMaterial: { publicKey: { hint: keyid } }, dsseEnvelope };
}
