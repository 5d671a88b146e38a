/**
 * TimeStampResp (RFC 3161) and the CMS SignedData (RFC 5652) in it, read into fields. Whether they are right is judged
 * elsewhere; only what cannot be read at all is refused here.
 */
import { type AlgorithmId, readAlgorithm } from './algorithms.ts';
import { type Certificate, certificateOf } from './certificate.ts';
import { around, type DerNode, type DerRules, isSorted, printable, readDer, STRICT_DER, TAG } from './der.ts';
import { DerFields, inside, malformed } from './der-fields.ts';
import { requireStamp } from './timestamp-error.ts';

export const MAX_TSR_BYTES = 65_536;
const MAX_CERTIFICATES = 16;
const MAX_SIGNERS = 4;
const MAX_ATTRIBUTES = 32;

export interface TimestampStatus {
  code: number;
  /** What the authority adds in words, not signed. */
  text: readonly string[];
  /** Bits of PKIFailureInfo, not signed. */
  failures: readonly number[];
}

export interface SignerInfo {
  version: number;
  /** Names the signer's certificate. */
  issuer: Uint8Array;
  serial: Uint8Array;
  digestAlgorithm: AlgorithmId;
  /** The bytes that are signed and the attributes in them; undefined when there are none. */
  attributes: { signed: Uint8Array; list: readonly SignedAttribute[] } | undefined;
  signatureAlgorithm: AlgorithmId;
  signature: Uint8Array;
  hasUnsignedAttributes: boolean;
}

export interface SignedAttribute {
  oid: string;
  values: readonly DerNode[];
}

export interface SignedData {
  contentType: string;
  version: number;
  digestAlgorithms: readonly AlgorithmId[];
  innerType: string;
  /** TSTInfo in DER. */
  content: Uint8Array;
  certificates: readonly Certificate[];
  /** A set of certificates without any, instead of none. */
  hasEmptySet: boolean;
  hasRevocationLists: boolean;
  signers: readonly SignerInfo[];
}

/** Reads the status alone, also of an answer without a token. Throws EvidenceError `TIMESTAMP`. */
export function timestampStatus(tsr: Uint8Array): TimestampStatus {
  return splitResponse(tsr).status;
}

/** Reads all of an answer. Throws TimestampError `encoding`, or `status` for an answer without a token. */
export function readResponse(tsr: Uint8Array, rules?: DerRules): { status: TimestampStatus; token: SignedData } {
  const { status, token } = splitResponse(tsr, rules);
  if (token === undefined) {
    const said = status.text.map((text) => ` (${text})`).join('');
    requireStamp('status', false, `the authority refused: status ${status.code}, no token${said}`);
    throw malformed('the answer', 'has no token');
  }
  return { status, token: readContentInfo(token, rules ?? STRICT_DER) };
}

function splitResponse(tsr: Uint8Array, rules?: DerRules): { status: TimestampStatus; token?: DerNode } {
  requireStamp(
    'encoding',
    tsr.length <= MAX_TSR_BYTES,
    `the answer has ${tsr.length} bytes, more than ${MAX_TSR_BYTES}`,
  );
  const fields = new DerFields(readDer(tsr, 'the answer', rules), 'the answer');
  const status = readStatusInfo(fields.sequence('the status'));
  const token = fields.takeIf(TAG.sequence);
  fields.end();
  return token === undefined ? { status } : { status, token };
}

function readStatusInfo(fields: DerFields): TimestampStatus {
  const code = fields.smallInteger('the code');
  const text = fields.takeIf(TAG.sequence)?.children ?? [];
  const failures = fields.takeIf(TAG.bitString)?.content ?? new Uint8Array();
  fields.end();
  const bits = Array.from(failures.subarray(1, 5)).flatMap((byte, n) =>
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => ((byte & (0x80 >> bit)) === 0 ? [] : [n * 8 + bit])),
  );
  return { code, text: text.map(({ content }) => printable(content)), failures: bits };
}

