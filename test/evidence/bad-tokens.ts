/** Time stamps that can be read and have to be refused. What openssl will not make is made by hand and signed properly. */
import type { Credential } from '../support/openssl-authority.ts';
import {
  type BadStamp,
  edited,
  having,
  type More,
  made,
  type Plan,
  passesOpenssl,
  refused,
  tokenOf,
} from './bad-stamp.ts';
import { contentOf, context, int, members, octets, oid, seq, setOf, tlv, yes } from './naive-der.ts';
import { attribute, hashAlgorithm, OID, type Parts, signingCertificate } from './naive-tsa.ts';
import { stampingBed } from './stamping-bed.ts';

export function badAnswers(): BadStamp[] {
  const words = (text: string): Buffer => seq(tlv(0x0c, Buffer.from(text)));
  const content = (title: string, reason: RegExp, plan: Plan, more: More = {}): BadStamp =>
    made(title, 'content', reason, plan, more);
  return [
    refused('rejected', 'status', /refused: status 2, no token \(wrong hash\)/, seq(seq(int(2), words('wrong hash'))), {
      always: 'there is no token',
    }),
    made('rejected, with a token', 'status', /the status is 2/, { answer: having({ status: seq(int(2)) }) }),
    made(
      'granted with modifications',
      'status',
      /the status is 1/,
      { answer: having({ status: seq(int(1)) }) },
      { passesOpenssl },
    ),
    content('another type than SignedData', /not SignedData/, {
      contentInfo: having({ type: oid('1.2.840.113549.1.7.4') }),
    }),
    content('another content than TSTInfo', /not TSTInfo/, {
      signedData(parts) {
        parts.content = seq(oid(OID.data), ...members(parts.content ?? seq()).slice(1));
      },
    }),
    content(
      'an old version of SignedData',
      /SignedData has version 1/,
      { signedData: having({ version: int(1) }) },
      { passesOpenssl },
    ),
    content(
      'another version of SignerInfo',
      /SignerInfo has version 3/,
      { signerInfo: having({ version: int(3) }) },
      { passesOpenssl },
    ),
  ];
}

export function badSignerSets(): BadStamp[] {
  const { signer, second } = stampingBed();
  return [
    made(
      'two signers',
      'one-signer',
      /has 2 signers/,
      { signers: [signer, second] },
      { certificates: [signer, second] },
    ),
    made('one signer twice', 'one-signer', /has 2 signers/, { signers: [signer, signer], certificates: [signer] }),
    made(
      'no signer',
      'one-signer',
      /has no signer/,
      { signers: [], certificates: [signer] },
      { always: 'nobody signed it' },
    ),
    made(
      'a digest algorithm too many',
      'digest-algorithm',
      /other digest algorithms/,
      {
        signedData: having({ digests: setOf(hashAlgorithm('sha256'), hashAlgorithm('sha512')) }),
      },
      { passesOpenssl },
    ),
    made(
      'SHA-1 signed',
      'digest-algorithm',
      /is SHA-1, which/,
      { hash: 'sha1' },
      {
        always: 'there is no SHA-1 here to check it with',
        passesOpenssl,
      },
    ),
    made(
      'the certificate is nowhere',
      'signer-certificate',
      /neither in the token nor supplied/,
      { certificates: [] },
      {
        always: 'there is no key to check it with',
      },
    ),
  ];
}

export function badAttributes(): BadStamp[] {
  const { signer, second, rsaRoot } = stampingBed();
  const names = (title: string, reason: RegExp, certificate: Buffer, more: More = {}): BadStamp =>
    made(title, 'certificate-attribute', reason, { attributes: having({ certificate }) }, more);
  const [, sid = seq()] = members(signerOf(tokenOf({ signers: [second] })));
  const [issuer = seq(), serial = seq()] = members(sid);
  const id =
    members(members(members(members(signingCertificate(signer))[1] ?? seq())[0] ?? seq())[0] ?? seq())[0] ?? seq();
  const ids = (...list: Buffer[]): Buffer => attribute(OID.signingCertificateV2, seq(seq(...list)));
  const foreign =
    members(members(members(members(signingCertificate(rsaRoot))[1] ?? seq())[0] ?? seq())[0] ?? seq())[0] ?? seq();
  const explicit = seq(seq(oid('2.16.840.1.101.3.4.2.1')), ...members(id));
  return [
    made('no signed attributes', 'signed-attributes', /signed no attributes/, { attributes: null }),
    made(
      'an attribute twice',
      'signed-attributes',
      /twice/,
      {
        attributes: having({ again: attribute(OID.contentType, oid(OID.tstInfo)) }),
      },
      { passesOpenssl },
    ),
    made(
      'no content type among the attributes',
      'content-type-attribute',
      /content-type is not/,
      {
        attributes: without('contentType'),
      },
      { passesOpenssl },
    ),
    made(
      'another content type among the attributes',
      'content-type-attribute',
      /content-type is not/,
      {
        attributes: having({ contentType: attribute(OID.contentType, oid(OID.data)) }),
      },
      { passesOpenssl },
    ),
    made('no message digest', 'message-digest-attribute', /message-digest is not/, {
      attributes: without('messageDigest'),
    }),
    refused('edited: the time', 'message-digest-attribute', /message-digest is not/, editedTime(tokenOf({}))),
    made('no signing-certificate', 'certificate-attribute', /v2 is missing$/, { attributes: without('certificate') }),
    names(
      'signing-certificate by SHA-1 alone',
      /only signing-certificate, which names it by SHA-1/,
      signingCertificate(signer, 'sha1'),
      {
        passesOpenssl,
      },
    ),
    names('signing-certificate of another', /does not name the signer/, signingCertificate(second)),
    names(
      'signing-certificate with another issuer and serial number',
      /does not name the signer/,
      ids(seq(...members(id), seq(seq(context(4, issuer)), serial))),
    ),
    names('signing-certificate with one that is not on the path', /not on the path/, ids(id, foreign)),
    names('signing-certificate that spells out its default', /spells out SHA-256/, ids(explicit), { passesOpenssl }),
  ];
}

