/**
 * A time-stamping authority written the plain way, for tokens that openssl will not make. Every structure can be edited on
 * its way, before what contains it is signed. Untouched, it makes a token that openssl verifies.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Credential, DEFAULT_POLICY, type HashName } from '../support/openssl-authority.ts';
import { contentOf, context, generalizedTime, int, members, nothing, octets, oid, seq, setOf } from './naive-der.ts';

/** Named parts of a structure in their order; an edit changes, adds or deletes some. */
export type Parts = Record<string, Buffer>;
type Edit = (parts: Parts) => void;

export interface TokenPlan {
  message: Uint8Array;
  signers: readonly Credential[];
  /** In the token; the signers' when absent, none when empty. */
  certificates?: readonly Credential[];
  /** What signatures and the message digest are made with. */
  hash?: HashName;
  imprintHash?: HashName;
  genTime?: string;
  info?: Edit;
  /** `null` leaves the signed attributes out. */
  attributes?: Edit | null;
  signerInfo?: Edit;
  signedData?: Edit;
  contentInfo?: Edit;
  answer?: Edit;
}

export const OID = {
  signedData: '1.2.840.113549.1.7.2',
  data: '1.2.840.113549.1.7.1',
  tstInfo: '1.2.840.113549.1.9.16.1.4',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const;

const HASH_OID: Record<HashName, string> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};
const ECDSA_OID: Record<HashName, string> = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
};
const RSA_OID = '1.2.840.113549.1.1.1';

export function hashed(hash: HashName, data: Uint8Array): Buffer {
  return createHash(hash).update(data).digest();
}

export function hashAlgorithm(hash: HashName): Buffer {
  return seq(oid(HASH_OID[hash]), nothing);
}

export function attribute(type: string, ...values: readonly Uint8Array[]): Buffer {
  return seq(oid(type), setOf(...values));
}

/** The attribute of RFC 5816, or with SHA-1 that of RFC 2634. */
export function signingCertificate(certificate: Credential, hash: HashName = 'sha256'): Buffer {
  const id = octets(hashed(hash, certificate.der));
  const isDefault = hash === 'sha256' || hash === 'sha1';
  const type = hash === 'sha1' ? OID.signingCertificate : OID.signingCertificateV2;
  return attribute(type, seq(seq(isDefault ? seq(id) : seq(hashAlgorithm(hash), id))));
}

/** TimeStampResp in DER. */
export function makeToken(plan: TokenPlan): Buffer {
  const { message, signers, hash = 'sha256', imprintHash = 'sha256', certificates = signers } = plan;
  const info = edited(plan.info, {
    version: int(1),
    policy: oid(DEFAULT_POLICY),
    imprint: seq(hashAlgorithm(imprintHash), octets(hashed(imprintHash, message))),
    serial: int(7),
    genTime: generalizedTime(plan.genTime ?? timeText(new Date())),
  });
  const signedData = edited(plan.signedData, {
    version: int(3),
    digests: setOf(hashAlgorithm(hash)),
    content: seq(oid(OID.tstInfo), context(0, octets(info))),
    ...(certificates.length === 0 ? {} : { certificates: certificateSet(certificates.map(({ der }) => der)) }),
    signers: setOf(...signers.map((signer) => signerInfo(plan, signer, hash, info))),
  });
  const token = edited(plan.contentInfo, { type: oid(OID.signedData), content: context(0, signedData) });
  return edited(plan.answer, { status: seq(int(0)), token });
}

export function certificateSet(ders: readonly Uint8Array[]): Buffer {
  return context(0, ...ders.toSorted((a, b) => Buffer.compare(a, b)));
}

/** GeneralizedTime of a time, whole seconds. */
export function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
}

function signerInfo(plan: TokenPlan, signer: Credential, hash: HashName, info: Buffer): Buffer {
  const { serial, issuer } = tbsOf(signer);
  const attributes: Parts = {
    contentType: attribute(OID.contentType, oid(OID.tstInfo)),
    messageDigest: attribute(OID.messageDigest, octets(hashed(hash, info))),
    certificate: signingCertificate(signer),
  };
  if (plan.attributes !== null) plan.attributes?.(attributes);
  const set = setOf(...Object.values(attributes));
  const key = createPrivateKey(readFileSync(signer.key));
  const isRsa = key.asymmetricKeyType === 'rsa';
  return edited(plan.signerInfo, {
    version: int(1),
    sid: seq(issuer, serial),
    digest: hashAlgorithm(hash),
    ...(plan.attributes === null ? {} : { attributes: context(0, contentOf(set)) }),
    algorithm: isRsa ? seq(oid(RSA_OID), nothing) : seq(oid(ECDSA_OID[hash])),
    signature: octets(sign(hash, plan.attributes === null ? info : set, key)),
  });
}

function edited(edit: Edit | undefined, parts: Parts): Buffer {
  edit?.(parts);
  return seq(...Object.values(parts));
}

/** Issuer and serial number from the certificate: its third and second field after the version. */
function tbsOf({ der }: Credential): { serial: Buffer; issuer: Buffer } {
  const [tbs = Buffer.of()] = members(der);
  const [, serial = Buffer.of(), , issuer = Buffer.of()] = members(tbs);
  return { serial, issuer };
}
