/** What a time-stamp token has to be, check by check, in the order in which they are made. */
import { digestWith, verifySignature } from '#crypto';
import { equalBytes } from '../crypto/bytes.ts';
import type { HashName } from '../crypto/signature-algorithm.ts';
import { algorithmName, hashOf, readAlgorithm, signatureOf } from './algorithms.ts';
import { type Certificate, KEY_USAGE } from './certificate.ts';
import { nameText, TIME_STAMPING } from './certificate-path.ts';
import { around, type DerNode, TAG } from './der.ts';
import { DerFields, inside, objectIdText } from './der-fields.ts';
import { unsignedContent } from './der-writer.ts';
import type { Stamp } from './stamp.ts';
import { requireStamp, type TimestampCheckId, TimestampError } from './timestamp-error.ts';
import type { SignerInfo } from './timestamp-response.ts';

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
/** Whoever does not know the hour does not attest a time. */
const MAX_ACCURACY_MS = 3_600_000;
const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const;

export interface TokenCheck {
  id: TimestampCheckId;
  claim: string;
  judge(stamp: Stamp): void | Promise<void>;
}

const status: TokenCheck = {
  id: 'status',
  claim: 'The authority granted the request as it was.',
  judge({ status: { code } }) {
    requireStamp('status', code === 0, `the status is ${code}, not 0 (granted)`);
  },
};

const content: TokenCheck = {
  id: 'content',
  claim: 'The token is CMS SignedData, version 3, around a TSTInfo, with a signer of version 1.',
  judge({ token, signer }) {
    requireStamp(
      'content',
      token.contentType === SIGNED_DATA,
      `the token is of type ${token.contentType}, not SignedData`,
    );
    requireStamp('content', token.innerType === TST_INFO, `what is signed is of type ${token.innerType}, not TSTInfo`);
    requireStamp('content', token.version === 3, `SignedData has version ${token.version}, not 3`);
    requireStamp('content', signer.version === 1, `SignerInfo has version ${signer.version}, not 1`);
  },
};

const oneSigner: TokenCheck = {
  id: 'one-signer',
  claim: 'Exactly one signer signed it.',
  judge({ token: { signers } }) {
    requireStamp('one-signer', signers.length === 1, `the token has ${signers.length} signers`);
  },
};

const digestAlgorithm: TokenCheck = {
  id: 'digest-algorithm',
  claim: 'SignedData names the digest algorithm of its signer and no other; it is SHA-256, 384 or 512.',
  judge({ token: { digestAlgorithms }, signer }) {
    const hash = digestOfSigner(signer);
    const isSame = digestAlgorithms.length === 1 && digestAlgorithms.every((each) => hashOf(each) === hash);
    requireStamp('digest-algorithm', isSame, 'SignedData names other digest algorithms than its signer');
  },
};

const signedAttributes: TokenCheck = {
  id: 'signed-attributes',
  claim: 'The signer signed attributes, each of them once.',
  judge({ signer: { attributes } }) {
    requireStamp('signed-attributes', attributes !== undefined, 'the signer signed no attributes');
    const oids = attributes.list.map(({ oid }) => oid);
    requireStamp('signed-attributes', new Set(oids).size === oids.length, 'a signed attribute stands there twice');
  },
};

const contentTypeAttribute: TokenCheck = {
  id: 'content-type-attribute',
  claim: 'The signed content type is TSTInfo.',
  judge({ signer }) {
    const value = attributeOf(signer, ATTRIBUTE.contentType);
    const isInfo = value !== undefined && value.tag === TAG.objectId && objectIdText(value.content) === TST_INFO;
    const isFree = signer.attributes === undefined;
    requireStamp('content-type-attribute', isInfo || isFree, 'the signed attribute content-type is not TSTInfo');
  },
};

const messageDigestAttribute: TokenCheck = {
  id: 'message-digest-attribute',
  claim: 'The signed message digest is the hash of the TSTInfo.',
  async judge({ signer, token }) {
    if (signer.attributes === undefined) return;
    const value = attributeOf(signer, ATTRIBUTE.messageDigest);
    const digest = await digestWith(digestOfSigner(signer), token.content);
    const isSame = value !== undefined && value.tag === TAG.octetString && equalBytes(value.content, digest);
    requireStamp(
      'message-digest-attribute',
      isSame,
      'the signed attribute message-digest is not the hash of the TSTInfo',
    );
  },
};

/**
 * The older attribute of RFC 2634 names a certificate by SHA-1, which no longer tells two certificates apart. It may
 * stand beside the one of RFC 5816 and then says nothing; alone it is not enough.
 */
