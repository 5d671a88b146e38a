import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { randomOf } from '../../test/support/random.ts';
import { createRedactor, type Redactor } from './redactor.ts';

const SECRET = `s3cr?t/"va\\lue" with<&'ümlaut+100%`;
const MARK = '[secret token]';
const ofToken = createRedactor(new Map([['token', SECRET]]));

function through(redactor: Redactor, chunks: Iterable<Uint8Array>): string {
  let said = '';
  const stream = redactor.stream((bytes) => {
    said += Buffer.from(bytes).toString('latin1');
  });
  for (const chunk of chunks) stream.write(chunk);
  stream.flush();
  return Buffer.from(said, 'latin1').toString();
}

const wrapped = (text: string, width: number): string => text.replace(new RegExp(`.{${width}}`, 'g'), '$&\n');

const codeOf = (character: string): string => character.charCodeAt(0).toString(16);
/** Of what is no letter or digit, as no digit may follow one of two digits that begins with less than 4. */
const octalOf = (secret: string, before: string): string =>
  [...Buffer.from(secret)]
    .map((byte) => (/\w/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : before + byte.toString(8)))
    .join('');

/** How a secret is written, and what of the encoded text must be gone. */
function writtenAs(secret: string): Readonly<Record<string, string>> {
  const base64 = (before = '', after = ''): string => Buffer.from(`${before}${secret}${after}`).toString('base64');
  const hex = Buffer.from(secret).toString('hex');
  return {
    'as it is': secret,
    'base64 at the first place': base64(),
    'base64 at the second place': base64('x', 'yz'),
    'base64 at the third place': base64('xy', 'z'),
    'base64 without padding': base64().replace(/=+$/, ''),
    'base64 for URLs': Buffer.from(secret).toString('base64url'),
    'base64 in lines': wrapped(base64(), 20),
    'hex in lower case': hex,
    'hex in upper case': hex.toUpperCase(),
    'hex as od writes it': hex.replace(/../g, ' $&'),
    'hex in lines': wrapped(hex, 30),
    'part of a URL': encodeURIComponent(secret),
    'part of a URL in lower case': encodeURIComponent(secret).replace(/%../g, (each) => each.toLowerCase()),
    'part of a URL in a URL': encodeURIComponent(encodeURIComponent(secret)),
    'part of a URL in a URL in a URL': encodeURIComponent(encodeURIComponent(encodeURIComponent(secret))),
    'field of a form in a URL': encodeURIComponent(new URLSearchParams({ a: secret }).toString().slice(2)),
    'field of a form': new URLSearchParams({ a: secret }).toString().slice(2),
    'every byte as of a URL': hex.replace(/../g, '%$&'),
    JSON: JSON.stringify(secret),
    'JSON in ASCII': JSON.stringify(secret).replace('ü', '\\u00fc'),
    'JSON in JSON': JSON.stringify(JSON.stringify(secret).replace('ü', '\\u00fc')),
    'JSON of Go': JSON.stringify(secret).replaceAll('<', '\\u003c').replaceAll('&', '\\u0026'),
    'by encodeURI': encodeURI(secret),
    'by a quote that keeps the slash': encodeURIComponent(secret).replaceAll('%2F', '/'),
    'as of a URL in mixed cases': encodeURIComponent(secret).replace('%C3', '%c3').replace('%2F', '/'),
    'base64 in a URL': encodeURIComponent(base64()),
    'base64 in JSON with slashes escaped': base64().replaceAll('/', '\\/').replaceAll('+', '\\u002b'),
    'hex with colons': hex.replace(/..(?=.)/g, '$&:'),
    'by export -p': `'${secret.replaceAll("'", `'"'"'`)}'`,
    'by set -x': `'${secret.replaceAll("'", `'\\''`)}'`,
    'by printf %q': secret.replace(/[^A-Za-z0-9ü_%+./:=@-]/g, '\\$&'),
    'as a word of ANSI C': `$'${secret.replace(/['\\]/g, '\\$&').replace('ü', '\\303\\274')}'`,
    'as bytes of Python': `b'${secret.replace(/['\\]/g, '\\$&').replace('ü', '\\xc3\\xbc')}'`,
    'as code points of JavaScript or Rust': secret.replace(/[^a-z0-9]/g, (each) => `\\u{${codeOf(each)}}`),
    'as code points of JavaScript, every one of them, in JSON': secret.replace(
      /./g,
      (each) => `\\\\u{${codeOf(each)}}`,
    ),
    'as code points of six digits': secret.replace(/./g, (each) => `\\u{${codeOf(each).padStart(6, '0')}}`),
    'as long code points of C or Python': secret.replace(/./g, (each) => `\\U${codeOf(each).padStart(8, '0')}`),
    'as these in another literal': secret.replace(
      /./g,
      (each) => `\\\\U${codeOf(each).toUpperCase().padStart(8, '0')}`,
    ),
    'as octals of as many digits as it takes': octalOf(secret, '\\'),
    'as such octals in another literal': octalOf(secret, '\\\\'),
    'HTML with no semicolons': secret.replace(/./g, (each) => `&#${each.charCodeAt(0)}`),
    'HTML in hex with no semicolons': secret.replace(/./g, (each) => `&#x${codeOf(each)}`),
    HTML: secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
  };
}

