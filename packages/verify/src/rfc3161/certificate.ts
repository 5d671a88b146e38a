/** X.509 certificates (RFC 5280), read as far as trusting a time stamp needs. What is not understood is kept for refusal. */
import { importPublicKey, type PublicKey } from '#crypto';
import { EvidenceError } from '../evidence-error.ts';
import { type AlgorithmId, readAlgorithm } from './algorithms.ts';
import { around, type DerNode, type DerRules, inPlaceOf, readDer, TAG } from './der.ts';
import { DerFields, inside, malformed, objectIdText, readInside, smallIntegerOf, wholeBytes } from './der-fields.ts';
import { certificateTime } from './der-time.ts';

const EXTENSION = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
} as const;
/** They take something away from what a certificate may do, so passing them over is never safe. */
const RESTRICTIONS: ReadonlySet<string> = new Set([
  EXTENSION.nameConstraints,
  EXTENSION.policyConstraints,
  EXTENSION.inhibitAnyPolicy,
]);
/** Bits of keyUsage, as masks over its nine bits in two bytes. */
export const KEY_USAGE = { digitalSignature: 0x8000, nonRepudiation: 0x4000, keyCertSign: 0x0400 } as const;

export interface Certificate {
  der: Uint8Array;
  /** What its issuer signed. */
  signed: Uint8Array;
  /** Content of the INTEGER. */
  serial: Uint8Array;
  /** Names in DER: two names are the same when their bytes are. */
  issuer: Uint8Array;
  subject: Uint8Array;
  notBeforeMs: number;
  notAfterMs: number;
  key: PublicKey;
  signatureAlgorithm: AlgorithmId;
  signature: Uint8Array;
  isCa: boolean;
  /** How many certificates of authorities may stand between this one and the last; null for any number. */
  pathLength: number | null;
  /** Two bytes, see KEY_USAGE; null when absent. */
  keyUsage: number | null;
  purposes: { oids: readonly string[]; isCritical: boolean } | null;
  /** GeneralNames in DER, each with its tag. */
  otherNames: readonly Uint8Array[];
  /** Object identifiers of extensions that must be understood and are not. */
  notUnderstood: readonly string[];
}

/** Reads a certificate that stands by itself. Throws TimestampError `encoding`. */
export function readCertificate(der: Uint8Array, what: string, rules?: DerRules): Certificate {
  return certificateOf(readDer(der, what, rules), what, rules);
}

/** Reads a certificate within other DER. Throws TimestampError `encoding`. */
export function certificateOf(node: DerNode, what: string, rules?: DerRules): Certificate {
  const outer = new DerFields(node, what);
  const tbs = outer.take(TAG.sequence, 'the signed part');
  const algorithm = outer.take(TAG.sequence, 'the signature algorithm');
  const signature = wholeBytes(outer.take(TAG.bitString, 'the signature'), `${what}: the signature`);
  outer.end();
  const fields = new DerFields(tbs, what);
  const version = fields.takeIf(around(0));
  if (version === undefined || smallIntegerOf(inside(version, what), what) !== 2)
    throw malformed(what, 'is not version 3');
  const serial = fields.take(TAG.integer, 'the serial number').content;
  if (serial.length > 21 || (serial[0] as number) >= 0x80) throw malformed(what, 'has a serial number out of range');
  const signatureAlgorithm = readAlgorithm(fields.take(TAG.sequence, 'the inner algorithm'), what);
  if (!sameAlgorithm(signatureAlgorithm, readAlgorithm(algorithm, what))) {
    throw malformed(what, 'names two signature algorithms');
  }
  const issuer = fields.take(TAG.sequence, 'the issuer').bytes;
  const validity = fields.sequence('the validity');
  const notBeforeMs = certificateTime(validity.takeAny() ?? node, `${what}: notBefore`);
  const notAfterMs = certificateTime(validity.takeAny() ?? node, `${what}: notAfter`);
  validity.end();
  const subject = fields.take(TAG.sequence, 'the subject').bytes;
  const spki = fields.take(TAG.sequence, 'the public key').bytes;
  fields.takeIf(inPlaceOf(1));
  fields.takeIf(inPlaceOf(2));
  const extensions = fields.takeIf(around(3));
  fields.end();
  return {
    ...{ der: node.bytes, signed: tbs.bytes, serial, issuer, subject, notBeforeMs, notAfterMs },
    ...{ key: importKey(spki, what), signatureAlgorithm, signature },
    ...readExtensions(extensions && inside(extensions, `${what}: extensions`), what, rules),
  };
}

