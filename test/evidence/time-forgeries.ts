/** Time-stamp tokens that do not belong to the checkpoint, or are none. */
import { after } from 'node:test';
import type { TsaTrust } from '../../packages/verify/src/verdict/policy.ts';
import {
  CA_EXTENSIONS,
  type Credential,
  DEFAULT_POLICY,
  OpensslAuthority,
  OTHER_POLICY,
  TSA_EXTENSIONS,
} from '../support/openssl-authority.ts';
import { cosigned, noteOf, policyFile } from './auditor-material.ts';
import { type Forged, forged, set } from './forged.ts';
import { bundleLines, type Forgery } from './honest-bundle.ts';
import { int, octets, seq } from './naive-der.ts';
import { makeToken, type TokenPlan } from './naive-tsa.ts';

const openssl = new OpensslAuthority();
after(() => openssl.close());
const ROOT = openssl.certify('Root', { extensions: CA_EXTENSIONS });
const OTHER_ROOT = openssl.certify('Other root', { extensions: CA_EXTENSIONS });
const TSA = openssl.certify('TSA', { by: ROOT, extensions: TSA_EXTENSIONS });
const SECOND_TSA = openssl.certify('Second TSA', { by: ROOT, extensions: TSA_EXTENSIONS });
const STRANGER = openssl.certify('Strange TSA', { by: OTHER_ROOT, extensions: TSA_EXTENSIONS });
const SERVER = openssl.certify('Server', {
  by: ROOT,
  extensions: TSA_EXTENSIONS.map((extension) => extension.replace('timeStamping', 'serverAuth')),
});

export const STAMPED_MS: number = Math.floor(Date.now() / 1000) * 1000;

export function tsaTrust(roots: readonly Credential[] = [ROOT], policies?: string[]): PolicyTsa {
  const base = { roots: roots.map(({ der }) => der.toString('base64')) };
  return policies === undefined ? base : { ...base, policies };
}

type Edit = NonNullable<Forgery['lines']>;
type PolicyTsa = { roots: string[]; policies?: NonNullable<TsaTrust['policies']> };

/** Puts a time record before the end; `message` is what the token is over, the checkpoint note when absent. */
export function stamped(plan: Partial<TokenPlan> = {}, edit: (tsr: Buffer) => Buffer = (tsr) => tsr): Edit {
  return (lines) => {
    const message = Buffer.from(noteOf(lines));
    const tsr = edit(makeToken({ message, signers: [TSA], ...plan }));
    const all = [...lines.slice(0, -1), JSON.stringify({ record: 'time', tsr: tsr.toString('base64') })];
    return [...all, JSON.stringify({ end: { lines: all.length } })];
  };
}

const NOTE = noteOf(bundleLines());

export const OF_TIME: Forged[] = [
  token('of the checkpoint without its cosignatures', stamped({ message: Buffer.from(NOTE) }), (note) =>
    cosigned(note, 0),
  ),
  token('of another checkpoint, older and good', stamped({ message: Buffer.from(NOTE.replace('\n5\n', '\n3\n')) })),
  token('of the bare root', stamped({ message: Buffer.from(NOTE.split('\n')[2] as string, 'base64') })),
  token(
    'of the text without its signatures',
    stamped({ message: Buffer.from(NOTE.slice(0, NOTE.lastIndexOf('\n\n') + 1)) }),
  ),
  token('by an authority under another root', stamped({ signers: [STRANGER] })),
  token('by a certificate that is for servers', stamped({ signers: [SERVER] })),
  token('by the root itself', stamped({ signers: [ROOT] })),
  token('with two signers', stamped({ signers: [TSA, SECOND_TSA] })),
  token('without signed attributes', stamped({ attributes: null })),
  token('with an imprint in SHA-1', stamped({ imprintHash: 'sha1' })),
  token('from before the certificate was valid', stamped({ genTime: '20200101000000Z' })),
  token('that was refused', stamped({ answer: (parts) => set(parts, { status: seq(int(2)) }) })),
  token(
    'with a broken signature',
    stamped({ signerInfo: (parts) => set(parts, { signature: octets(Buffer.alloc(70, 1)) }) }),
  ),
  token(
    'with one byte edited',
    stamped({}, (tsr) => flipped(tsr, 150)),
  ),
  token(
    'that is cut short',
    stamped({}, (tsr) => tsr.subarray(0, -1)),
  ),
  token(
    'with a byte behind it',
    stamped({}, (tsr) => Buffer.concat([tsr, Buffer.of(0)])),
  ),
  token(
    'that is none',
    stamped({}, () => Buffer.from('3000', 'hex')),
  ),
  token(
    'that is empty',
    stamped({}, () => Buffer.of()),
  ),
  {
    ...token('under another policy than the auditor accepts', stamped()),
    options: { policy: policyFile({ tsa: tsaTrust([ROOT], [OTHER_POLICY]) }) },
  },
  {
    ...token('whose root the auditor does not hold', stamped()),
    options: { policy: policyFile({ tsa: tsaTrust([OTHER_ROOT], [DEFAULT_POLICY]) }) },
  },
];

function token(title: string, lines: Edit, note?: (note: string) => string): Forged {
  const forgery = { lines, ...(note === undefined ? {} : { note }) };
  return forged(`a token ${title}`, forgery, ['timestamp TIMESTAMP_INVALID'], {
    options: { policy: policyFile({ tsa: tsaTrust() }) },
  });
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}
