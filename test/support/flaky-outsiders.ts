/** Witnesses and a timestamp authority as they are in the world: outside, remembering, and away every now and then. */
import { RetryableError } from '@waybill/client/errors';
import { type PolicyFile, type TrustFile, toBase64 } from '@waybill/verify';
import { openHttpWitness } from '#adapters/http/witness.ts';
import type { Outsiders } from '#flow/deps.ts';
import { makeToken } from '../evidence/naive-tsa.ts';
import { CA_EXTENSIONS, type Credential, OpensslAuthority, TSA_EXTENSIONS } from './openssl-authority.ts';
import type { Random } from './random.ts';
import { startWitness, type TestWitness } from './witness-server.ts';

const WITNESSES = ['w1', 'w2', 'w3'];
const QUORUM = 2;

export interface FlakyOutsiders {
  deps: Pick<Outsiders, 'witnesses' | 'timestampAuthority'>;
  /** What an auditor who knows them supplies. */
  policy: PolicyFile;
  quorum: number;
  stop(): Promise<void>;
}

export interface TimestampCredentials {
  root: Credential;
  signer: Credential;
}

/** Made once by openssl, for all worlds of a test. */
export function timestampCredentials(): TimestampCredentials & { close(): void } {
  const openssl = new OpensslAuthority();
  const root = openssl.certify('Root', { extensions: CA_EXTENSIONS });
  const signer = openssl.certify('TSA', { by: root, extensions: TSA_EXTENSIONS });
  return { root, signer, close: () => openssl.close() };
}

/** How often a witness, or the timestamp authority, is away when it is asked. */
export interface Outage {
  witness: number;
  timestampAuthority: number;
}

export async function flakyOutsiders(
  trust: TrustFile,
  { root, signer }: TimestampCredentials,
  random: Random,
  outage: Outage,
): Promise<FlakyOutsiders> {
  const logVkey = trust.keys.flatMap((key) => (key.use === 'log' ? [key.vkey] : []));
  const servers = await Promise.all(
    WITNESSES.map((name) => startWitness({ origin: trust.origin, logVkey, name: `witness.test/${name}` })),
  );
  const orAway = <T>(who: keyof Outage, call: () => Promise<T>): Promise<T> =>
    random.chance(outage[who]) ? Promise.reject(away(who)) : call();
  return {
    deps: {
      witnesses: servers.map(({ url, vkey }, n) => {
        const witness = openHttpWitness({ name: WITNESSES[n] as string, url, vkey });
        return { name: witness.name, cosign: (request) => orAway('witness', () => witness.cosign(request)) };
      }),
      timestampAuthority: {
        stamp: (message) => orAway('timestampAuthority', async () => makeToken({ message, signers: [signer] })),
      },
    },
    policy: {
      format: 'waybill-policy/v1',
      keys: trust,
      witnesses: tlogPolicy(servers),
      tsa: { roots: [toBase64(root.der)] },
    },
    quorum: QUORUM,
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

function tlogPolicy(servers: readonly TestWitness[]): string {
  const lines = servers.map(({ vkey }, n) => `witness ${WITNESSES[n]} ${vkey}`);
  return [...lines, `group enough ${QUORUM} ${WITNESSES.join(' ')}`, 'quorum enough', ''].join('\n');
}

function away(path: string): RetryableError {
  return new RetryableError({ code: 'WITNESS_UNREACHABLE', path, problem: 'is away', fix: 'Wait.' });
}
