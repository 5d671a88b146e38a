/** Time stamps that have to be refused for the certificates behind them, or for what nobody signed. */
import type { TimestampCheckId } from '../../packages/verify/src/rfc3161/timestamp-error.ts';
import type { Credential } from '../support/openssl-authority.ts';
import { type BadStamp, edited, having, type More, made, passesOpenssl, refused, tokenOf } from './bad-stamp.ts';
import { context, int, seq, setOf, tlv } from './naive-der.ts';
import { attribute, certificateSet, timeText } from './naive-tsa.ts';
import { stampingBed } from './stamping-bed.ts';

const DAY_MS = 86_400_000;

function inDays(days: number): string {
  return timeText(new Date(Date.now() + days * DAY_MS));
}

export function badPaths(): BadStamp[] {
  const bed = stampingBed();
  const below = (
    title: string,
    check: TimestampCheckId,
    reason: RegExp,
    certificates: readonly [Credential, ...Credential[]],
    more: More = {},
  ): BadStamp => made(title, check, reason, { signers: [certificates[0]], certificates }, more);
  return [
    made('untrusted', 'trusted-root', /no certificate of "Waybill tests, Root" leads/, {}, { roots: [bed.rsaRoot] }),
    made('no roots', 'trusted-root', /no certificate of .* leads to a root/, {}, { roots: [] }),
    made(
      'untrusted: another root of the same name',
      'issuer-signature',
      /is not signed by/,
      {},
      { roots: [bed.stranger] },
    ),
    made('a gap in the path', 'trusted-root', /no certificate of "Waybill tests, Intermediate"/, {
      signers: [bed.deep],
    }),
    made(
      'expired',
      'validity',
      /Waybill tests, TSA" is valid from .* not at genTime/,
      { genTime: inDays(400) },
      {
        passesOpenssl,
      },
    ),
    made('before its time', 'validity', /not at genTime/, { genTime: '20010203040506Z' }, { passesOpenssl }),
    made(
      'expired: an authority above the signer',
      'validity',
      /Brief authority" is/,
      {
        signers: [bed.ofBriefCa],
        certificates: [bed.ofBriefCa, bed.briefCa],
        genTime: inDays(9),
      },
      { passesOpenssl },
    ),
    below('leaf as CA', 'issuer-is-authority', /Plain TSA" issued/, [bed.byLeaf, bed.plain]),
    below('a path that is too long', 'issuer-path-length', /stand 1 authorities/, [bed.tooDeep, bed.below, bed.noMore]),
    below('an issuer whose key does not sign certificates', 'issuer-key-usage', /List auth/, [bed.ofCrlCa, bed.crlCa]),
    below('an issuer that is for something else', 'issuer-purpose', /Code authority"/, [bed.ofCodeCa, bed.codeCa], {
      passesOpenssl,
    }),
    below('an issuer with a restriction on names', 'extensions', /2\.5\.29\.30/, [bed.ofDnsCa, bed.dnsCa], {
      passesOpenssl,
    }),
    made('a critical extension that is not known', 'extensions', /99999\.77, which/, { signers: [bed.odd] }),
    below('a certificate signed with SHA-1', 'issuer-signature', /with ECDSA with SHA-1/, [bed.ofSha1Ca, bed.sha1Ca], {
      passesOpenssl,
    }),
    made('edited: the signature of a certificate', 'issuer-signature', /is not signed by/, {
      signers: [bed.deep],
      certificates: [bed.deep, { ...bed.intermediate, der: brokenEnd(bed.intermediate.der) }],
    }),
  ];
}

/** With the last bit flipped, which is in the signature. */
function brokenEnd(der: Buffer): Buffer {
  return edited(der, der.subarray(-4));
}

export function leftOver(): BadStamp[] {
  const { signer, second } = stampingBed();
  const left = (title: string, reason: RegExp, edits: Parameters<typeof made>[3], more: More = {}): BadStamp =>
    made(title, 'leftovers', reason, edits, { passesOpenssl, ...more });
  const words = seq(int(0), seq(tlv(0x0c, Buffer.from('here you are'))));
  const set = (ders: readonly Buffer[]) => having({ certificates: certificateSet(ders) });
  return [
    left('words beside the status', /words or failures/, { answer: having({ status: words }) }),
    left('a failure beside the status', /words or failures/, {
      answer: having({ status: seq(int(0), tlv(3, Buffer.of(5, 0x20))) }),
    }),
    left('an unsigned attribute', /unsigned attributes/, {
      signerInfo: having({ unsigned: context(1, attribute('1.2.3.4', int(1))) }),
    }),
    left('a certificate off the path', /Second TSA" that is not on the path/, {
      signedData: set([signer.der, second.der]),
    }),
    left('an empty set of certificates', /empty set/, { signedData: set([]) }, { certificates: [signer] }),
    left('a certificate twice', /TSA" twice/, { signedData: set([signer.der, signer.der]) }),
    refused('a revocation list', 'leftovers', /revocation lists/, withList(), { passesOpenssl }),
  ];
}

/** A token with an empty revocation list of the root between its certificates and its signers. */
function withList(): Buffer {
  const { openssl, root } = stampingBed();
  const database = openssl.write('index.txt', '');
  const config = openssl.write('ca.cnf', `[ca]\ndefault_ca=c\n[c]\ndatabase=${database}\ndefault_md=sha256\n`);
  const made = openssl.run([
    ...['ca', '-gencrl', '-config', config, '-cert', root.certificate, '-keyfile', root.key, '-crldays', '9'],
  ]);
  const list = openssl.run(['crl', '-in', openssl.write('list.pem', made), '-outform', 'DER']);
  return tokenOf({
    signedData(parts) {
      const { signers = setOf() } = parts;
      delete parts.signers;
      Object.assign(parts, { lists: context(1, list), signers });
    },
  });
}