const WRITTEN = writtenAs(SECRET);

describe('redactor', () => {
  for (const [how, text] of Object.entries(WRITTEN)) {
    it(`finds a secret that is written ${how}, wherever a chunk ends`, () => {
      const around = Buffer.from(`before ${text} after`);
      const whole = through(ofToken, [around]);
      assert.ok(whole.startsWith('before') && whole.endsWith('after') && whole.includes(MARK), whole);
      // Of base64, the digits at both ends that depend on what stands beside it may stay.
      assert.ok(whole.length <= 'before  after'.length + MARK.length + 8, whole);
      for (let cut = 1; cut < around.length; cut += 1) {
        assert.equal(through(ofToken, [around.subarray(0, cut), around.subarray(cut)]), whole, `cut at ${cut}`);
      }
      assert.equal(
        through(
          ofToken,
          Array.from(around, (byte) => Buffer.of(byte)),
        ),
        whole,
      );
      assert.ok(ofToken.holds(text) && !ofToken.holds(text.slice(0, -8).slice(8)));
      const look = ofToken.inspector();
      assert.ok(Array.from(around, (byte) => look(Buffer.of(byte))).at(-1), 'an inspector sees over chunks too');
    });
  }

  it('what is no secret passes as it is, at once but for what may become one', () => {
    const text = `a log\r\n\twith ${SECRET.slice(0, -2)}\u0000 and much else \n`;
    assert.equal(through(ofToken, [Buffer.from(text)]), text);
    const said: string[] = [];
    const stream = ofToken.stream((part) => said.push(Buffer.from(part).toString()));
    stream.write(Buffer.from('line\n'));
    assert.deepEqual(said, ['line\n']);
    stream.write(Buffer.from('s3c'));
    assert.deepEqual(said, ['line\n']);
    stream.write(Buffer.from('!'));
    assert.deepEqual(said, ['line\n', 's3c!']);
  });

  it('of secrets that overlap or contain each other nothing is left', () => {
    const both = createRedactor(
      new Map([
        ['long', 'abcdefgh12345678'],
        ['short', 'efgh1234'],
        ['next', '5678ijklmnop'],
        ['same', 'zzzzzzzz'],
      ]),
    );
    const text = Buffer.from(`-abcdefgh12345678ijklmnop-efgh1234-${'z'.repeat(50)}-`);
    for (const size of [1, 3, 7, 1_000]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
        text.subarray(n * size, (n + 1) * size),
      );
      const left = through(both, chunks);
      assert.match(left, /^-(\[secret (long|next)\])+-\[secret short\]-(\[secret same\])+z{0,7}-$/, `${size}: ${left}`);
    }
  });

  it('no cut of any stream lets a secret through', () => {
    const random = randomOf(7);
    const words = [
      ...Object.values(WRITTEN),
      SECRET.slice(0, 12),
      's3',
      'plain',
      '\n',
      ' ',
      's3cr?t/"va',
      '\\u00',
      '%7',
      '&am',
      '\\',
    ];
    for (let round = 0; round < 300; round += 1) {
      const text = Buffer.from(Array.from({ length: 12 }, () => words[random.below(words.length)]).join(''));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < text.length; ) {
        const size = 1 + random.below(60);
        chunks.push(text.subarray(at, at + size));
        at += size;
      }
      assert.ok(!ofToken.holds(through(ofToken, chunks)), `round ${round}`);
    }
  });

  it('the lines of a key are found one by one, and what encloses it is not', () => {
    const lines = ['-----BEGIN THE KEY-----', 'A'.repeat(64), 'Bc'.repeat(20), '-----END THE KEY-----'];
    const key = createRedactor(new Map([['key', `${lines.join('\n')}\n`]]));
    assert.equal(key.text(`> ${lines[2]}\n`), '> [secret key]\n');
    assert.equal(key.holds(lines[0] ?? ''), false);
  });

  it('holds back no more than twice the longest form and some white space', () => {
    let handedOn = 0;
    const stream = ofToken.stream((part) => {
      handedOn += part.byteLength;
    });
    stream.write(Buffer.from('s3c'));
    const spaces = Buffer.alloc(1024 * 1024, 0x20);
    stream.write(spaces);
    assert.ok(spaces.length - handedOn < 100 * 1024, `${spaces.length - handedOn} bytes are held`);
  });

  it('holds back as much as the longest form takes where each of its bytes is written at its longest', () => {
    const random = randomOf(3);
    const secret = Array.from({ length: 32 * 1024 }, () => 'abcdefghijkl?>'[random.below(14)]).join('');
    const longest = new Map([['token', secret]]);
    const text = Buffer.from(secret)
      .toString('base64')
      .replace(/./g, (each) => `\\\\U${codeOf(each).padStart(8, '0')}`);
    const chunks = Array.from({ length: Math.ceil(text.length / 60_000) }, (_, n) =>
      Buffer.from(text.slice(n * 60_000, (n + 1) * 60_000)),
    );
    const left = through(createRedactor(longest), chunks);
    assert.ok(left.includes(MARK) && left.length < 100, left.slice(0, 200));
  });

  it('finds what was put into another case, in whichever form, where it is asked for', () => {
    const secret = 'aB3-Correct?Horse';
    const redactor = createRedactor(new Map([['token', secret]]));
    const encoded = ['', 'x', 'xy'].map((before) => Buffer.from(`${before}${secret}`).toString('base64url'));
    const escaped = Buffer.from(secret).toString('hex').replace(/../g, '%$&');
    for (const text of [secret, Buffer.from(secret).toString('hex'), encodeURIComponent(secret), escaped, ...encoded]) {
      for (const changed of [text.toLowerCase(), text.toUpperCase()])
        assert.equal(redactor.holdsInAnyCase(`a${changed}.example`), true, changed);
    }
    assert.equal(redactor.holds(`a${secret.toLowerCase()}`), false, 'and only there');
    assert.equal(ofToken.holdsInAnyCase(`a${SECRET.slice(1)}.example`), false);
  });

  it('a secret with escapes of its own is found however often it was put into a URL', () => {
    for (const secret of ['key-%2541-of-mine', 'key%25and%2Fmore%', '%25%25%2525%41-abc']) {
      const redactor = createRedactor(new Map([['token', secret]]));
      for (let text = secret, times = 0; times <= 3; text = encodeURIComponent(text), times += 1)
        assert.ok(redactor.holds(`a=${text}&b`), `${secret}, ${times} times`);
    }
  });

  it('a secret with escapes of its own, of any kinds, is found in each way to write it', () => {
    const own = String.raw`&#7 &#12; &#x41; &amp; &lt %2F %41 %25 \x41 \u0042 \n \ & % " ' <`.split(' ');
    const random = randomOf(23);
    const pick = (): string => own[random.below(own.length)] as string;
    const made = Array.from({ length: 400 }, () => {
      const pieces = Array.from({ length: 2 + random.below(4) }, () => `${pick()}z${random.below(10)}`);
      return `w${random.below(10)}k${pieces.join('')}mzwkkp${pick()}`;
    });
    for (const secret of ['Pw&#7x%2Fkey9Q', 'Zq&#12;%41zzkkp', ...made]) {
      const redactor = createRedactor(new Map([['token', secret]]));
      for (const [how, text] of Object.entries(writtenAs(secret)))
        assert.ok(redactor.text(`v=${text} .`).includes(MARK), `${secret}, ${how}: ${text}`);
    }
  });

  it('what would have no form left is looked for nowhere, and ends', () => {
    const none = createRedactor(new Map([['nothing', '\x01\x02\x03\x04\x05\x06\x07\x08\t']]));
    assert.equal(none.holds('anything'), false);
    assert.equal(none.text('anything'), 'anything');
  });

  it('without secrets nothing is looked at', () => {
    const none = createRedactor(new Map());
    assert.equal(none.text('anything'), 'anything');
    assert.equal(none.holds('anything'), false);
    assert.equal(none.holdsInAnyCase('anything'), false);
  });
});
