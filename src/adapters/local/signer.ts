/**
 * Signer with keys in files, readable by their owner only: `<use>-<key id>.pem`, and `….pem.pending` until the log has the
 * key. The first two are made at the first start, and never for a ledger that has begun. `public.json` says which are in force; when it is lost, the log says so.
 */
import { createHmac, type KeyObject, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
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
import { publishOnce, publishOver, syncDirectory, writeTemporary } from '#adapters/local/durable-file.ts';
import { generateKey, keyFile, loadSecret, readKey, spkiOf, writeOnceSync } from '#adapters/local/key-file.ts';
import type { KeyUse, MadeKey, Signer } from '#ports/signer.ts';

const PUBLIC = 'public.json';
const PSEUDONYMS = 'pseudonym.key';
const PENDING = '.pending';
const FIRST_ALGORITHM = { attest: 'ecdsa-p256-sha256', log: 'ed25519' } as const;

export interface LocalSigner extends Signer {
  /** Name of this deployment's log, derived from its first log key. */
  readonly origin: string;
}

interface AttestHalf {
  keyid: string;
  key: KeyObject;
}

interface LogHalf {
  hash: number;
  alg: NoteAlgorithm;
  key: KeyObject;
}

/**
 * @param ledger the directory of the log that they sign; where it has begun, keys that are gone were lost and none are made
 *
 * Throws TerminalError OBJECT_MISSING for keys that were lost.
 */
export function openLocalSigner(directory: string, ledger?: string): LocalSigner {
  const hasBegun = ledger !== undefined && holdsAnything(ledger);
  if (hasBegun && !holdsAnything(directory)) throw lost(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const isFirst = !existsSync(join(directory, PUBLIC));
  if ((!isFirst || hasBegun) && !existsSync(join(directory, PSEUDONYMS))) throw missing(join(directory, PSEUDONYMS));
  const pseudonyms = loadSecret(join(directory, PSEUDONYMS), () => randomBytes(32));
  const signer = new FileSigner(
    directory,
    isFirst ? firstKeys(directory, !hasBegun) : readTrust(directory),
    pseudonyms,
  );
  if (isFirst) writeOnceSync(join(directory, PUBLIC), format(signer.trust));
  return signer;
}

class FileSigner implements LocalSigner {
  readonly origin: string;
  readonly #directory: string;
  readonly #pseudonyms: Buffer;
  #trust: TrustFile;
  #attest: AttestHalf;
  #log: LogHalf[];
  /** Whoever submits mostly submits more than once. */
  #lastPseudonym: { principal: string; hex: string } | null = null;

  constructor(directory: string, trust: TrustFile, pseudonyms: Buffer) {
    this.#directory = directory;
    this.#pseudonyms = pseudonyms;
    this.origin = trust.origin;
    this.#trust = trust;
    ({ attest: this.#attest, log: this.#log } = this.#inForce(trust));
  }

  get trust(): TrustFile {
    return this.#trust;
  }

  get attestKeyId(): string {
    return this.#attest.keyid;
  }

  async attest(bytes: Uint8Array, keyid: string = this.attestKeyId): Promise<Uint8Array> {
    if (keyid === this.attestKeyId) return sign('sha256', bytes, this.#attest.key);
    const known = this.#trust.keys.find((key) => key.use === 'attest' && key.keyid === keyid);
    if (known === undefined) throw missing(join(this.#directory, `attest-${keyid}.pem`));
    return sign('sha256', bytes, this.#load(known));
  }

  async signNote(text: string): Promise<NoteSignature[]> {
    return this.#log.map(({ hash, alg, key }) => ({ name: this.origin, hash, signature: signText(text, alg, key) }));
  }

  pseudonym(principal: string): string {
    if (this.#lastPseudonym?.principal !== principal) {
      const hex = createHmac('sha256', this.#pseudonyms).update(principal).digest('hex');
      this.#lastPseudonym = { principal, hex };
    }
    return this.#lastPseudonym.hex;
  }

  async makeKey(use: KeyUse, alg: NoteAlgorithm): Promise<MadeKey> {
    const { pem, spki } = generateKey(alg);
    const keyid = sha256Hex(spki);
    const file = await writeTemporary(this.#directory, pem);
    await publishOnce(file, this.#pathOf({ use, keyid }) + PENDING);
    return { use, alg, keyid, spki: spki.toString('base64') };
  }

  async signStatement(text: string, keyids: readonly string[]): Promise<NoteSignature[]> {
    const header = keyStatementHeader(this.origin);
    if (!text.startsWith(header)) throw new RangeError('what is signed as a key statement is none');
    const names = readdirSync(this.#directory);
    return keyids.map((keyid) => {
      const name = names.find((file) => file.includes(keyid) && !file.endsWith('.tmp'));
      if (name === undefined) throw missing(join(this.#directory, `*-${keyid}.pem`));
      const key = readKey(join(this.#directory, name));
      const { alg, hash } = parseVkey(vkeyOf(this.origin, spkiOf(key)));
      return { name: this.origin, hash, signature: signText(text, alg, key) };
    });
  }

  /** Key files first, `public.json` last: cut off anywhere, doing it again comes to the same end. */
  async adopt(keys: TrustFile['keys']): Promise<void> {
    const trust: TrustFile = { format: 'waybill-keys/v1', origin: this.origin, keys };
    loadTrust(trust);
    const inForce = this.#inForce(trust);
    for (const key of keys) {
      const path = this.#pathOf(key);
      if (!existsSync(path) && existsSync(path + PENDING)) await rename(path + PENDING, path);
    }
    await syncDirectory(this.#directory);
    const known = join(this.#directory, PUBLIC);
    if (!existsSync(known) || readFileSync(known, 'utf8') !== format(trust)) {
      await publishOver(await writeTemporary(this.#directory, Buffer.from(format(trust))), known);
    }
    for (const name of readdirSync(this.#directory)) {
      if (name.endsWith(PENDING)) await unlink(join(this.#directory, name));
    }
    this.#trust = trust;
    this.#attest = inForce.attest;
    this.#log = inForce.log;
  }

  /** The private halves of the keys that are in force, pending ones included. */
  #inForce({ keys }: TrustFile): { attest: AttestHalf; log: LogHalf[] } {
    const live = keys.filter(({ to }) => to === undefined);
    const attest = live.find(({ use }) => use === 'attest');
    if (attest === undefined || !live.some(({ use }) => use === 'log')) {
      throw missing(join(this.#directory, 'a key in force'));
    }
    const log = live.flatMap((key) => {
      if (key.use !== 'log') return [];
      const { hash, alg } = parseVkey(key.vkey);
      return [{ hash, alg, key: this.#load(key) }];
    });
    log.sort((a, b) => Number(a.alg !== 'ed25519') - Number(b.alg !== 'ed25519'));
    return { attest: { keyid: attest.keyid, key: this.#load(attest) }, log };
  }

  /** A key of this deployment that is missing was lost; a new one in its place would disown all earlier evidence. */
  #load(key: { use: KeyUse; keyid: string; spki: string }): KeyObject {
    const path = this.#pathOf(key);
    const found = [path, path + PENDING].find((file) => existsSync(file));
    if (found === undefined) throw missing(path);
    const held = readKey(found);
    if (spkiOf(held).toString('base64') !== key.spki) throw missing(path);
    return held;
  }

  #pathOf({ use, keyid }: { use: KeyUse; keyid: string }): string {
    return join(this.#directory, keyFile(use, keyid));
  }
}

/** What a first write that was cut off left behind is hidden, and nothing. */
function holdsAnything(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).some((name) => !name.startsWith('.'));
}

/**
 * The keys of a new deployment, which its log will begin with: the log key at index 0, the attest key at 1.
 * @param mayMake the log has not begun
 */
function firstKeys(directory: string, mayMake: boolean): TrustFile {
  const [log, attest] = (['log', 'attest'] as const).map((use) => {
    // One that a first start made before it died is as good as any.
    const made = readdirSync(directory).find((name) => name.startsWith(`${use}-`) && name.endsWith('.pem'));
    if (made !== undefined) return spkiOf(readKey(join(directory, made)));
    if (!mayMake) throw lost(directory);
    const { pem, spki } = generateKey(FIRST_ALGORITHM[use]);
    writeOnceSync(join(directory, keyFile(use, sha256Hex(spki))), pem);
    return spki;
  }) as [Buffer, Buffer];
  const origin = `waybill.local/${sha256Hex(log).slice(0, 16)}`;
  const described = (spki: Buffer) => ({ keyid: sha256Hex(spki), spki: spki.toString('base64') });
  return {
    format: 'waybill-keys/v1',
    origin,
    keys: [
      { use: 'log', alg: FIRST_ALGORITHM.log, ...described(log), from: 0, vkey: vkeyOf(origin, log) },
      { use: 'attest', alg: FIRST_ALGORITHM.attest, ...described(attest), from: 1 },
    ],
  };
}

function readTrust(directory: string): TrustFile {
  const trust = JSON.parse(readFileSync(join(directory, PUBLIC), 'utf8')) as TrustFile;
  loadTrust(trust);
  return trust;
}

function format(trust: TrustFile): string {
  return `${JSON.stringify(trust, null, 2)}\n`;
}

function signText(text: string, alg: NoteAlgorithm, key: KeyObject): Uint8Array {
  return sign(alg === 'ed25519' ? null : 'sha256', Buffer.from(text), key);
}

function lost(directory: string): TerminalError {
  return new TerminalError({
    code: 'OBJECT_MISSING',
    path: directory,
    problem: 'the keys were lost, and their ledger is there: keys made now could not go on with it',
    fix: 'Restore keys/ from its backup, or begin a new state directory with keys and a log of its own.',
  });
}

function missing(path: string): TerminalError {
  return new TerminalError({
    code: 'OBJECT_MISSING',
    path,
    problem: 'a key of this deployment is gone',
    fix: 'Restore it from a backup, or begin a new state directory with keys and a log of its own.',
  });
}
