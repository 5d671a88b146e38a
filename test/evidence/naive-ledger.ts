/** A whole deployment log made the plain way, entry by entry, so that a test can tell any lie in it and sign it. */

import type { TrustFile } from '../../packages/verify/src/keys/trust.ts';
import type { KeyUse, LogEntry } from '../../packages/verify/src/log/log-entry.ts';
import type { LedgerSource } from '../../packages/verify/src/log/tile-source.ts';
import { digest, jcs, leaf, newSigner, type Signer, signText, treeRoot, vkeyOf } from './naive-evidence.ts';

export const LEDGER_ORIGIN = 'waybill.local/00112233445566aa';
export const START_MS: number = Date.UTC(2026, 10, 21, 5);

export interface Keyring {
  log: Signer;
  attest: Signer;
}

export function newKeyring(): Keyring {
  return { log: newSigner('ed25519'), attest: newSigner('p256') };
}

/** What an auditor pins: the keys that the log began with. */
export function pinned({ log, attest }: Keyring): TrustFile {
  const spki = (signer: Signer) => ({ keyid: signer.keyid, spki: signer.spki.toString('base64') });
  return {
    format: 'waybill-keys/v1',
    origin: LEDGER_ORIGIN,
    keys: [
      { use: 'log', alg: 'ed25519', ...spki(log), vkey: vkeyOf(LEDGER_ORIGIN, log), from: 0 },
      { use: 'attest', alg: 'ecdsa-p256-sha256', ...spki(attest), from: 1 },
    ],
  };
}

type Unsigned = Record<string, unknown> & { type: string };

export function keyAdded(use: KeyUse, signer: Signer, from: number, by: readonly Signer[]): Unsigned {
  const alg = signer.kind === 'ed25519' ? 'ed25519' : 'ecdsa-p256-sha256';
  const { keyid, spki } = signer;
  return keyNotice({ type: 'key.added', use, alg, keyid, spki: spki.toString('base64'), from }, [signer, ...by]);
}

export function keyRetired(use: KeyUse, { keyid }: Signer, to: number, by: Signer): Unsigned {
  return keyNotice({ type: 'key.retired', use, keyid, to }, [by]);
}

export function keyRevoked(use: KeyUse, { keyid }: Signer, to: number, by: Signer): Unsigned {
  return keyNotice({ type: 'key.revoked', use, keyid, to, reason: 'key_compromise' }, [by]);
}

function keyNotice(fields: Unsigned, by: readonly Signer[]): Unsigned {
  const text = `${LEDGER_ORIGIN}/keys\n${jcs({ v: 1, origin: LEDGER_ORIGIN, ...fields })}\n`;
  return { ...fields, note: `${text}\n${by.map((signer) => signText(text, LEDGER_ORIGIN, signer)).join('')}` };
}

export function genesis({ log, attest }: Keyring): Unsigned[] {
  return [keyAdded('log', log, 0, []), keyAdded('attest', attest, 1, [])];
}

/** Every entry a second after the one before it, unless it says when. */
export function lines(entries: readonly Unsigned[]): string[] {
  return entries.map((entry, index) => jcs({ v: 1, origin: LEDGER_ORIGIN, at: timeAt(index), ...entry }));
}

export function timeAt(second: number): string {
  return new Date(START_MS + second * 1000).toISOString();
}

export function opened(runSeq: number, run: string = runOf(runSeq)): Unsigned {
  return { type: 'run.opened', runSeq, run, event: digest(`event of ${run}`) };
}

export function grown(
  runSeq: number,
  size: number,
  type: LogEntry['type'] = 'run.checkpoint',
  more: object = {},
): Unsigned {
  const run = runOf(runSeq);
  const seal = type === 'run.sealed' ? { seal: digest(`seal of ${run}`) } : {};
  return { type, runSeq, run, size, root: digest(`${run} at ${size}`), ...seal, ...more };
}

export function runOf(runSeq: number): string {
  return digest(`run ${runSeq}`).slice(7, 39);
}

export function signedHead(
  log: readonly string[],
  size: number,
  by: readonly Signer[],
  origin: string = LEDGER_ORIGIN,
): string {
  const root = treeRoot(log.slice(0, size).map(leaf)).toString('base64');
  const text = `${origin}\n${size}\n${root}\n`;
  return `${text}\n${by.map((signer) => signText(text, origin, signer)).join('')}`;
}

/** Tiles of the whole log, and a checkpoint for each size. */
export function ledgerOf(log: readonly string[], heads: ReadonlyMap<number, string>): Map<string, Buffer> {
  const objects = new Map<string, Buffer>();
  for (const [size, note] of heads) objects.set(`checkpoints/${String(size).padStart(20, '0')}`, Buffer.from(note));
  let hashes: Uint8Array[] = log.map(leaf);
  for (let level = 0; hashes.length > 0; level += 1) {
    for (let index = 0; index * 256 < hashes.length; index += 1) {
      const tile = hashes.slice(index * 256, index * 256 + 256);
      const place = `${String(index).padStart(3, '0')}${tile.length === 256 ? '' : `.p/${tile.length}`}`;
      objects.set(`tile/${level}/${place}`, Buffer.concat(tile));
      if (level === 0) objects.set(`tile/entries/${place}`, bundleOf(log.slice(index * 256, index * 256 + 256)));
    }
    const whole = Array.from({ length: Math.floor(hashes.length / 256) }, (_, n) =>
      hashes.slice(n * 256, n * 256 + 256),
    );
    hashes = whole.map(treeRoot);
  }
  return objects;
}

function bundleOf(entries: readonly string[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(entry));
      return [length, Buffer.from(entry)];
    }),
  );
}

export function sourceOf(objects: ReadonlyMap<string, Buffer>): LedgerSource {
  return {
    read: async (name) => objects.get(name) ?? null,
    async open(name) {
      const bytes = objects.get(name);
      return bytes === undefined
        ? null
        : (async function* () {
            yield bytes;
          })();
    },
    async list(folder) {
      const names = [...objects.keys()].filter((name) => name.startsWith(`${folder}/`));
      return [...new Set(names.map((name) => name.slice(folder.length + 1).split('/')[0] as string))].sort();
    },
  };
}