const certificateAttribute: TokenCheck = {
  id: 'certificate-attribute',
  claim: "The signed attribute signing-certificate-v2 (RFC 5816) names the signer's certificate by its hash.",
  async judge(stamp) {
    const { signer, certificate } = stamp;
    if (signer.attributes === undefined) return;
    const value = attributeOf(signer, ATTRIBUTE.signingCertificateV2);
    if (value === undefined) {
      const isOld = signer.attributes.list.some(({ oid }) => oid === ATTRIBUTE.signingCertificate);
      const beside = isOld ? ', only signing-certificate, which names it by SHA-1' : '';
      throw new TimestampError(
        'certificate-attribute',
        `the signed attribute signing-certificate-v2 is missing${beside}`,
      );
    }
    const [first, ...others] = readCertificateIds(value);
    const isNamed = first !== undefined && (await isNamedBy(certificate, first));
    requireStamp('certificate-attribute', isNamed, "signing-certificate-v2 does not name the signer's certificate");
    const { path } = await stamp.search();
    for (const other of others) {
      const named = await Promise.all(path.map((each) => isNamedBy(each, other)));
      requireStamp(
        'certificate-attribute',
        named.includes(true),
        'signing-certificate-v2 names one that is not on the path',
      );
    }
  },
};

const purpose: TokenCheck = {
  id: 'purpose',
  claim: "The signer's certificate is for time stamping and nothing else, and says so as critical.",
  judge({ certificate: { purposes } }) {
    requireStamp('purpose', purposes !== null, "the signer's certificate has no extKeyUsage");
    const isTimeStamping = purposes.oids.includes(TIME_STAMPING);
    requireStamp('purpose', isTimeStamping, "extKeyUsage of the signer's certificate is not time stamping");
    const isAlone = purposes.oids.length === 1;
    requireStamp('purpose', isAlone, "extKeyUsage of the signer's certificate allows more than time stamping");
    requireStamp('purpose', purposes.isCritical, "extKeyUsage of the signer's certificate is not critical");
  },
};

const keyUsage: TokenCheck = {
  id: 'key-usage',
  claim: "keyUsage of the signer's certificate, where there is one, allows signatures and nothing else.",
  judge({ certificate: { keyUsage: bits } }) {
    const allowed = KEY_USAGE.digitalSignature | KEY_USAGE.nonRepudiation;
    const holds = bits === null || ((bits & allowed) !== 0 && (bits & ~allowed) === 0);
    requireStamp('key-usage', holds, "keyUsage of the signer's certificate is not for signatures alone");
  },
};

const signature: TokenCheck = {
  id: 'signature',
  claim: 'The signature over the signed attributes holds: RSA PKCS #1 v1.5 or ECDSA on P-256, P-384 or P-521.',
  async judge({ signer, certificate, token }) {
    const algorithm = signatureOf(signer.signatureAlgorithm, certificate.key, digestOfSigner(signer));
    if (algorithm === undefined) {
      const used = algorithmName(signer.signatureAlgorithm);
      throw new TimestampError('signature', `the signature algorithm ${used} does not fit the key or is not supported`);
    }
    const signed = signer.attributes?.signed ?? token.content;
    const holds = await verifySignature(algorithm, certificate.key, signed, signer.signature);
    requireStamp('signature', holds, "the signature is not that of the signer's certificate");
  },
};

const info: TokenCheck = {
  id: 'info',
  claim: 'TSTInfo has version 1, an accuracy of an hour or better, and no critical extension.',
  judge({ info: { version, accuracyMs, criticalExtensions } }) {
    requireStamp('info', version === 1, `TSTInfo has version ${version}, not 1`);
    requireStamp(
      'info',
      accuracyMs <= MAX_ACCURACY_MS,
      `an accuracy of ${accuracyMs} ms says too little about the time`,
    );
    const [extension] = criticalExtensions;
    requireStamp(
      'info',
      extension === undefined,
      `TSTInfo has the critical extension ${extension}, which is not understood`,
    );
  },
};

const imprint: TokenCheck = {
  id: 'imprint',
  claim: 'The message imprint is the SHA-256, 384 or 512 of the message.',
  async judge({
    info: {
      imprint: { algorithm, hash },
    },
    message,
  }) {
    const name = hashOf(algorithm);
    if (name === undefined) {
      throw new TimestampError('imprint', `the message imprint is ${algorithmName(algorithm)}, which is not accepted`);
    }
    const isSame = equalBytes(await digestWith(name, message), hash);
    requireStamp('imprint', isSame, 'the time stamp is over another message');
  },
};

const policy: TokenCheck = {
  id: 'policy',
  claim: 'The policy is one of those that the auditor accepts, if the auditor names any.',
  judge({ info, policies }) {
    const isAccepted = policies === undefined || policies.includes(info.policy);
    requireStamp('policy', isAccepted, `the policy ${info.policy} is not one that the auditor accepts`);
  },
};

const nonce: TokenCheck = {
  id: 'nonce',
  claim: 'The nonce is the one of the request, if it is known.',
  judge({ info, nonce: expected }) {
    if (expected === undefined) return;
    requireStamp('nonce', info.nonce !== undefined, 'the time stamp has no nonce: it may be an older one');
    requireStamp('nonce', equalBytes(info.nonce, unsignedContent(expected)), 'the nonce is not the one of the request');
  },
};

const authorityName: TokenCheck = {
  id: 'authority-name',
  claim: "The name of the authority, if TSTInfo has one, is a name of the signer's certificate.",
  judge({ info: { authority }, certificate: { subject, otherNames } }) {
    if (authority === undefined) return;
    const isSubject = authority.name !== undefined && equalBytes(authority.name, subject);
    const isOther = otherNames.some((name) => equalBytes(name, authority.generalName));
    requireStamp(
      'authority-name',
      isSubject || isOther,
      "TSTInfo names an authority that is not the signer's certificate's",
    );
  },
};