function readContentInfo(node: DerNode, rules: DerRules): SignedData {
  const info = new DerFields(node, 'the token');
  const contentType = info.objectId('the content type');
  const wrapped = info.take(around(0), 'the content');
  info.end();
  const what = 'SignedData';
  const fields = new DerFields(inside(wrapped, 'the token'), what);
  const version = fields.smallInteger('the version');
  const digestAlgorithms = fields.take(TAG.set, 'the digest algorithms').children;
  const inner = fields.sequence('the encapsulated content');
  const innerType = inner.objectId('the type');
  const content = inside(inner.take(around(0), 'the content'), `${what}: the encapsulated content`);
  if (content.tag !== TAG.octetString)
    throw malformed(what, 'wraps its content in something other than an OCTET STRING');
  inner.end();
  const certificates = fields.takeIf(around(0));
  const revocationLists = fields.takeIf(around(1));
  const signers = fields.take(TAG.set, 'the signers').children;
  fields.end();
  if (signers.length > MAX_SIGNERS) throw malformed(what, `has ${signers.length} signers`);
  return {
    ...{ contentType, version, innerType, content: content.content },
    digestAlgorithms: digestAlgorithms.map((each) => readAlgorithm(each, `${what}: digest algorithm`)),
    certificates: readCertificates(certificates, rules),
    hasEmptySet: certificates?.children.length === 0,
    hasRevocationLists: revocationLists !== undefined,
    signers: signers.map((each) => readSignerInfo(each, rules)),
  };
}

function readCertificates(set: DerNode | undefined, rules: DerRules): Certificate[] {
  const nodes = set?.children ?? [];
  const what = 'the certificates of the token';
  if (nodes.length > MAX_CERTIFICATES) throw malformed(what, `are more than ${MAX_CERTIFICATES}`);
  // Their order is left open: CMS asks for DER in signed attributes only, and openssl does not sort certificates.
  return nodes.map((node, n) => certificateOf(node, `certificate ${n + 1} of the token`, rules));
}

function readSignerInfo(node: DerNode, rules: DerRules): SignerInfo {
  const what = 'SignerInfo';
  const fields = new DerFields(node, what);
  const version = fields.smallInteger('the version');
  const sid = fields.sequence('issuer and serial number');
  const issuer = sid.take(TAG.sequence, 'the issuer').bytes;
  const serial = sid.take(TAG.integer, 'the serial number').content;
  sid.end();
  const digestAlgorithm = readAlgorithm(fields.take(TAG.sequence, 'the digest algorithm'), `${what}: digest algorithm`);
  const attributes = fields.takeIf(around(0));
  const algorithm = fields.take(TAG.sequence, 'the signature algorithm');
  const signature = fields.take(TAG.octetString, 'the signature').content;
  const unsigned = fields.takeIf(around(1));
  fields.end();
  return {
    ...{ version, issuer, serial, digestAlgorithm, signature },
    attributes: attributes && readAttributes(attributes, rules),
    signatureAlgorithm: readAlgorithm(algorithm, `${what}: signature algorithm`),
    hasUnsignedAttributes: unsigned !== undefined,
  };
}

function readAttributes(node: DerNode, rules: DerRules): NonNullable<SignerInfo['attributes']> {
  const what = 'the signed attributes';
  if (node.children.length > MAX_ATTRIBUTES) throw malformed(what, `are more than ${MAX_ATTRIBUTES}`);
  if (rules.sortedSets && !isSorted(node.children)) throw malformed(what, 'are not DER: a SET that is not sorted');
  // The signature is over a SET, whose tag [0] stands in place of.
  const signed = Uint8Array.from(node.bytes);
  signed[0] = TAG.set;
  const list = node.children.map((each) => {
    const fields = new DerFields(each, what);
    const oid = fields.objectId('the type');
    const values = fields.take(TAG.set, 'the values').children;
    fields.end();
    return { oid, values };
  });
  return { signed, list };
}
