/** Signature lines and key ranges: what a key that the auditor knows must never let pass. */
import { sign } from 'node:crypto';
import type { TrustFile } from '../../packages/verify/src/keys/trust.ts';
import { policyFile, witnessPolicy } from './auditor-material.ts';
import { type Forged, forged, OTHER_RUN } from './forged.ts';
import { LOG, trustFile } from './honest-bundle.ts';
import { newSigner, type Signer, sha256, signedNote } from './naive-evidence.ts';
import { ORIGIN } from './story.ts';
import { stamped, tsaTrust } from './time-forgeries.ts';

/** The log's second key, on P-256. */
const SECOND: Signer = newSigner('p256');
const P256_STRANGER: Signer = newSigner('p256');

function secondHash(): Buffer {
  return sha256(SECOND.spki).subarray(0, 4);
}

/** The trust file with the second log key. */
export function withSecondKey(range: { from: number; to?: number } = { from: 0 }): TrustFile {
  const file = trustFile();
  const material = Buffer.concat([Buffer.of(2), SECOND.spki]).toString('base64');
  const vkey = `${ORIGIN}+${secondHash().toString('hex')}+${material}`;
  const { keyid, spki } = SECOND;
  const alg = 'ecdsa-p256-sha256' as const;
  return { ...file, keys: [...file.keys, { use: 'log', alg, keyid, spki: spki.toString('base64'), vkey, ...range }] };
}

/** Only the second log key. */
export function withSecondKeyAlone(): TrustFile {
  const file = withSecondKey();
  return { ...file, keys: file.keys.filter(({ use, alg }) => use === 'attest' || alg !== 'ed25519') };
}

/** The note with a second line; what is signed and by whom can be another. */
export function secondLine(note: string, signer: Signer = SECOND, text = bodyOf(note)): string {
  const signature = sign('sha256', Buffer.from(text), signer.privateKey);
  return `${note}— ${ORIGIN} ${Buffer.concat([secondHash(), signature]).toString('base64')}\n`;
}

function bodyOf(note: string): string {
  return note.slice(0, note.lastIndexOf('\n\n') + 1);
}

/** The line under the first log key, over another text. */
function foreignLine(note: string): string {
  return `${note}${signedNote('else\n', ORIGIN, LOG).split('\n').at(-2)}\n`;
}

const trust = withSecondKey();

export const OF_KEYS: Forged[] = [
  line('a second line by a stranger under the name of a known key', (note) => secondLine(note, P256_STRANGER)),
  line('a second line over another checkpoint', (note) =>
    secondLine(note, SECOND, bodyOf(note).replace('\n5\n', '\n4\n')),
  ),
  line(
    'a second line that is no DER',
    (note) => `${note}— ${ORIGIN} ${Buffer.concat([secondHash(), Buffer.alloc(70, 1)]).toString('base64')}\n`,
  ),
  line('a good line and then a bad one under the same key', foreignLine),
  line('a bad line before the good one under the same key', (note) => {
    const [first = '', ...rest] = foreignLine(note)
      .slice(bodyOf(note).length + 1)
      .split('\n')
      .filter(Boolean)
      .reverse();
    return `${bodyOf(note)}\n${[first, ...rest].join('\n')}\n`;
  }),
  forged(
    'the first line alone, where only the second key is trusted',
    {},
    ['checkpoint-signature CHECKPOINT_UNTRUSTED'],
    {
      trust: withSecondKeyAlone(),
    },
  ),
  forged(
    'the second key was retired, and no other is trusted',
    { note: secondLine },
    ['checkpoint-signature KEY_RANGE'],
    {
      trust: {
        ...withSecondKeyAlone(),
        keys: withSecondKeyAlone().keys.map((key) => (key.use === 'log' ? { ...key, to: 4 } : key)),
      },
    },
  ),
  forged(
    'a revoked key and a good token of an unrelated time',
    { lines: stamped() },
    ['manifest-signatures KEY_RANGE', 'attestation-signatures KEY_RANGE', 'seal-signature KEY_RANGE'],
    { options: { policy: policyFile({ keys: until(1), tsa: tsaTrust() }) } },
  ),
];

function until(to: number): TrustFile {
  const file = trustFile();
  return { ...file, keys: file.keys.map((key) => (key.use === 'attest' ? { ...key, to } : key)) };
}

function line(title: string, note: (note: string) => string): Forged {
  return forged(title, { note }, ['checkpoint-signature CHECKPOINT_SIGNATURE'], { trust });
}

/** Honest bundles that show less than a policy demands: not one of them is a contradiction, and none exits 0. */
export const OF_POLICIES: Forged[] = [
  lacking('a greatest age, and nobody who vouches for a time', { maxAgeMs: 1e15 }, ['freshness AGE_UNKNOWN']),
  lacking('an anchor', { integrity: 'anchored' }),
  lacking('witnesses', { integrity: 'witnessed' }),
  lacking('a time by witnesses', { time: 'witnessed' }),
  lacking('a time-stamping authority', { time: 'tsa-attested' }),
  lacking('the whole log', { completeness: 'log' }),
  {
    ...lacking('more witnesses than signed', { integrity: 'witnessed' }, ['witnesses QUORUM_NOT_MET']),
    options: { policy: policyFile({ witnesses: witnessPolicy(1), require: { integrity: 'witnessed' } }) },
  },
  {
    ...lacking('a token that can be judged', { time: 'tsa-attested' }),
    forgery: { lines: stamped() },
  },
  forged(
    'the policy is of another deployment',
    {},
    ['identity ORIGIN_UNTRUSTED', 'checkpoint-signature ORIGIN_UNTRUSTED'],
    {
      options: { policy: policyFile({ keys: trustFile(undefined, undefined, 'else.example') }) },
    },
  ),
  forged('the policy is met, and another run was asked for', {}, ['identity RUN_UNEXPECTED'], {
    options: { policy: policyFile(), expectRun: OTHER_RUN },
  }),
];

function lacking(what: string, require: NonNullable<Forged['options']>['require'], failing: string[] = []): Forged {
  return {
    title: `required and not shown: ${what}`,
    forgery: {},
    exit: 2,
    failing,
    options: { require } as Forged['options'] & object,
  };
}
