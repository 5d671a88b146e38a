/**
 * The certificates of the time-stamp tests, made once by openssl: a root, authorities below it, and what is wrong with
 * others.
 */
import { CA_EXTENSIONS, type Credential, OpensslAuthority, TSA_EXTENSIONS } from '../support/openssl-authority.ts';

const END = 'basicConstraints=critical,CA:FALSE';
const SIGNS = 'keyUsage=critical,digitalSignature';
const STAMPS = 'extendedKeyUsage=critical,timeStamping';

export const MESSAGE: Buffer = Buffer.from('example.com/log\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n');

function makeBed() {
  const openssl = new OpensslAuthority();
  const root = openssl.certify('Root', { extensions: CA_EXTENSIONS });
  const issued = (name: string, extensions: readonly string[], by: Credential = root, days = 365): Credential =>
    openssl.certify(name, { by, extensions, days });
  const intermediate = issued('Intermediate', CA_EXTENSIONS);
  const noMore = issued('No further authority', [
    'basicConstraints=critical,CA:TRUE,pathlen:0',
    'keyUsage=keyCertSign',
  ]);
  const below = issued('Authority below it', CA_EXTENSIONS, noMore);
  const signer = issued('TSA', TSA_EXTENSIONS);
  // Without keyUsage, so that nothing but basicConstraints keeps it from being an authority.
  const plain = issued('Plain TSA', [END, STAMPS]);
  const codeCa = issued('Code authority', [...CA_EXTENSIONS, 'extendedKeyUsage=codeSigning']);
  const crlCa = issued('List authority', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign']);
  const dnsCa = issued('Domain authority', [...CA_EXTENSIONS, 'nameConstraints=permitted;DNS:example.com']);
  const sha1Ca = openssl.certify('Old authority', { by: root, hash: 'sha1', extensions: CA_EXTENSIONS });
  const briefCa = issued('Brief authority', CA_EXTENSIONS, root, 1);
  return {
    openssl,
    root,
    stranger: openssl.certify('Root', { extensions: CA_EXTENSIONS }),
    intermediate,
    noMore,
    below,
    briefCa,
    ...{ codeCa, crlCa, dnsCa, sha1Ca },
    signer,
    second: issued('Second TSA', TSA_EXTENSIONS),
    rsa: openssl.certify('RSA TSA', { by: root, key: 'rsa:2048', extensions: TSA_EXTENSIONS }),
    p384: openssl.certify('P-384 TSA', { by: root, key: 'P-384', hash: 'sha384', extensions: TSA_EXTENSIONS }),
    p521: openssl.certify('P-521 TSA', { by: root, key: 'P-521', hash: 'sha512', extensions: TSA_EXTENSIONS }),
    rsaRoot: openssl.certify('RSA root', { key: 'rsa:3072', hash: 'sha512', extensions: CA_EXTENSIONS }),
    deep: issued('TSA of the intermediate', TSA_EXTENSIONS, intermediate),
    tooDeep: issued('TSA too far down', TSA_EXTENSIONS, below),
    plain,
    byLeaf: issued('TSA of a TSA', TSA_EXTENSIONS, plain),
    ofCodeCa: issued('TSA of the code authority', TSA_EXTENSIONS, codeCa),
    ofCrlCa: issued('TSA of the list authority', TSA_EXTENSIONS, crlCa),
    ofDnsCa: issued('TSA of the domain authority', TSA_EXTENSIONS, dnsCa),
    ofSha1Ca: issued('TSA of the old authority', TSA_EXTENSIONS, sha1Ca),
    ofBriefCa: issued('TSA of the brief authority', TSA_EXTENSIONS, briefCa),
    noPurpose: issued('TSA without purpose', [END, SIGNS]),
    otherPurpose: issued('Signer of code', [END, SIGNS, 'extendedKeyUsage=critical,codeSigning']),
    softPurpose: issued('TSA not critical', [END, SIGNS, 'extendedKeyUsage=timeStamping']),
    morePurposes: issued('TSA and more', [END, SIGNS, 'extendedKeyUsage=critical,timeStamping,codeSigning']),
    encrypts: issued('TSA that encrypts', [END, 'keyUsage=critical,digitalSignature,keyEncipherment', STAMPS]),
    odd: issued('Odd TSA', [END, SIGNS, STAMPS, '1.3.6.1.4.1.99999.77=critical,DER:0500']),
    small: openssl.certify('Small TSA', { by: root, key: 'rsa:1024', extensions: TSA_EXTENSIONS }),
    close: () => openssl.close(),
  };
}

export type StampingBed = ReturnType<typeof makeBed>;

let bed: StampingBed | undefined;

export function stampingBed(): StampingBed {
  bed ??= makeBed();
  return bed;
}
