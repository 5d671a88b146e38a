/**
 * Signer with keys in KMS, which never leave it. The deployment names them, oldest first; which of them are in force the log
 * says. Before the log has any, they are the first of each list.
 *
 * No key is made here: `makeKey` takes the next of the list that the log does not know, so one that was cut off takes the
 * same key again. A pending key that the log does not take is not destroyed either: it waits for the next rotation.
 *
 * Pseudonyms come from one MAC over a fixed text, made by an HMAC key when the signer is opened: a name costs no call.
 */
import { createHash, createHmac } from 'node:crypto';
import { GenerateMacCommand, GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { TerminalError } from '@waybill/client/errors';
import {
  keyStatementHeader,
  loadTrust,
  type NoteAlgorithm,
  type NoteSignature,
  parseVkey,
  sha256Hex,
  type TrustFile,
  vkeyOf,
} from '@waybill/verify';
import { awsFailure } from '#adapters/aws/aws-failure.ts';
import type { KeyUse, MadeKey, Signer } from '#ports/signer.ts';

export interface KmsSignerOptions {
  client: KMSClient;
  /** Name of the deployment's log. */
  origin: string;
  /** ARNs of P-256 keys, oldest first. */
  attestKeys: readonly string[];
  /** ARNs of Ed25519 and P-256 keys, oldest first. */
  logKeys: readonly string[];
  /** ARN of an HMAC_256 key. */
  pseudonymKey: string;
}

interface Held extends MadeKey {
  arn: string;
  /** Of its verifier key. */
  hash: number;
}

/** Never another: with another text every pseudonym would be another. */
const PSEUDONYM_SEED = 'waybill pseudonyms v1';
const ALGORITHMS: Readonly<Record<string, NoteAlgorithm>> = {
  ECC_NIST_P256: 'ecdsa-p256-sha256',
  ECC_NIST_EDWARDS25519: 'ed25519',
};

/** Asks KMS for every public key once. Throws TerminalError for keys that are none, RetryableError while KMS does not answer. */
export async function openKmsSigner(options: KmsSignerOptions): Promise<Signer> {
  const { client, pseudonymKey } = options;
  const [seed, attest, log] = await Promise.all([
    client
      .send(
        new GenerateMacCommand({
          KeyId: pseudonymKey,
          MacAlgorithm: 'HMAC_SHA_256',
          Message: Buffer.from(PSEUDONYM_SEED),
        }),
      )
      .catch((cause: unknown) => {
        throw awsFailure(pseudonymKey, cause);
      }),
    Promise.all(options.attestKeys.map((arn) => describe(options, 'attest', arn))),
    Promise.all(options.logKeys.map((arn) => describe(options, 'log', arn))),
  ]);
  if (seed.Mac === undefined) throw missing(pseudonymKey, 'it makes no MAC');
  return new KmsSigner(options, [...log, ...attest], seed.Mac);
}

async function describe({ client, origin }: KmsSignerOptions, use: KeyUse, arn: string): Promise<Held> {
  const found = await client.send(new GetPublicKeyCommand({ KeyId: arn })).catch((cause: unknown) => {
    throw awsFailure(arn, cause);
  });
  const alg = ALGORITHMS[found.KeySpec ?? ''];
  if (found.PublicKey === undefined || alg === undefined || (use === 'attest' && alg === 'ed25519')) {
    throw missing(arn, `its kind is ${found.KeySpec}`);
  }
  const { hash } = parseVkey(vkeyOf(origin, found.PublicKey));
  return {
    use,
    alg,
    arn,
    hash,
    keyid: sha256Hex(found.PublicKey),
    spki: Buffer.from(found.PublicKey).toString('base64'),
  };
}

class KmsSigner implements Signer {
  readonly #client: KMSClient;
  readonly #origin: string;
  readonly #held: readonly Held[];
  readonly #pseudonyms: Uint8Array;
  readonly #pending = new Set<string>();
  #trust: TrustFile;
  #attest: Held;
  #log: Held[];

  constructor({ client, origin }: KmsSignerOptions, held: readonly Held[], pseudonyms: Uint8Array) {
    this.#client = client;
    this.#origin = origin;
    this.#held = held;
    this.#pseudonyms = pseudonyms;
    this.#trust = { format: 'waybill-keys/v1', origin, keys: this.#firstKeys() };
    ({ attest: this.#attest, log: this.#log } = this.#inForce(this.#trust.keys));
  }

  get trust(): TrustFile {
    return this.#trust;
  }

  get attestKeyId(): string {
    return this.#attest.keyid;
  }

  async attest(bytes: Uint8Array, keyid: string = this.attestKeyId): Promise<Uint8Array> {
    const key = this.#trust.keys.find((known) => known.use === 'attest' && known.keyid === keyid);
    return this.#sign(this.#find('attest', key?.keyid ?? `unknown ${keyid}`), bytes);
  }

  signNote(text: string): Promise<NoteSignature[]> {
    return Promise.all(this.#log.map((key) => this.#signText(key, text)));
  }

  pseudonym(principal: string): string {
    return createHmac('sha256', this.#pseudonyms).update(principal).digest('hex');
  }

  async makeKey(use: KeyUse, alg: NoteAlgorithm): Promise<MadeKey> {
    const known = new Set([...this.#trust.keys.map(({ keyid }) => keyid), ...this.#pending]);
    const next = this.#held.find((key) => key.use === use && key.alg === alg && !known.has(key.keyid));
    if (next === undefined) {
      throw new TerminalError({
        code: 'OBJECT_MISSING',
        path: `signingKeys.${use}`,
        problem: `the log knows every ${alg} key of the deployment already`,
        fix: 'Raise `signingKeys` of the deployment by one, deploy the ledger stack, and rotate again.',
      });
    }
    this.#pending.add(next.keyid);
    const { keyid, spki } = next;
    return { use, alg, keyid, spki };
  }

  async signStatement(text: string, keyids: readonly string[]): Promise<NoteSignature[]> {
    if (!text.startsWith(keyStatementHeader(this.#origin))) {
      throw new RangeError('what is signed as a key statement is none');
    }
    const named = keyids.map((keyid) => {
      const isKnown = this.#pending.has(keyid) || this.#trust.keys.some((key) => key.keyid === keyid);
      const key = this.#held.find((held) => held.keyid === keyid);
      if (key === undefined || !isKnown) throw missing(keyid, 'it is not named by the deployment, or not to be taken');
      return key;
    });
    return Promise.all(named.map((key) => this.#signText(key, text)));
  }

  async adopt(keys: TrustFile['keys']): Promise<void> {
    const trust: TrustFile = { format: 'waybill-keys/v1', origin: this.#origin, keys };
    loadTrust(trust);
    const inForce = this.#inForce(keys);
    this.#trust = trust;
    this.#attest = inForce.attest;
    this.#log = inForce.log;
    this.#pending.clear();
  }

  /** The keys that a new log will begin with: the log key at index 0, the attest key at 1. */
  #firstKeys(): TrustFile['keys'] {
    const log = this.#held.find((key) => key.use === 'log' && key.alg === 'ed25519');
    const attest = this.#held.find((key) => key.use === 'attest');
    if (log === undefined || attest === undefined) throw missing('signingKeys', 'the deployment names none of one use');
    const range = ({ keyid, spki }: Held, from: number) => ({ keyid, spki, from });
    const vkey = vkeyOf(this.#origin, Buffer.from(log.spki, 'base64'));
    return [
      { use: 'log', alg: log.alg, ...range(log, 0), vkey },
      { use: 'attest', alg: 'ecdsa-p256-sha256', ...range(attest, 1) },
    ];
  }

  #inForce(keys: TrustFile['keys']): { attest: Held; log: Held[] } {
    const live = keys.filter(({ to }) => to === undefined);
    const attest = live.find(({ use }) => use === 'attest');
    const log = live.filter(({ use }) => use === 'log').map(({ keyid }) => this.#find('log', keyid));
    if (attest === undefined || log.length === 0) throw missing('log', 'it has no key in force of one use');
    log.sort((a, b) => Number(a.alg !== 'ed25519') - Number(b.alg !== 'ed25519'));
    return { attest: this.#find('attest', attest.keyid), log };
  }

  #find(use: KeyUse, keyid: string): Held {
    const held = this.#held.find((key) => key.use === use && key.keyid === keyid);
    if (held === undefined) throw missing(keyid, 'the deployment names no such key');
    return held;
  }

  async #signText(key: Held, text: string): Promise<NoteSignature> {
    return { name: this.#origin, hash: key.hash, signature: await this.#sign(key, Buffer.from(text)) };
  }

  /** An Ed25519 key signs the text itself, a P-256 key its digest. */
  async #sign({ arn, alg }: Held, bytes: Uint8Array): Promise<Uint8Array> {
    const asked =
      alg === 'ed25519'
        ? ({ Message: bytes, MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512' } as const)
        : ({
            Message: createHash('sha256').update(bytes).digest(),
            MessageType: 'DIGEST',
            SigningAlgorithm: 'ECDSA_SHA_256',
          } as const);
    const { Signature } = await this.#client.send(new SignCommand({ KeyId: arn, ...asked })).catch((cause: unknown) => {
      throw awsFailure(arn, cause);
    });
    if (Signature === undefined) throw missing(arn, 'it signs nothing');
    return Signature;
  }
}

function missing(path: string, problem: string): TerminalError {
  const fix = 'Name all signing keys of the deployment that the log knows; deploy the ledger stack again.';
  return new TerminalError({
    code: 'OBJECT_MISSING',
    path,
    problem: `a key of this deployment is gone: ${problem}`,
    fix,
  });
}
