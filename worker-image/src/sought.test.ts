/** Secrets behind percent signs, where it is not to be told what is escaped. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRedactor } from './redactor.ts';

const SECRET = 'ab12/cd34+ef56=gh78';
const redactor = createRedactor(new Map([['token', SECRET]]));

function through(chunks: readonly Uint8Array[]): string {
  const said: Uint8Array[] = [];
  const stream = redactor.stream((bytes) => said.push(bytes));
  for (const chunk of chunks) stream.write(chunk);
  stream.flush();
  return Buffer.concat(said).toString();
}

describe('redactor', () => {
  it('a secret that begins as an escape goes on is found behind a percent sign, however often both were put into a URL', () => {
    const rests = {
      'a line of a log': '%',
      'a percentage': '50%',
      'an escape': '%25',
      two: '%%25',
      three: '%25%25%25',
    };
    for (const [what, before] of Object.entries(rests)) {
      let text = before + SECRET;
      for (let times = 0; times <= 6; times += 1, text = encodeURIComponent(text)) {
        for (const written of [text, new URLSearchParams({ a: text }).toString(), before + text]) {
          const of = `behind ${what}, ${times} times: ${written}`;
          assert.ok(redactor.holds(written), `a name ${of}`);
          assert.ok(redactor.holdsInAnyCase(written.toUpperCase()), `a host ${of}`);
          const bytes = Buffer.from(`a ${written} b`);
          const log = through([bytes]);
          assert.ok(log.includes('[secret token]') && !log.includes('gh78'), `a log ${of}: ${log}`);
          for (let cut = 1; cut < bytes.length; cut += 1) {
            const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)];
            assert.equal(through(chunks), log, `a log ${of}, cut at ${cut}`);
            const look = redactor.inspector();
            assert.ok(chunks.map(look).at(-1), `an output ${of}, cut at ${cut}`);
          }
        }
      }
    }
  });

  it('behind a percent sign that nobody escaped, a secret that begins with two digits is found but for these', () => {
    const once = encodeURIComponent(SECRET);
    for (const text of [`50%${once}`, `50%${encodeURIComponent(once)}`, `50%${once.toLowerCase()}`])
      assert.deepEqual([redactor.holds(text), redactor.text(`${text}!`)], [true, '50%ab[secret token]!']);
  });
});
