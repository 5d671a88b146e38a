/** TimeStampReq (RFC 3161): what is sent to a time-stamping authority. */
import { sha256 } from '#crypto';
import { bytesOfHex } from '../crypto/bytes.ts';
import { TAG } from './der.ts';
import { der, derUnsigned } from './der-writer.ts';

/** `2.16.840.1.101.3.4.2.1`, SHA-256 without parameters, as a whole AlgorithmIdentifier. */
const SHA_256 = bytesOfHex('300b0609608648016503040201');

/**
 * Asks for a time stamp over the SHA-256 of the message, with the certificates in the token.
 * @param nonce a number that nobody could have guessed, highest byte first; an answer with the same one is new
 */
export function timestampRequest(message: Uint8Array, nonce: Uint8Array): Uint8Array {
  const version = derUnsigned(Uint8Array.of(1));
  const imprint = der(TAG.sequence, SHA_256, der(TAG.octetString, sha256(message)));
  const wantsCertificates = der(TAG.boolean, Uint8Array.of(0xff));
  return der(TAG.sequence, version, imprint, derUnsigned(nonce), wantsCertificates);
}