/** The SignerInfo of a token made by hand. */
function signerOf(token: Buffer): Buffer {
  const [, contentInfo = seq()] = members(token);
  const [signedData = seq()] = members(members(contentInfo)[1] ?? seq());
  return members(members(signedData).at(-1) ?? seq())[0] ?? seq();
}

export function badSigners(): BadStamp[] {
  const { noPurpose, otherPurpose, softPurpose, morePurposes, encrypts, second, signer } = stampingBed();
  const signature = contentOf(members(signerOf(tokenOf({ info: having({ serial: int(8) }) }))).at(-1) ?? seq());
  const purpose = (title: string, reason: RegExp, by: Credential, more: More = {}): BadStamp =>
    made(title, 'purpose', reason, { signers: [by] }, more);
  return [
    purpose('EKU missing', /no extKeyUsage/, noPurpose),
    purpose('EKU wrong', /is not time stamping/, otherPurpose),
    purpose('EKU not critical', /is not critical/, softPurpose),
    purpose('EKU extra', /more than time stamping/, morePurposes),
    made('a key for encryption too', 'key-usage', /not for signatures alone/, { signers: [encrypts] }),
    made('edited: the signature', 'signature', /signature is not that/, {
      signerInfo: having({ signature: octets(signature) }),
    }),
    made('signed by another', 'signature', /signature is not that/, {
      certificates: [second],
      attributes: having({ certificate: signingCertificate(second) }),
      signerInfo(parts) {
        parts.sid = members(signerOf(tokenOf({ signers: [second] })))[1] ?? seq();
      },
    }),
    made(
      'a signature algorithm with another hash',
      'signature',
      /does not fit/,
      {
        signers: [signer],
        signerInfo: having({ algorithm: seq(oid('1.2.840.10045.4.3.3')) }),
      },
      { passesOpenssl },
    ),
    made(
      'a signature algorithm for another key',
      'signature',
      /does not fit/,
      {
        signerInfo: having({ algorithm: seq(oid('1.2.840.113549.1.1.11'), tlv(5)) }),
      },
      { passesOpenssl },
    ),
  ];
}

export function badInfos(): BadStamp[] {
  const { signer } = stampingBed();
  const critical = context(1, seq(oid('1.2.3.4'), yes, octets(int(1))));
  const elsewhere = context(0, context(4, seq(setOf(seq(oid('2.5.4.3'), tlv(0x0c, Buffer.from('Another TSA')))))));
  const nonce = Uint8Array.of(9, 8, 7);
  return [
    made('a TSTInfo of version 2', 'info', /has version 2/, { info: having({ version: int(2) }) }),
    made(
      'a critical extension of TSTInfo',
      'info',
      /critical extension 1.2.3.4/,
      { info: having({ critical }) },
      { passesOpenssl },
    ),
    made(
      'an accuracy of more than an hour',
      'info',
      /3600001 ms says too little/,
      {
        info: having({ accuracy: seq(int(Buffer.of(0x0e, 0x10)), tlv(0x80, Buffer.of(1))) }),
      },
      { passesOpenssl },
    ),
    made('the imprint of another message', 'imprint', /over another message/, { message: Buffer.from('another') }),
    made('an imprint by SHA-1', 'imprint', /is SHA-1, which/, { imprintHash: 'sha1' }, { passesOpenssl }),
    made(
      'a policy that is not accepted',
      'policy',
      /policy 1\.3\.6\.1\.4\.1\.99999\.1 is not/,
      {},
      {
        input: { policies: ['1.2.3.4'] },
        passesOpenssl,
      },
    ),
    made(
      'a wrong nonce',
      'nonce',
      /not the one of the request/,
      { info: having({ nonce: int(5) }) },
      { input: { nonce }, passesOpenssl },
    ),
    made(
      'a nonce that is negative in the same bytes',
      'nonce',
      /not the one of the request/,
      {
        info: having({ nonce: int(Buffer.of(0xf9, 8, 7)) }),
      },
      { input: { nonce: Uint8Array.of(0xf9, 8, 7) }, passesOpenssl },
    ),
    made('no nonce', 'nonce', /has no nonce/, {}, { input: { nonce }, passesOpenssl }),
    made('the name of another authority', 'authority-name', /names an authority/, {
      signers: [signer],
      info: having({ elsewhere }),
    }),
  ];
}

function without(name: string): (of: Parts) => void {
  return (of) => void Reflect.deleteProperty(of, name);
}

/** With the last second changed. */
function editedTime(token: Buffer): Buffer {
  const [time = ''] = /\d{14}/.exec(token.toString('latin1')) ?? [];
  return edited(token, time);
}
