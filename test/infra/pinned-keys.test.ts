/** Keys that workers could not verify with are refused before anything is deployed. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { sha256Hex } from '@waybill/verify';
import { propsProblems } from '../../lib/check-props.ts';
import type { PinnedKeys } from '../../lib/waybill-props.ts';
import { exampleProps, productionProps } from './deployment.ts';

function problemsOf(pinnedKeys: unknown): readonly string[] {
  return propsProblems({ ...productionProps(), pinnedKeys });
}

const PINNED = exampleProps().pinnedKeys as PinnedKeys;
const [LOG_KEY, ATTEST_KEY] = PINNED.keys;

/** The exported keys, with one attest key that is a little different. */
function pinning(change: object): PinnedKeys {
  return { ...PINNED, keys: [{ ...(ATTEST_KEY as { use: string; spki: string }), ...change }] };
}

/** With an id that is right, so that nothing but the key itself can be refused. */
function ofKey(spki: Uint8Array): { spki: string; keyid: string } {
  return { spki: Buffer.from(spki).toString('base64'), keyid: sha256Hex(spki) };
}

const SPKI = Buffer.from(ATTEST_KEY?.spki ?? '', 'base64');
const OFF_CURVE = Buffer.concat([SPKI.subarray(0, -1), Buffer.from([(SPKI.at(-1) ?? 0) ^ 1])]);
const P384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'der' });

const refused: readonly [title: string, pinned: unknown, path: string][] = [
  ['keys of another log', { format: 'waybill-keys/v1', origin: 'else', keys: [] }, 'pinnedKeys.origin'],
  ['no attest key', { format: 'waybill-keys/v1', origin: 'example.com/waybill', keys: [] }, 'pinnedKeys.keys'],
  ['keys in an unknown format', { ...PINNED, format: 'waybill-keys/v2' }, 'pinnedKeys.format'],
  ['a key that was cut', pinning(ofKey(SPKI.subarray(0, 27))), 'pinnedKeys.keys[0]'],
  ['a key that is no base64', pinning({ spki: 'ours!' }), 'pinnedKeys.keys[0]'],
  ['a key with the id of another', pinning({ keyid: '0'.repeat(64) }), 'pinnedKeys.keys[0]'],
  ['a key that is on no curve', pinning(ofKey(OFF_CURVE)), 'pinnedKeys.keys[0]'],
  ['an attest key of another curve', pinning(ofKey(P384)), 'pinnedKeys.keys[0]'],
  [
    'a log key for attesting',
    pinning({ spki: LOG_KEY?.spki, keyid: (LOG_KEY as { keyid?: string }).keyid }),
    'pinnedKeys.keys[0]',
  ],
  ['attest keys of which none is good', pinning({ to: 9, revoked: 'key_compromise' }), 'pinnedKeys.keys:'],
];

for (const [title, pinned, path] of refused) {
  test(`pinned keys: ${title} is refused, and ${path} is named`, () => {
    const problems = problemsOf(pinned);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.ok(problems[0]?.startsWith(path), problems[0]);
    assert.match(problems[0] ?? '', /put in what `waybill keys export` writes, whole$/);
  });
}

test('pinned keys: one that is kept for what it signed before is pinned beside the one in force', () => {
  const keys = [{ ...ATTEST_KEY, to: 900 }, ATTEST_KEY];
  assert.deepEqual(problemsOf({ ...PINNED, keys }), []);
});