const trustedRoot: TokenCheck = {
  id: 'trusted-root',
  claim: 'The path ends in a root that the auditor trusts.',
  async judge(stamp) {
    const { problem } = await stamp.search();
    if (problem !== undefined) throw problem;
  },
};

/** The same signed bytes have one file: whatever the signature does not cover and nobody needs is refused. */
const leftovers: TokenCheck = {
  id: 'leftovers',
  claim: 'Nothing unsigned is in the file: no text beside the status, no certificate off the path, no revocation list.',
  async judge(stamp) {
    const { status, token, signer } = stamp;
    const says = (holds: boolean, problem: string): void => requireStamp('leftovers', holds, problem);
    says(status.text.length === 0 && status.failures.length === 0, 'the status has words or failures beside it');
    says(!signer.hasUnsignedAttributes, 'the signer has unsigned attributes');
    says(!token.hasRevocationLists, 'the token carries revocation lists');
    says(!token.hasEmptySet, 'the token carries an empty set of certificates');
    const used = [...(await stamp.search()).path, ...stamp.supplied];
    token.certificates.forEach(({ der, subject }, n) => {
      const isUsed = used.some((each) => equalBytes(each.der, der));
      says(isUsed, `the token carries a certificate of ${nameText(subject)} that is not on the path`);
      const isAgain = token.certificates.slice(0, n).some((each) => equalBytes(each.der, der));
      says(!isAgain, `the token carries the certificate of ${nameText(subject)} twice`);
    });
  },
};

export const TOKEN_CHECKS: readonly TokenCheck[] = [
  ...[status, content, oneSigner, digestAlgorithm, signedAttributes, contentTypeAttribute, messageDigestAttribute],
  ...[purpose, keyUsage, signature, info, imprint, policy, nonce, authorityName],
  ...[trustedRoot, certificateAttribute, leftovers],
];

function digestOfSigner({ digestAlgorithm: algorithm }: SignerInfo): HashName {
  const hash = hashOf(algorithm);
  if (hash !== undefined) return hash;
  throw new TimestampError(
    'digest-algorithm',
    `the digest algorithm is ${algorithmName(algorithm)}, which is not accepted`,
  );
}

/** The one value of a signed attribute; undefined when it is missing or has not exactly one. */
function attributeOf({ attributes }: SignerInfo, oid: string): DerNode | undefined {
  const values = attributes?.list.find((each) => each.oid === oid)?.values ?? [];
  return values.length === 1 ? values[0] : undefined;
}

interface CertificateId {
  hashName: HashName;
  hash: Uint8Array;
  /** Issuer and serial number, which may be left out. */
  issuerSerial: { issuer: Uint8Array; serial: Uint8Array } | undefined;
}

/** SigningCertificateV2: identifiers of certificates, and policies that are of no use here. */
function readCertificateIds(node: DerNode): CertificateId[] {
  const what = 'signing-certificate-v2';
  const outer = new DerFields(node, what);
  const ids = outer.take(TAG.sequence, 'the certificates').children.map((each): CertificateId => {
    const fields = new DerFields(each, what);
    const algorithm = fields.takeIf(TAG.sequence);
    const named = algorithm && readAlgorithm(algorithm, what);
    const hashName = named === undefined ? 'sha256' : hashOf(named);
    const isDefault = hashName === 'sha256' && named?.parameters === 'absent';
    requireStamp('certificate-attribute', !isDefault, `${what} spells out SHA-256, its default`);
    requireStamp('certificate-attribute', hashName !== undefined, `${what} names a certificate by a hash not accepted`);
    const hash = fields.take(TAG.octetString, 'the hash').content;
    const issuerSerial = fields.takeIf(TAG.sequence);
    fields.end();
    return { hashName, hash, issuerSerial: issuerSerial && readIssuerSerial(issuerSerial, what) };
  });
  outer.takeIf(TAG.sequence);
  outer.end();
  return ids;
}

function readIssuerSerial(node: DerNode, what: string): CertificateId['issuerSerial'] {
  const fields = new DerFields(node, what);
  const name = inside(fields.take(TAG.sequence, 'the issuer'), what);
  requireStamp(
    'certificate-attribute',
    name.tag === around(4),
    `${what} names the issuer by something else than its name`,
  );
  const issuerSerial = {
    issuer: inside(name, what).bytes,
    serial: fields.take(TAG.integer, 'the serial number').content,
  };
  fields.end();
  return issuerSerial;
}

async function isNamedBy(certificate: Certificate, { hashName, hash, issuerSerial }: CertificateId): Promise<boolean> {
  const isIssuer = issuerSerial === undefined || equalBytes(issuerSerial.issuer, certificate.issuer);
  const isSerial = issuerSerial === undefined || equalBytes(issuerSerial.serial, certificate.serial);
  return isIssuer && isSerial && equalBytes(await digestWith(hashName, certificate.der), hash);
}
