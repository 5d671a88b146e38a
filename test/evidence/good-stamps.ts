/** Time stamps that have to be accepted, most of them made by `openssl ts -reply`. */
import type { TimestampInput } from '../../packages/verify/src/rfc3161/stamp.ts';
import type { VerifiedTimestamp } from '../../packages/verify/src/rfc3161/verify-timestamp.ts';
import { type Credential, DEFAULT_POLICY, OTHER_POLICY, type StampingRules } from '../support/openssl-authority.ts';
import { makeToken, signingCertificate, type TokenPlan, timeText } from './naive-tsa.ts';
import { MESSAGE, type StampingBed, stampingBed } from './stamping-bed.ts';

type Query = Parameters<StampingBed['openssl']['query']>[1];

export interface GoodStamp {
  title: string;
  tsr: Buffer;
  roots: readonly Credential[];
  /** What the auditor supplies besides the roots. */
  certificates?: readonly Credential[];
  policies?: readonly string[];
  /** What openssl has to be told. */
  options?: readonly string[];
  says?: Partial<VerifiedTimestamp>;
}

export function inputOf({ tsr, roots, certificates = [], policies }: Omit<GoodStamp, 'title'>): TimestampInput {
  const derOf = (each: Credential): Uint8Array => each.der;
  return {
    ...{ tsr, message: MESSAGE, roots: roots.map(derOf), certificates: certificates.map(derOf) },
    ...(policies === undefined ? {} : { policies }),
  };
}

function replied(query: Query, rules: StampingRules): Buffer {
  const { openssl } = stampingBed();
  return openssl.reply(openssl.query(MESSAGE, query), rules);
}

export function goodStamps(): readonly GoodStamp[] {
  const { root, intermediate, signer, rsa, p384, p521, deep, rsaRoot, openssl } = stampingBed();
  const ofRsaRoot = openssl.certify('TSA of the RSA root', { by: rsaRoot, extensions: signerExtensions });
  const full = { ordering: true, tsaName: true, accuracy: 'secs:1, millisecs:500, microsecs:100', fractionDigits: 3 };
  return [
    {
      title: 'P-256, SHA-256',
      tsr: replied({}, { signer }),
      roots: [root],
      says: { hash: 'sha256', accuracyMs: 1000 },
    },
    { title: 'P-384, SHA-384', tsr: replied({ hash: 'sha384' }, { signer: p384, hash: 'sha384' }), roots: [root] },
    {
      ...{ title: 'P-521, SHA-512', roots: [root], says: { hash: 'sha512' } },
      tsr: replied({ hash: 'sha512' }, { signer: p521, hash: 'sha512', certificateHash: 'sha512' }),
    },
    { title: 'RSA 2048, SHA-256', tsr: replied({}, { signer: rsa }), roots: [root] },
    { title: 'RSA 2048, SHA-384', tsr: replied({}, { signer: rsa, hash: 'sha384' }), roots: [root] },
    { title: 'RSA 2048, SHA-512', tsr: replied({}, { signer: rsa, hash: 'sha512' }), roots: [root] },
    { title: 'an RSA root over a P-256 authority', tsr: replied({}, { signer: ofRsaRoot }), roots: [rsaRoot] },
    {
      ...{ title: 'without certificates, supplied by the auditor', roots: [root], certificates: [signer] },
      tsr: replied({ certificates: false }, { signer }),
    },
    {
      ...{ title: 'an intermediate authority in the token', roots: [root] },
      tsr: replied({}, { signer: deep, chain: [intermediate] }),
    },
    {
      ...{ title: 'an intermediate authority and the root in the token, all named', roots: [root] },
      tsr: replied({}, { signer: deep, chain: [intermediate, root], namesWholeChain: true }),
    },
    {
      ...{ title: 'an intermediate authority that the auditor supplies', roots: [root], certificates: [intermediate] },
      tsr: replied({}, { signer: deep }),
    },
    {
      ...{ title: 'an intermediate authority as the root', roots: [intermediate] },
      tsr: replied({}, { signer: deep }),
      options: ['-partial_chain'],
    },
    {
      ...{ title: "the authority's own certificate as the root", roots: [signer] },
      tsr: replied({}, { signer }),
      options: ['-partial_chain'],
    },
    {
      title: 'two roots of one name, the right one last',
      tsr: replied({}, { signer }),
      roots: [stampingBed().stranger, root],
    },
    { title: 'without a nonce', tsr: replied({ nonce: false }, { signer }), roots: [root] },
    {
      ...{ title: 'accuracy, ordering, name and fraction', roots: [root] },
      tsr: replied({}, { signer, ...full }),
      says: { accuracyMs: 1501, isAccuracyStated: true },
    },
    {
      ...{ title: 'a policy of the request that the auditor accepts', roots: [root] },
      tsr: replied({ policy: OTHER_POLICY }, { signer }),
      policies: [DEFAULT_POLICY, OTHER_POLICY],
      says: { policy: OTHER_POLICY },
    },
    ...goodByHand(),
  ];
}

function goodByHand(): GoodStamp[] {
  const { root, signer, rsa } = stampingBed();
  const made = (title: string, plan: Partial<TokenPlan>, says = {}): GoodStamp => ({
    title: `made by hand: ${title}`,
    tsr: makeToken({ message: MESSAGE, signers: [signer], ...plan }),
    roots: [root],
    says,
  });
  const later = new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000);
  const tomorrow = timeText(later).slice(0, -1);
  return [
    made('nothing unusual', {}),
    made('RSA', { signers: [rsa] }),
    made('signing-certificate by SHA-1 beside the one by SHA-256', {
      attributes: (parts) => {
        parts.old = signingCertificate(signer, 'sha1');
      },
    }),
    made('a fraction of a second', { genTime: `${tomorrow}.25Z` }, { genTimeMs: later.getTime() + 250 }),
  ];
}

const signerExtensions = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=critical,timeStamping'];
