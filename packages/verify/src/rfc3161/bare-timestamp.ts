/**
 * The form of a time stamp that evidence keeps: the same signed bytes, and around them nothing that the signature does
 * not cover and nobody needs. Authorities add words to the status, certificates that lead elsewhere, and more;
 * verification refuses it.
 */
import { equalBytes } from '../crypto/bytes.ts';
import { PATH_CHECKS } from './certificate-path.ts';
import { around, type DerNode, readDer, STRICT_DER, TAG } from './der.ts';
import { der, derSet, derUnsigned } from './der-writer.ts';
import { Stamp, type TimestampInput } from './stamp.ts';

const GRANTED = der(TAG.sequence, derUnsigned(Uint8Array.of(0)));
const NOTHING = new Uint8Array();

/**
 * Takes away what is not needed to verify the answer with these roots. Does not verify it. Throws EvidenceError
 * `TIMESTAMP` for an answer that cannot be read or has no token.
 */
export async function bareTimestamp(input: TimestampInput): Promise<Uint8Array> {
  const stamp = new Stamp(input, PATH_CHECKS, STRICT_DER);
  const { path } = await stamp.search();
  // The reading of the stamp has made sure of this shape.
  const [status, token] = readDer(input.tsr, 'the answer').children as [DerNode, DerNode];
  const [type, content] = token.children as [DerNode, DerNode];
  const fields = (content.children[0] as DerNode).children;
  const isOnPath = (certificate: Uint8Array): boolean => path.some((each) => equalBytes(each.der, certificate));
  const bare = fields.map((field, n) => {
    if (field.tag === around(0)) return bareCertificates(field, isOnPath);
    if (field.tag === around(1)) return NOTHING;
    return n === fields.length - 1 ? bareSigners(field) : field.bytes;
  });
  const signedData = der(TAG.sequence, ...bare);
  const bareToken = der(TAG.sequence, type.bytes, der(around(0), signedData));
  return der(TAG.sequence, stamp.status.code === 0 ? GRANTED : status.bytes, bareToken);
}

function bareCertificates(set: DerNode, isUsed: (der: Uint8Array) => boolean): Uint8Array {
  const used = set.children.map(({ bytes }) => bytes).filter(isUsed);
  const distinct = used.filter((bytes, n) => !used.slice(0, n).some((earlier) => equalBytes(earlier, bytes)));
  return distinct.length === 0 ? NOTHING : derSet(around(0), distinct);
}

/** Without the attributes that are not signed. */
function bareSigners(set: DerNode): Uint8Array {
  const signers = set.children.map(({ children }) => {
    const [last] = children.slice(-1);
    const kept = last?.tag === around(1) ? children.slice(0, -1) : children;
    return der(TAG.sequence, ...kept.map(({ bytes }) => bytes));
  });
  return derSet(TAG.set, signers);
}
