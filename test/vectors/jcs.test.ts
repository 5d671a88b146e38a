import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize, parseCanonical } from '@waybill/verify';
import { listVectors, readVector, skip } from './vectors.ts';

test('canonicalize: agrees with the six documents of the RFC 8785 test suite', { skip }, () => {
  const names = listVectors('jcs-cyberphone/testdata/input').map((path) => path.split('/').at(-1) as string);
  assert.equal(names.length, 6);
  for (const name of names) {
    const input: unknown = JSON.parse(readVector('jcs-cyberphone/testdata/input', name).toString());
    const expected = readVector('jcs-cyberphone/testdata/output', name);
    const hex = readVector('jcs-cyberphone/testdata/outhex', name.replace('.json', '.txt')).toString();
    assert.equal(canonicalize(input, { numbers: 'any' }), expected.toString(), name);
    assert.equal(Buffer.from(hex.replace(/\s/g, ''), 'hex').toString(), expected.toString(), name);
    assert.deepEqual(parseCanonical(expected, { numbers: 'any' }), input, name);
  }
});

test('canonicalize: writes 10,000 numbers of the published sequence as ECMAScript does', { skip }, () => {
  const lines = readVector('jcs-cyberphone/es6testfile-10000.txt').toString().trim().split('\n');
  assert.equal(lines.length, 10_000);
  const view = new DataView(new ArrayBuffer(8));
  for (const line of lines) {
    const [bits, expected] = line.split(',') as [string, string];
    view.setBigUint64(0, BigInt(`0x${bits}`));
    assert.equal(canonicalize(view.getFloat64(0), { numbers: 'any' }), expected, bits);
  }
});
