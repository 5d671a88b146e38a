/** The trust file `waybill-keys/v1`: what an auditor pins, obtained outside every bundle. */
import { importPublicKey, sha256Hex } from '#crypto';
import { fromBase64 } from '../crypto/base64.ts';
import { equalBytes } from '../crypto/bytes.ts';
import { EvidenceError } from '../evidence-error.ts';
import { anyText, count, hex64, origin, reasonCode } from '../json/scalars.ts';
import { choose, closed, listOf, oneOf, requireShape, type Shape } from '../json/shape.ts';
import { type NoteAlgorithm, type NoteKey, parseVkey } from '../log/note.ts';
import type { AttestKey } from '../record/dsse.ts';

interface KeyRange {
  /** SHA-256 of the SPKI DER, in hex. */
  keyid: string;
  /** Base64 of the SPKI DER. */
  spki: string;
  /** First log index for which the key is valid. */
  from: number;
  /** First log index for which it no longer is. */
  to?: number;
  /** Why it was revoked, for people; `to` is what decides, and for what was used again also that it was. */
  revoked?: string;
}

export interface TrustedAttestKey extends KeyRange {
  use: 'attest';
  alg: 'ecdsa-p256-sha256';
}

export interface TrustedLogKey extends KeyRange {
  use: 'log';
  alg: NoteAlgorithm;
  /** The same key as a signed-note verifier key; its name is the origin. */
  vkey: string;
}

export interface TrustFile {
  format: 'waybill-keys/v1';
  origin: string;
  keys: (TrustedAttestKey | TrustedLogKey)[];
}

export interface IndexRange {
  from: number;
  /** Exclusive. */
  to: number;
}

/** A trust file whose keys have been loaded and found to be what they say. */
export interface Trust {
  origin: string;
  attest: (AttestKey & IndexRange & { isRevoked: boolean })[];
  log: (NoteKey & IndexRange)[];
}

const noteAlgorithm: Shape<NoteAlgorithm> = oneOf('ed25519', 'ecdsa-p256-sha256');
const range = { keyid: hex64, spki: anyText, from: count, to: { optional: count }, revoked: { optional: reasonCode } };

const trustFile: Shape<TrustFile> = closed<TrustFile>({
  format: oneOf('waybill-keys/v1'),
  origin,
  keys: listOf(
    choose((key): Shape<TrustFile['keys'][number]> => {
      const attest = closed<TrustedAttestKey>({ ...range, use: oneOf('attest'), alg: oneOf('ecdsa-p256-sha256') });
      const log = closed<TrustedLogKey>({ ...range, use: oneOf('log'), alg: noteAlgorithm, vkey: anyText });
      return (key.use === 'log' ? log : attest) as Shape<TrustFile['keys'][number]>;
    }),
    1,
  ),
});

/**
 * Loads a trust file that was parsed from JSON. Throws EvidenceError: the file is the auditor's, so that this is a
 * usage error.
 */
export function loadTrust(value: unknown): Trust {
  requireShape(trustFile, value, 'keys file');
  const trust: Trust = { origin: value.origin, attest: [], log: [] };
  for (const key of value.keys) {
    const spki = fromBase64(key.spki);
    const valid: IndexRange = { from: key.from, to: key.to ?? Number.MAX_SAFE_INTEGER };
    requireKeys(sha256Hex(spki) === key.keyid, 'a key id is not the SHA-256 of its key');
    if (key.use === 'attest') {
      const publicKey = importPublicKey(spki);
      requireKeys(publicKey.kind === 'p256', 'an attest key is not on P-256');
      trust.attest.push({ keyid: key.keyid, publicKey, ...valid, isRevoked: key.revoked !== undefined });
    } else {
      const note = parseVkey(key.vkey);
      const isSame = equalBytes(note.publicKey.spki, spki) && note.alg === key.alg;
      requireKeys(isSame, 'a log key and its verifier key differ');
      requireKeys(note.name === value.origin, 'the verifier key is not named after the origin');
      trust.log.push({ ...note, ...valid });
    }
  }
  return trust;
}

function requireKeys(holds: boolean, problem: string): void {
  if (!holds) throw new EvidenceError('KEYS', problem);
}
