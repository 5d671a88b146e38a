/**
 * The keys of a deployment as its log tells them: who came when, signed by whom, and who went. Validity is a range of log
 * indexes. What an auditor pinned reaches another key only along statements that both have signed.
 */
import { sha256Hex } from '#crypto';
import { mustFind, mustHold } from '../contradiction.ts';
import { fromBase64 } from '../crypto/base64.ts';
import type { KeyAddedEntry, KeyRetiredEntry, KeyRevokedEntry } from '../log/log-entry.ts';
import { type NoteKey, parseNote, parseVkey, verifyNote, vkeyOf } from '../log/note.ts';
import { type KeyEntry, keyStatementText, statementOf } from './key-statement.ts';
import type { TrustedAttestKey, TrustedLogKey, TrustFile } from './trust.ts';

export type TrustedKey = TrustedAttestKey | TrustedLogKey;

interface LoggedKey {
  key: TrustedKey;
  note: NoteKey;
  /** The keys of the same use that signed its addition. */
  vouchers: string[];
}

export class KeyHistory {
  readonly #origin: string;
  readonly #keys = new Map<string, LoggedKey>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Goes on from keys that another history has judged. */
  static from(origin: string, keys: readonly TrustedKey[]): KeyHistory {
    const history = new KeyHistory(origin);
    for (const key of keys) {
      const note = parseVkey(vkeyOf(origin, fromBase64(key.spki)));
      history.#keys.set(key.keyid, { key: { ...key }, note, vouchers: [] });
    }
    return history;
  }

