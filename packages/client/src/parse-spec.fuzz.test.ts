import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOf, item, parseWrittenRun, runOf } from '../test/run-sample.ts';
import { compile, parseControl, parseRun } from './compile.ts';
import { ERROR_CODES, type Refusal } from './errors.ts';
import { LIMITS } from './limits.ts';

const CODES: ReadonlySet<string> = new Set(ERROR_CODES);

function mustExplain(read: { ok: true } | { ok: false; refusals: Refusal[] }): void {
  if (read.ok) return;
  assert.ok(read.refusals.length > 0 && read.refusals.length <= LIMITS.refusals);
  for (const { code, path, problem, fix } of read.refusals) {
    assert.ok(CODES.has(code) && path !== '' && problem !== '' && fix !== '');
    // One line of printable text each: it ends in a terminal.
    assert.doesNotMatch(path + problem + fix, /\p{Cc}/u);
  }
}

test('fuzz: any bytes are explained, never thrown at', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      mustExplain(parseRun(bytes));
      mustExplain(parseWrittenRun(bytes));
      mustExplain(parseControl(bytes));
    }),
    { numRuns: 300 },
  );
});

test('fuzz: any JSON is explained, and none of it is a run', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const read = parseRun(bytesOf(text));
      assert.equal(read.ok, false);
      mustExplain(read);
      mustExplain(parseControl(bytesOf(text)));
    }),
    { numRuns: 500 },
  );
});

test('fuzz: any text as YAML is explained', () => {
  const yaml = fc.array(
    fc.constantFrom(
      'a',
      'b',
      ': ',
      '- ',
      '\n',
      '  ',
      '&a ',
      '*a ',
      '!x ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '|',
      '? ',
      ',',
      '#',
      '---\n',
    ),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(yaml, (parts) => mustExplain(parseWrittenRun(bytesOf(parts.join(''))))),
    { numRuns: 1_000 },
  );
});

/** Puts any JSON value in the place of one value of a good spec. */
function replaceOne(document: unknown, place: number, value: unknown): unknown {
  let left = place;
  return JSON.parse(JSON.stringify(document), function (this: unknown, _key: string, present: unknown) {
    return left-- === 0 ? value : present;
  });
}

test('fuzz: a good spec with any value replaced is accepted or explained, and what is accepted compiles or is explained', () => {
  const capture = [
    { block: 'script', run: ['a', 'b'], lens: 'gate', timeout: '5s' },
    { block: 'capture', what: 'outputs' },
  ];
  const good = runOf(
    [
      item('a', { pipeline: capture, locks: ['x', { name: 'y', mode: 'shared' }], env: { A: 'b' } }),
      item('b', { needs: { k: { from: 'a', select: { output: 'o' } } }, dependsOn: ['a'], retry: { maxAttempts: 2 } }),
    ],
    { caps: { wallClock: '1h', items: 5 }, defaults: { timeout: '5m', priority: 3 }, queue: 'q' },
  );
  fc.assert(
    fc.property(fc.nat({ max: 60 }), fc.jsonValue({ maxDepth: 3 }), (place, value) => {
      const read = parseRun(bytesOf(JSON.stringify(replaceOne(good, place, value))));
      mustExplain(read);
      if (read.ok) mustExplain(compile(read.run));
    }),
    { numRuns: 1_500 },
  );
});

test('fuzz: junk of five megabytes is refused unread, in no time', () => {
  const before = performance.now();
  const read = parseRun(new Uint8Array(5 * 1024 * 1024).fill(0x5b));
  assert.equal(read.ok ? '' : read.refusals[0]?.code, 'SPEC_TOO_LARGE');
  assert.ok(performance.now() - before < 100);
});
