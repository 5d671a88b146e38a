/**
 * A provenance as tools of others read it: a Sigstore bundle v0.3 with payload and signature of the audit bundle. It
 * carries no certificate and no entry of a public log, only a hint of the key, so that the reader brings the key.
 */

import { toBase64 } from '../crypto/base64.ts';
import { readBundleLine, STRICT_RULES } from './bundle-line.ts';
import { IN_TOTO_PAYLOAD_TYPE, type OpenedEnvelope } from './dsse.ts';
import { LineSplitter } from './line-splitter.ts';
import { DEFAULT_LIMITS } from './read-limits.ts';

export const SIGSTORE_BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

export interface SigstoreBundle {
  mediaType: typeof SIGSTORE_BUNDLE_TYPE;
  /** `hint` is the key id. */
  verificationMaterial: { publicKey: { hint: string } };
  /** Without a key id: DSSE does not sign it, and cosign refuses every one that is not in its own form. */
  dsseEnvelope: { payload: string; payloadType: typeof IN_TOTO_PAYLOAD_TYPE; signatures: { sig: string }[] };
}

/**
 * The provenance of an attempt, out of the audit bundle of its run; undefined when there is none. Judges nothing:
 * neither the audit bundle nor the signature. Throws EvidenceError for a line that is none.
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
      return sigstoreBundle(envelope);
    }
  }
  return undefined;
}

function sigstoreBundle({ payload, signature, keyid }: OpenedEnvelope): SigstoreBundle {
  return {
    mediaType: SIGSTORE_BUNDLE_TYPE,
    verificationMaterial: { publicKey: { hint: keyid } },
    dsseEnvelope: {
      payload: toBase64(payload),
      payloadType: IN_TOTO_PAYLOAD_TYPE,
      signatures: [{ sig: toBase64(signature) }],
    },
  };
}
