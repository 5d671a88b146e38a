import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Random, randomOf } from '../../test/support/random.ts';
import { type Seen, unescaped } from './unescaped.ts';

const hex = (code: number, digits = 1): string => code.toString(16).padStart(digits, '0');
const octets = (character: string, as: (byte: number) => string): string =>
  [...Buffer.from(character)].map(as).join('');

/** How a character is written for another program, of which none depends on what follows. */
const WAYS: readonly ((character: string, code: number) => string)[] = [
  (_, code) => (code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`),
  (_, code) => `\\U${hex(code, 8).toUpperCase()}`,
  (_, code) => `\\u{${hex(code)}}`,
  (_, code) => `\\u{${hex(code, 6)}}`,
  (_, code) => `&#${code};`,
  (_, code) => `&#x${hex(code).toUpperCase()};`,
  (character) => octets(character, (byte) => `\\x${hex(byte, 2)}`),
  (character) => octets(character, (byte) => `\\${byte.toString(8).padStart(3, '0')}`),
  (character) => octets(character, (byte) => `%${hex(byte, 2)}`),
];
/** What follows must be no digit of theirs. */
const SHORT: readonly ((code: number) => string)[] = [
  (code) => `&#${code}`,
  (code) => `&#x${hex(code)}`,
  (code) => (code >= 0o20 && code <= 0o77 ? `\\${code.toString(8)}` : `&#${code}`),
];
const CHARACTERS = [...'abcdefgh0123456789-/+=_.?<>&%\\"\'{}#;:üé€😀'];

function pick<T>(random: Random, of: readonly T[]): T {
  return of[random.below(of.length)] as T;
}

function written(random: Random, text: readonly string[]): string {
  const parts = text.map((character, n) => {
    const code = character.codePointAt(0) as number;
    const next = text[n + 1] ?? '';
    if (/[a-z]/.test(character) && random.chance(0.3)) return character;
    return random.chance(0.4) && /[g-z_]/.test(next)
      ? `${pick(random, SHORT)(code)}`
      : pick(random, WAYS)(character, code);
  });
  // A digit that stands there as it is would be one of what is before it.
  const joined = parts.reduce(
    (before, part) => (/&#x?[0-9a-f]+$/.test(before) && /^[0-9a-f]/.test(part) ? `${before};${part}` : before + part),
    '',
  );
  return random.chance(0.3) ? joined.replaceAll('\\', '\\\\') : joined;
}

/** In two chunks, as a stream reads it that ends in the first. */
function readInTwo(bytes: Buffer, cut: number): Buffer {
  const first = unescaped(bytes.subarray(0, cut), false);
  return Buffer.concat([first.text, unescaped(bytes.subarray(first.open), true).text]);
}

describe('unescaped', () => {
  it('reads a text that was written for other programs, each character in another way, wherever it is cut', () => {
    const random = randomOf(11);
    for (let round = 0; round < 400; round += 1) {
      const text = Array.from({ length: 1 + random.below(12) }, () => pick(random, CHARACTERS));
      const bytes = Buffer.from(written(random, text));
      const meant = text.filter((character) => !`\\"'+`.includes(character)).join('');
      const say = (how: string): string => `round ${round}, ${how}: ${bytes}`;
      assert.equal(unescaped(bytes, true).text.toString(), meant, say('whole'));
      for (let cut = 1; cut < bytes.length; cut += 1)
        assert.equal(readInTwo(bytes, cut).toString(), meant, say(`cut at ${cut}`));
    }
  });

  it('says of each byte where it was written', () => {
    const placesOf = (text: string): [string, number, number][] => {
      const { text: read, from, to }: Seen = unescaped(Buffer.from(text), true);
      return [...read.toString('latin1')].map((byte, at) => [byte, from[at] as number, to[at] as number]);
    };
    assert.deepEqual(placesOf('a\\u{62}c'), [
      ['a', 0, 1],
      ['b', 1, 7],
      ['c', 7, 8],
    ]);
    assert.deepEqual(placesOf('\\U00000062\\55&#100'), [
      ['b', 0, 10],
      ['-', 10, 13],
      ['d', 13, 18],
    ]);
  });

  it('reads nothing that is no code point, and leaves what is none of its forms as it is', () => {
    const read = (text: string): string => unescaped(Buffer.from(text), true).text.toString();
    assert.equal(read('a\\u{110000}b\\Uffffffffc&#9999999d'), 'abcd');
    assert.equal(read('=2D &hyphen; \\u{} \\u{1234567} \\U123 \\8 &#;'), '=2D&hyphen;u{}u{1234567}U1238&#;');
  });
});