function sameAlgorithm(a: AlgorithmId, b: AlgorithmId): boolean {
  return a.oid === b.oid && a.parameters === b.parameters;
}

function importKey(spki: Uint8Array, what: string): PublicKey {
  try {
    return importPublicKey(spki);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw malformed(what, `has a public key that is not supported: ${error.message}`);
  }
}

type Extensions = Pick<Certificate, 'isCa' | 'pathLength' | 'keyUsage' | 'purposes' | 'otherNames' | 'notUnderstood'>;

function readExtensions(list: DerNode | undefined, what: string, rules: DerRules | undefined): Extensions {
  const found: Extensions = {
    ...{ isCa: false, pathLength: null, keyUsage: null, purposes: null, otherNames: [] },
    notUnderstood: [],
  };
  if (list === undefined) return found;
  const seen = new Set<string>();
  const notUnderstood: string[] = [];
  for (const each of new DerFields(list, `${what}: extensions`).rest()) {
    const { oid, isCritical, value } = readExtension(each, what);
    if (seen.has(oid)) throw malformed(what, `has the extension ${oid} twice`);
    seen.add(oid);
    const inner = (): DerNode => readInside(value, `${what}: extension ${oid}`, rules);
    if (oid === EXTENSION.basicConstraints) Object.assign(found, readBasicConstraints(inner(), what));
    else if (oid === EXTENSION.keyUsage) found.keyUsage = readKeyUsage(inner(), what);
    else if (oid === EXTENSION.extendedKeyUsage) found.purposes = { oids: readPurposes(inner(), what), isCritical };
    else if (oid === EXTENSION.subjectAltName) found.otherNames = inner().children.map(({ bytes }) => bytes);
    else if (isCritical || RESTRICTIONS.has(oid)) notUnderstood.push(oid);
  }
  return { ...found, notUnderstood };
}

/** `Extension` of certificates and of TSTInfo. */
export function readExtension(node: DerNode, what: string): { oid: string; isCritical: boolean; value: DerNode } {
  const fields = new DerFields(node, `${what}: extension`);
  const oid = fields.objectId('the identifier');
  const isCritical = fields.flag();
  const value = fields.take(TAG.octetString, 'the value');
  fields.end();
  return { oid, isCritical, value };
}

function readBasicConstraints(node: DerNode, what: string): Pick<Certificate, 'isCa' | 'pathLength'> {
  const fields = new DerFields(node, `${what}: basicConstraints`);
  const isCa = fields.flag();
  const length = fields.takeIf(TAG.integer);
  fields.end();
  return { isCa, pathLength: length === undefined ? null : smallIntegerOf(length, `${what}: pathLenConstraint`) };
}

function readKeyUsage(node: DerNode, what: string): number {
  const [, first, second = 0] = node.content;
  if (node.tag !== TAG.bitString || first === undefined) throw malformed(what, 'has an empty or broken keyUsage');
  return first * 256 + second;
}

function readPurposes(node: DerNode, what: string): string[] {
  const oids = new DerFields(node, `${what}: extendedKeyUsage`).rest().map(({ tag, content }) => {
    if (tag !== TAG.objectId) throw malformed(what, 'has a broken extendedKeyUsage');
    return objectIdText(content);
  });
  if (oids.length === 0) throw malformed(what, 'has an empty extendedKeyUsage');
  return oids;
}
