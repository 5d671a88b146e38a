/** TSTInfo (RFC 3161): what a time-stamping authority signs. */
import { type AlgorithmId, readAlgorithm } from './algorithms.ts';
import { readExtension } from './certificate.ts';
import { around, type DerNode, type DerRules, inPlaceOf, readDer, TAG } from './der.ts';
import { DerFields, inside, malformed, smallIntegerOf } from './der-fields.ts';
import { generalizedTime } from './der-time.ts';

/** Of an accuracy that is not stated: ETSI EN 319 421 asks for a second or better, and genTime may be cut to its second. */
const ASSUMED_ACCURACY_MS = 1000;

export interface TstInfo {
  version: number;
  policy: string;
  imprint: { algorithm: AlgorithmId; hash: Uint8Array };
  /** Content of the INTEGER. */
  serial: Uint8Array;
  /** Rounded down to a millisecond. */
  genTimeMs: number;
  /** Rounded up, including what the rounding of genTime took away. */
  accuracyMs: number;
  isAccuracyStated: boolean;
  /** Content of the INTEGER. */
  nonce: Uint8Array | undefined;
  /** A GeneralName in DER, and the name in it if it is a directory name. */
  authority: { generalName: Uint8Array; name: Uint8Array | undefined } | undefined;
  criticalExtensions: readonly string[];
}

/** Throws TimestampError `encoding`. */
export function readTstInfo(der: Uint8Array, rules?: DerRules): TstInfo {
  const what = 'TSTInfo';
  const fields = new DerFields(readDer(der, what, rules), what);
  const version = fields.smallInteger('the version');
  const policy = fields.objectId('the policy');
  const imprint = fields.sequence('the message imprint');
  const algorithm = readAlgorithm(imprint.take(TAG.sequence, 'the hash algorithm'), `${what}: hash algorithm`);
  const hash = imprint.take(TAG.octetString, 'the hash').content;
  imprint.end();
  const serial = fields.take(TAG.integer, 'the serial number').content;
  const time = generalizedTime(fields.take(TAG.generalizedTime, 'genTime'), `${what}: genTime`);
  const accuracyMicros = readAccuracyMicros(fields);
  fields.flag(); // ordering: of no meaning to somebody who holds one token
  const nonce = fields.takeIf(TAG.integer)?.content;
  const authority = fields.takeIf(around(0));
  const extensions = fields.takeIf(around(1));
  fields.end();
  const accuracyMs = accuracyMicros === undefined ? ASSUMED_ACCURACY_MS : Math.ceil(accuracyMicros / 1000);
  return {
    ...{ version, policy, imprint: { algorithm, hash }, serial, nonce },
    genTimeMs: time.ms,
    accuracyMs: accuracyMs + (time.isRoundedDown ? 1 : 0),
    isAccuracyStated: accuracyMicros !== undefined,
    authority: authority && readAuthority(inside(authority, `${what}: tsa`)),
    criticalExtensions: (extensions?.children ?? [])
      .map((each) => readExtension(each, what))
      .flatMap(({ oid, isCritical }) => (isCritical ? [oid] : [])),
  };
}

function readAuthority(node: DerNode): TstInfo['authority'] {
  const isDirectoryName = node.tag === around(4);
  return { generalName: node.bytes, name: isDirectoryName ? inside(node, 'TSTInfo: tsa').bytes : undefined };
}

function readAccuracyMicros(info: DerFields): number | undefined {
  const node = info.takeIf(TAG.sequence);
  if (node === undefined) return undefined;
  const what = 'TSTInfo: accuracy';
  const fields = new DerFields(node, what);
  const seconds = fields.takeIf(TAG.integer);
  const parts = [inPlaceOf(0), inPlaceOf(1)].map((tag) => {
    const part = fields.takeIf(tag);
    const value = part === undefined ? 0 : smallIntegerOf(part, what);
    if (part !== undefined && (value < 1 || value > 999)) throw malformed(what, 'has a part that is not from 1 to 999');
    return value;
  });
  fields.end();
  const [millis = 0, micros = 0] = parts;
  return (seconds === undefined ? 0 : smallIntegerOf(seconds, what)) * 1_000_000 + millis * 1000 + micros;
}
