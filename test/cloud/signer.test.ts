/** The signer over KMS, whose keys the wiring bed holds: what it signs verifies elsewhere. */
import { after, before } from 'node:test';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import type { TrustFile } from '@waybill/verify';
import { type KmsSignerOptions, openKmsSigner } from '#adapters/aws/signer.ts';
import type { Signer } from '#ports/signer.ts';
import { signerSuite } from '../conformance/signer.suite.ts';
import { type Ministack, start } from './beds/ministack.ts';

let bed: Ministack;
let client: KMSClient;

before(async () => {
  bed = await start();
  client = new KMSClient({ endpoint: bed.url, region: bed.region, credentials: bed.credentials });
});

after(() => bed.stop());

async function key(KeySpec: 'ECC_NIST_P256' | 'ECC_NIST_EDWARDS25519' | 'HMAC_256'): Promise<string> {
  const KeyUsage = KeySpec === 'HMAC_256' ? 'GENERATE_VERIFY_MAC' : 'SIGN_VERIFY';
  return (await client.send(new CreateKeyCommand({ KeySpec, KeyUsage }))).KeyMetadata?.Arn ?? '';
}

async function deployment(origin: string): Promise<KmsSignerOptions> {
  const [ed, otherEd] = [await key('ECC_NIST_EDWARDS25519'), await key('ECC_NIST_EDWARDS25519')];
  return {
    client,
    origin,
    attestKeys: [await key('ECC_NIST_P256'), await key('ECC_NIST_P256')],
    logKeys: [ed, otherEd, await key('ECC_NIST_P256')],
    pseudonymKey: await key('HMAC_256'),
  };
}

signerSuite(
  'KMS',
  async () => {
    const options = await deployment('bed.example/a');
    const signer = await openKmsSigner(options);
    return {
      signer,
      // What is in force the log says, to every function again.
      reopen: () => adopting(openKmsSigner(options), signer.trust),
      other: async () => openKmsSigner(await deployment('bed.example/b')),
      close: async () => {},
    };
  },
  { destroysKeys: false },
);

async function adopting(opening: Promise<Signer>, { keys }: TrustFile): Promise<Signer> {
  const signer = await opening;
  await signer.adopt(keys);
  return signer;
}
