import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DerNode, readDer } from './der.ts';
import { DerFields, objectIdText } from './der-fields.ts';
import { certificateTime, generalizedTime } from './der-time.ts';
import { der, derSet, derUnsigned } from './der-writer.ts';
import { TimestampError } from './timestamp-error.ts';

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

function reasonOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof TimestampError, String(error));
    assert.equal(error.check, 'encoding');
    return error.message;
  }
  return 'read';
}

const REFUSED: readonly [hex: string, reason: RegExp][] = [
  ['', /cut short \(byte 0\)/],
  ['02', /cut short/],
  ['02 02 01', /cut short/],
  ['30 03 02 02 01', /cut short \(byte 2\)/],
  ['02 01 01 00', /bytes after the end \(byte 3\)/],
  ['30 80 00 00', /indefinite length/],
  ['04 81 01 00', /length in more bytes/],
  ['04 81 7f 00', /length in more bytes/],
  ['04 82 00 80', /length in more bytes/],
  ['04 85 00 00 00 00 01 00', /length of more than four bytes/],
  ['04 84 ff ff ff ff', /cut short/],
  ['02 00', /INTEGER without content/],
  ['02 02 00 7f', /INTEGER in more bytes/],
  ['02 02 ff 80', /INTEGER in more bytes/],
  ['01 01 01', /BOOLEAN/],
  ['01 00', /BOOLEAN/],
  ['01 02 00 00', /BOOLEAN/],
  ['05 01 00', /NULL with content/],
  ['06 00', /object identifier/],
  ['06 01 80', /object identifier/],
  ['06 02 80 01', /object identifier/],
  ['06 03 2a 80 01', /object identifier/],
  [`06 41 ${'01'.repeat(65)}`, /object identifier/],
  ['03 00', /BIT STRING/],
  ['03 01 01', /BIT STRING/],
  ['03 02 08 00', /BIT STRING/],
  ['03 02 01 01', /BIT STRING/],
  ['31 06 02 01 02 02 01 01', /SET that is not sorted/],
  ['31 05 04 00 02 01 01', /SET that is not sorted/],
  ['10 00', /unknown type 0x10/],
  ['24 00', /unknown type 0x24/],
  ['1f 01 00', /unknown type 0x1f/],
  ['9f 01 00', /unknown type 0x9f/],
  ['40 00', /unknown type 0x40/],
  ['c0 00', /unknown type 0xc0/],
  ['00 00', /unknown type 0x00/],
];

test('DER: one encoding for one value, and a reason with its place for every other', () => {
  for (const [hex, reason] of REFUSED)
    assert.match(
      reasonOf(() => readDer(bytesOf(hex), 'it')),
      reason,
      hex,
    );
});

test('DER: what is right is read into a tree that shares the bytes', () => {
  const hex = '30 1b 02 01 80 02 02 00 80 01 01 ff 03 02 01 80 05 00 06 02 2a 03 31 05 01 01 00 05 00';
  const read = readDer(bytesOf(hex), 'it');
  assert.deepEqual(
    read.children.map(({ tag }) => tag),
    [2, 2, 1, 3, 5, 6, 0x31],
  );
  assert.equal(read.children[6]?.children.length, 2);
  assert.equal(read.children[0]?.bytes.buffer, read.bytes.buffer);
  for (const length of [0x7f, 0x80, 0xff, 0x100, 0xffff]) {
    const value = der(0x04, new Uint8Array(length));
    assert.equal(readDer(value, 'it').content.length, length);
  }
});

test('DER: 24 values inside each other are read, 25 are not', () => {
  const nested = (depth: number): Uint8Array => (depth === 0 ? der(0x30) : der(0x30, nested(depth - 1)));
  assert.equal(readDer(nested(24), 'it').tag, 0x30);
  assert.match(
    reasonOf(() => readDer(nested(25), 'it')),
    /more than 24 values inside each other/,
  );
});

test('DER: object identifiers are read whatever the size of their arcs', () => {
  for (const [hex, dotted] of [
    ['2a 86 48 86 f7 0d', '1.2.840.113549'],
    ['27', '0.39'],
    ['28', '1.0'],
    ['50', '2.0'],
    ['78', '2.40'],
    ['88 37 03', '2.999.3'],
    [`69 83 ${'ff '.repeat(17)} 7f`, `2.25.${2n ** 128n - 1n}`],
  ] as const) {
    assert.equal(objectIdText(bytesOf(hex)), dotted);
  }
});