  /** In the order in which they were added. */
  get keys(): TrustedKey[] {
    return [...this.#keys.values()].map(({ key }) => ({ ...key }));
  }

  /**
   * Takes the next entry about a key.
   * Throws Contradiction or EvidenceError when it does not follow from the ones before; the history then stays as it was.
   * @param isGenesis no run was entered yet: a use may get its first key, which nobody can have signed before
   */
  async add(index: number, entry: KeyEntry, isGenesis: boolean): Promise<void> {
    mustHold(entry.origin === this.#origin, `the entry is of ${entry.origin}`);
    switch (entry.type) {
      case 'key.added':
        return this.#added(index, entry, isGenesis);
      case 'key.retired':
        return this.#retired(index, entry);
      case 'key.revoked':
        return this.#revoked(index, entry);
    }
  }

  trustFile(): TrustFile {
    return { format: 'waybill-keys/v1', origin: this.#origin, keys: this.keys };
  }

  /**
   * What the pinned keys lead to. A statement by an old and a new key binds the two: whoever trusts one has its word
   * for the other. Ranges are those of the log, narrowed by what was pinned.
   */
  follow(pinned: TrustFile): { trust: TrustFile; unknown: string[]; unreached: string[] } {
    // A key that was pinned for one use is no reason to trust it for another.
    const pinsOf = new Map<string, TrustedKey[]>();
    const unknown = new Set<string>();
    for (const pin of pinned.keys) {
      const isLogged = this.#keys.get(pin.keyid)?.key.use === pin.use;
      if (isLogged) pinsOf.set(pin.keyid, [...(pinsOf.get(pin.keyid) ?? []), pin]);
      else unknown.add(pin.keyid);
    }
    const reached = new Set(pinsOf.keys());
    for (let before = -1; before < reached.size; ) {
      before = reached.size;
      for (const [keyid, { vouchers }] of this.#keys) {
        if (reached.has(keyid)) for (const voucher of vouchers) reached.add(voucher);
        else if (vouchers.some((voucher) => reached.has(voucher))) reached.add(keyid);
      }
    }
    const logged = [...this.#keys.values()].filter(({ key }) => reached.has(key.keyid));
    const keys = logged.flatMap(({ key }) => narrowed(key, pinsOf.get(key.keyid) ?? [key]));
    return {
      trust: { format: 'waybill-keys/v1', origin: this.#origin, keys },
      unknown: [...unknown],
      unreached: [...this.#keys.keys()].filter((keyid) => !reached.has(keyid)),
    };
  }

  async #added(index: number, entry: KeyAddedEntry, isGenesis: boolean): Promise<void> {
    const { use, alg, keyid, spki, from } = entry;
    const der = fromBase64(spki);
    mustHold(sha256Hex(der) === keyid, 'the key id is not the SHA-256 of the key');
    mustHold(use === 'log' || alg === 'ecdsa-p256-sha256', 'an attest key is not on P-256');
    mustHold(from === index, `the key is valid from ${from} and stands at ${index}`);
    mustHold(!this.#keys.has(keyid), `key ${keyid} was added before`);
    const vkey = vkeyOf(this.#origin, der);
    const note = parseVkey(vkey);
    mustHold(note.alg === alg, 'the key is not of its algorithm');
    const isFirst = ![...this.#keys.values()].some(({ key }) => key.use === use);
    const old = this.#inForce(use, index);
    const signers = await this.#signersOf(entry, [note, ...old.map((key) => key.note)]);
    mustHold(signers.includes(note), 'the new key has not signed its own addition');
    const vouchers = old.filter((key) => signers.includes(key.note)).map(({ key }) => key.keyid);
    if (isFirst) mustHold(isGenesis, `the first ${use} key is added when runs have been entered`);
    else mustHold(vouchers.length > 0, `no ${use} key in force has signed for the new one`);
    const range = { keyid, spki, from };
    const key: TrustedKey = use === 'log' ? { use, alg, ...range, vkey } : { use, alg: 'ecdsa-p256-sha256', ...range };
    this.#keys.set(keyid, { key, note, vouchers });
  }

  async #retired(index: number, entry: KeyRetiredEntry): Promise<void> {
    const { key } = this.#named(entry);
    mustHold(key.to === undefined, `key ${key.keyid} was not in force any more`);
    mustHold(entry.to === index, `the key is retired at ${entry.to}, the entry stands at ${index}`);
    const rest = this.#inForce(key.use, index).filter((other) => other.key !== key);
    mustHold(rest.length > 0, `no ${key.use} key is left in force`);
    const signers = await this.#signersOf(entry, notesOf(rest));
    mustHold(signers.length > 0, 'no key that stays in force has signed the retirement');
    key.to = index;
  }

  async #revoked(index: number, entry: KeyRevokedEntry): Promise<void> {
    const { key } = this.#named(entry);
    mustHold(key.from <= entry.to && entry.to <= index, `the key cannot be revoked from ${entry.to} on`);
    mustHold(entry.to <= (key.to ?? index), `key ${key.keyid} was not in force any more`);
    const rest = this.#inForce(key.use, index).filter((other) => other.key !== key);
    mustHold(rest.length > 0, `no ${key.use} key is left in force`);
    const judges = this.#inForce('log', index).filter((other) => other.key !== key);
    const signers = await this.#signersOf(entry, notesOf(judges));
    mustHold(signers.length > 0, 'no log key in force has signed the revocation');
    key.to = entry.to;
    key.revoked = entry.reason;
  }

  #named({ keyid, use }: KeyRetiredEntry | KeyRevokedEntry): LoggedKey {
    const logged = mustFind(this.#keys.get(keyid), `key ${keyid} was never added`);
    mustHold(logged.key.use === use, `key ${keyid} is no ${use} key`);
    return logged;
  }

  #inForce(use: TrustedKey['use'], index: number): LoggedKey[] {
    return [...this.#keys.values()].filter(({ key }) => key.use === use && key.from <= index && index < endOf(key));
  }

  /** Those of the keys that signed the statement of the entry, exactly as the entry stands. */
  async #signersOf(entry: KeyEntry, keys: readonly NoteKey[]): Promise<NoteKey[]> {
    const note = parseNote(entry.note);
    mustHold(note.text === keyStatementText(statementOf(entry)), 'the signed statement is another than the entry');
    return verifyNote(note, keys);
  }
}

function notesOf(keys: readonly LoggedKey[]): NoteKey[] {
  return keys.map(({ note }) => note);
}

function endOf({ to }: TrustedKey): number {
  return to ?? Number.MAX_SAFE_INTEGER;
}

/** The parts of the logged range that lie in a pinned one; none when the auditor knows better than the log. */
function narrowed(key: TrustedKey, pinned: readonly TrustedKey[]): TrustedKey[] {
  return pinned.flatMap((pin) => {
    const from = Math.max(key.from, pin.from);
    const to = Math.min(endOf(key), endOf(pin));
    if (from >= to) return [];
    return [{ ...key, from, ...(to === Number.MAX_SAFE_INTEGER ? {} : { to }) }];
  });
}
