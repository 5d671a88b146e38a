/** What an auditor brings along, made the plain way: witness policies, captures of anchors, tiles, a memory. */
import { sign } from 'node:crypto';
import type { AnchorCapture } from '../../packages/verify/src/verdict/anchor-object.ts';
import type { PolicyFile } from '../../packages/verify/src/verdict/policy.ts';
import { verifyBundle } from '../../packages/verify/src/verdict/verify-bundle.ts';
import { type StateFile, VerifyState } from '../../packages/verify/src/verdict/verify-state.ts';
import { bundleLines, type Forgery, trustFile } from './honest-bundle.ts';
import { newSigner, type Signer, sha256 } from './naive-evidence.ts';

export const BUCKET = 'ledger-of-acme';
/** Of the checkpoint that the honest bundle carries. */
export const ANCHOR_KEY = 'checkpoints/00000000000000000005';
export const VERSION = '3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY';
const WRITTEN = '2026-11-21T05:01:00+00:00';
export const COSIGNED_SECONDS: number = Date.UTC(2026, 10, 21, 5, 1, 0) / 1000;

export const WITNESSES: readonly { name: string; signer: Signer }[] = ['north', 'south', 'west'].map((name) => ({
  name: `witness.example/${name}`,
  signer: newSigner('ed25519'),
}));

function keyHash(name: string, signer: Signer): Buffer {
  return sha256(`${name}\n`, Buffer.of(4), signer.spki.subarray(-32)).subarray(0, 4);
}

function witnessVkey(name: string, signer: Signer): string {
  const key = Buffer.concat([Buffer.of(4), signer.spki.subarray(-32)]).toString('base64');
  return `${name}+${keyHash(name, signer).toString('hex')}+${key}`;
}

/** A C2SP tlog-policy over the witnesses above. */
export function witnessPolicy(quorum = 2): string {
  const lines = WITNESSES.map(({ name, signer }, n) => `witness w${n} ${witnessVkey(name, signer)}`);
  return [...lines, `group quorum ${quorum} w0 w1 w2`, 'quorum quorum', ''].join('\n');
}

/** Adds the cosignature of a witness to a note. */
export function cosigned(note: string, n: number, seconds: number = COSIGNED_SECONDS): string {
  const { name, signer } = WITNESSES[n] as (typeof WITNESSES)[number];
  const text = note.slice(0, note.lastIndexOf('\n\n') + 1);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(seconds));
  const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), signer.privateKey);
  const blob = Buffer.concat([keyHash(name, signer), time, signature]).toString('base64');
  return `${note}— ${name} ${blob}\n`;
}

export function policyFile(more: Partial<PolicyFile> = {}): PolicyFile {
  return { format: 'waybill-policy/v1', keys: trustFile(), ...more };
}

/** The note that both proofs of a bundle carry. */
export function noteOf(lines: readonly string[]): string {
  const record = JSON.parse(lines.find((line) => line.includes('"record":"log"')) as string) as { proof: string };
  return record.proof.slice(record.proof.indexOf('\n\n') + 2);
}

/** What the storage would have said of the checkpoint in the bundle. */
export function captureOf(lines: readonly string[]): AnchorCapture {
  return {
    format: 'waybill-anchor-capture/v1',
    bucket: BUCKET,
    key: ANCHOR_KEY,
    body: Buffer.from(noteOf(lines)).toString('base64'),
    head: {
      VersionId: VERSION,
      LastModified: WRITTEN,
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: '2027-11-21T05:01:00+00:00',
    },
    versions: { Versions: [{ Key: ANCHOR_KEY, VersionId: VERSION }] },
  };
}

/** The leaves of the log that a bundle's proofs are of. */
export function logLeaves(forgery: Forgery = {}): Buffer[] {
  let seen: Buffer[] = [];
  bundleLines({
    ...forgery,
    log(leaves) {
      forgery.log?.(leaves);
      seen = [...leaves];
    },
  });
  return seen;
}

/** Tiles of a log that is smaller than one tile. */
export function tilesOf(leaves: readonly Buffer[]): (tile: { width: number }) => Promise<Uint8Array> {
  return async ({ width }) => Buffer.concat(leaves.slice(0, width));
}

/** The state file of an auditor who has verified the bundle of this forgery; `edit` changes what is remembered. */
export async function stateAfter(
  forgery: Forgery = {},
  edit: (file: StateFile) => void = () => {},
): Promise<VerifyState> {
  const state = new VerifyState();
  const bytes = Buffer.from(
    bundleLines(forgery)
      .map((line) => `${line}\n`)
      .join(''),
  );
  const { exitCode } = await verifyBundle([bytes], { trust: trustFile(), state });
  if (exitCode !== 0) throw new RangeError('the remembered bundle has to be honest');
  const file = structuredClone(state.toJSON());
  edit(file);
  return VerifyState.read(file);
}
