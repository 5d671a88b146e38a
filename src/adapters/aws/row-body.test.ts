import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { digestOf } from '@waybill/verify';
import { bodyAttribute, textOfBody } from './row-body.ts';

const LONG = JSON.stringify({ text: 'sha256:0123456789abcdef '.repeat(200) });

describe('the body of a row', () => {
  it('is its text where that is short, and deflated where it is long', () => {
    assert.deepEqual(bodyAttribute('{"a":"é"}'), { S: '{"a":"é"}' });
    const packed = bodyAttribute(LONG);
    assert.ok('B' in packed && packed.B.byteLength < LONG.length / 4);
    assert.equal(textOfBody(packed), LONG);
    assert.equal(textOfBody({ S: LONG }), LONG, 'as rows were written before');
    assert.equal(textOfBody({ B: deflateRawSync(LONG) }), LONG, 'and after that');
  });

  it('is its very text again, whatever stands where a payload does', () => {
    const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64');
    const payloads = [
      base64('{"_type":"https://in-toto.io/Statement/v1","é":1}'),
      base64(Uint8Array.of(0xff, 0xfe, 0x00)),
      base64('\u0001{}\u0002'),
      base64('a').replaceAll('=', ''),
      `${base64('ab').slice(0, 2)}J=`,
      base64('"payload":"eA=="'),
    ];
    for (const payload of [...payloads, '']) {
      const text = JSON.stringify({ text: LONG, envelopes: [{ payload, payloadType: 't' }] });
      assert.equal(textOfBody(bodyAttribute(text)), text, payload);
    }
    const controls = `${LONG}\u0001aaaa\u0002`;
    assert.deepEqual(bodyAttribute(controls), { S: controls }, 'no JSON, and left alone');
  });

  it('holds an event with its statement in one kilobyte', () => {
    const hex = (n: number): string => digestOf(String(n)).slice('sha256:'.length);
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      predicate: { job: hex(1), plan: hex(2), spec: hex(3), executable: hex(4), nonce: hex(5), run: hex(6) },
      subject: [{ digest: { sha256: hex(3) }, name: `attempt/${hex(7)}` }],
    };
    const sig = Buffer.from(hex(8) + hex(9), 'hex').toString('base64');
    const envelope = {
      payload: Buffer.from(JSON.stringify(statement)).toString('base64'),
      payloadType: 'application/vnd.in-toto+json',
      signatures: [{ keyid: hex(10), sig }],
    };
    const data = { id: hex(7), plan: hex(2), manifest: hex(11), executable: hex(4) };
    const text = JSON.stringify({ head: JSON.stringify({ data, run: hex(6), salt: hex(12) }), envelopes: [envelope] });
    const { B } = bodyAttribute(text) as { B: Uint8Array };
    assert.ok(B.byteLength < 750, `${B.byteLength} of ${text.length} bytes`);
    assert.ok(deflateRawSync(text).byteLength > 1_000, 'deflated alone it has more');
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
