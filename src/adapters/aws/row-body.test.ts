import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bodyAttribute, textOfBody } from './row-body.ts';

const LONG = JSON.stringify({ text: 'sha256:0123456789abcdef '.repeat(200) });

describe('the body of a row', () => {
  it('is its text where that is short, and deflated where it is long', () => {
    assert.deepEqual(bodyAttribute('{"a":"é"}'), { S: '{"a":"é"}' });
    const packed = bodyAttribute(LONG);
    assert.ok('B' in packed && packed.B.byteLength < LONG.length / 4);
    assert.equal(textOfBody(packed), LONG);
    assert.equal(textOfBody({ S: LONG }), LONG, 'as rows were written before');
  });

  it('comes from a stream as base64', () => {
    const { B } = bodyAttribute(LONG) as { B: Uint8Array };
    assert.equal(textOfBody({ B: Buffer.from(B).toString('base64') }), LONG);
  });

  it('stays as it is where it does not deflate, and is none where there is none', () => {
    const dense = Array.from({ length: 4_000 }, (_, n) =>
      String.fromCharCode(33 + ((n * n * 7_919 + n * 104_729) % 90)),
    ).join('');
    const attribute = bodyAttribute(dense);
    assert.equal(textOfBody(attribute), dense);
    assert.equal(textOfBody(undefined), null);
    assert.equal(textOfBody({ N: '1' }), null);
    assert.throws(() => textOfBody({ B: Buffer.from('plain') }));
  });
});
