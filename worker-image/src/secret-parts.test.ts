import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRedactor } from './redactor.ts';
import { partsOf } from './secret-parts.ts';

const LINES = [
  '-----BEGIN PRIVATE KEY-----',
  'q2Vb0Zk8Lr7Tn5Xy3Wd1Hs9',
  'uE8aR2tY5iO0pL7kD3fS6gH',
  '-----END PRIVATE KEY-----',
];
const KEY = `${LINES.join('\n')}\n`;
const ACCOUNT = JSON.stringify(
  { id: 'short', auth: { private_key: KEY, tokens: [7, null, 'first-token-81c3'] } },
  null,
  2,
);
const redactor = createRedactor(new Map([['account', ACCOUNT]]));

describe('parts of a secret', () => {
  it('a member of a JSON secret is found by itself, in every form, and so are the lines of a key in it', () => {
    assert.equal(redactor.text(`key: ${KEY}.`), 'key: [secret account]\n.');
    assert.equal(redactor.text(`> ${LINES[1]}\n> ${LINES[2]}\n`), '> [secret account]\n> [secret account]\n');
    assert.ok(redactor.holds(Buffer.from(KEY).toString('base64')));
    assert.equal(redactor.text('t=first%2Dtoken-81c3'), 't=[secret account]');
    assert.equal(redactor.text(JSON.stringify(JSON.parse(ACCOUNT))), '[secret account]');
  });

  it('what is too short to be told from other text, and what encloses a key, is not', () => {
    assert.equal(redactor.holds(`short private_key ${LINES[0]}`), false);
  });

  it('no more of them are looked for than there is a bound for, in number and depth', () => {
    const many = Array.from({ length: 1_000 }, (_, n) => `member-${n}`);
    assert.equal(partsOf(JSON.stringify(many)).length, 257);
    const nested = (depth: number): string => `${'['.repeat(depth)}"a-nested-one"${']'.repeat(depth)}`;
    assert.deepEqual(partsOf(nested(8)).slice(1), ['a-nested-one']);
    assert.deepEqual(partsOf(nested(9)).slice(1), []);
    assert.deepEqual(partsOf('{"no": "document"').length, 1);
  });
});