test('DER: what is written is read back, numbers with their sign and sets in their order', () => {
  for (const [bytes, hex] of [
    ['00', '020100'],
    ['0000', '020100'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['0001ff', '020201ff'],
  ] as const) {
    assert.equal(Buffer.from(derUnsigned(bytesOf(bytes))).toString('hex'), hex);
  }
  const set = derSet(0x31, [derUnsigned(Uint8Array.of(9)), der(0x01, Uint8Array.of(0)), derUnsigned(Uint8Array.of(3))]);
  assert.equal(Buffer.from(set).toString('hex'), '3109010100020103020109');
  assert.equal(readDer(set, 'it').children.length, 3);
});

test('DER: fields are taken in their order, and none is passed over', () => {
  const node = readDer(bytesOf('30 09 02 01 05 01 01 ff 02 01 07'), 'it');
  const fields = new DerFields(node, 'it');
  assert.equal(fields.smallInteger('five'), 5);
  assert.match(
    reasonOf(() => new DerFields(node, 'it').take(4, 'a text')),
    /it lacks a text/,
  );
  assert.match(
    reasonOf(() => fields.end()),
    /a field more than is known/,
  );
  assert.equal(fields.flag(), true);
  assert.equal(fields.flag(), false);
  assert.equal(fields.smallInteger('seven'), 7);
  fields.end();
  const large = readDer(bytesOf('30 07 02 05 00 80 00 00 00'), 'it');
  assert.match(
    reasonOf(() => new DerFields(large, 'it').smallInteger('it')),
    /negative or too large/,
  );
  const negative = readDer(bytesOf('30 03 02 01 ff'), 'it');
  assert.match(
    reasonOf(() => new DerFields(negative, 'it').smallInteger('it')),
    /negative or too large/,
  );
});

function timeNode(tag: number, text: string): DerNode {
  return readDer(der(tag, Buffer.from(text)), 'it');
}

test('time: GeneralizedTime has one form, and only times of the calendar', () => {
  const read = (text: string) => generalizedTime(timeNode(0x18, text), 'it');
  assert.deepEqual(read('20240229235959Z'), { ms: Date.UTC(2024, 1, 29, 23, 59, 59), isRoundedDown: false });
  assert.deepEqual(read('20240229235959.5Z'), { ms: Date.UTC(2024, 1, 29, 23, 59, 59, 500), isRoundedDown: false });
  assert.deepEqual(read('20240229235959.0009Z'), { ms: Date.UTC(2024, 1, 29, 23, 59, 59), isRoundedDown: true });
  for (const text of ['20230229000000Z', '20240101240000Z', '20240101006000Z', '20240101000060Z', '20241301000000Z']) {
    assert.match(
      reasonOf(() => read(text)),
      /no time of the calendar/,
      text,
    );
  }
  const forms = [
    '2024010100Z',
    '20240101000000',
    '20240101000000.Z',
    '20240101000000.50Z',
    '20240101000000,5Z',
    '20240101000000+0000',
  ];
  for (const text of [...forms, ' 20240101000000Z', '20240101000000Z\n', '2024010100000\u0660Z', '']) {
    assert.match(
      reasonOf(() => read(text)),
      /not a GeneralizedTime/,
      text,
    );
  }
  assert.match(
    reasonOf(() => generalizedTime(timeNode(0x17, '240101000000Z'), 'it')),
    /not a GeneralizedTime/,
  );
});

test('time: certificates have UTCTime up to 2049 and GeneralizedTime from 2050', () => {
  assert.equal(certificateTime(timeNode(0x17, '491231235959Z'), 'it'), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(certificateTime(timeNode(0x17, '500101000000Z'), 'it'), Date.UTC(1950, 0));
  assert.equal(certificateTime(timeNode(0x18, '20500101000000Z'), 'it'), Date.UTC(2050, 0));
  assert.match(
    reasonOf(() => certificateTime(timeNode(0x18, '20491231235959Z'), 'it')),
    /where a UTCTime must stand/,
  );
  assert.match(
    reasonOf(() => certificateTime(timeNode(0x18, '20500101000000.5Z'), 'it')),
    /where a UTCTime must stand/,
  );
  assert.match(
    reasonOf(() => certificateTime(timeNode(0x17, '2401010000Z'), 'it')),
    /not a UTCTime/,
  );
  assert.match(
    reasonOf(() => certificateTime(timeNode(0x17, '240231000000Z'), 'it')),
    /no time of the calendar/,
  );
});
