import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { measureSource, percentile, type SourceSize } from './measure-sources.ts';
import { ROOT, sourceFiles } from './repository-files.ts';

const MAX_FILE_LINES = 400;
const P90_FILE_LINES = 200;
const MAX_FUNCTION_LINES = 80;
const P99_FUNCTION_LINES = 60;
const MIN_COMMENT_DENSITY = 0.08;
const MIN_FILES = 50;

function bodyOf(lines: number): string {
  return `{\n${'  call();\n'.repeat(lines - 2)}}`;
}

describe('size budget', () => {
  let sizes: (SourceSize & { path: string })[] = [];

  before(() => {
    sizes = sourceFiles().map((path) => ({ path, ...measureSource(path, readFileSync(join(ROOT, path), 'utf8')) }));
  });

  test('size budget: no file is longer than 400 lines, nine of ten not longer than 200', () => {
    assert.ok(sizes.length > MIN_FILES, `${sizes.length} files were measured, which cannot be the repository`);
    const long = sizes.filter(({ lines }) => lines > MAX_FILE_LINES).map(({ path, lines }) => `${path}: ${lines}`);
    assert.deepEqual(long, []);
    const p90 = percentile(
      sizes.map(({ lines }) => lines),
      0.9,
    );
    assert.ok(p90 <= P90_FILE_LINES, `p90 of file length is ${p90} lines`);
  });

  test('size budget: no function is longer than 80 lines, 99 of 100 not longer than 60', () => {
    const functions = sizes.flatMap(({ path, functions }) => functions.map((size) => ({ path, ...size })));
    const long = functions.filter(({ lines }) => lines > MAX_FUNCTION_LINES);
    assert.deepEqual(
      long.map(({ path, line, name, lines }) => `${path}:${line} ${name}: ${lines}`),
      [],
    );
    const p99 = percentile(
      functions.map(({ lines }) => lines),
      0.99,
    );
    const longest = functions
      .filter(({ lines }) => lines > P99_FUNCTION_LINES)
      .map(({ path, name }) => `${path} ${name}`);
    assert.ok(p99 <= P99_FUNCTION_LINES, `p99 of function length is ${p99} lines: ${longest.join(', ')}`);
  });

  test('size budget: src explains itself', (t) => {
    const own = sizes.filter(({ path }) => path.startsWith('src/') && !path.endsWith('.test.ts'));
    const sum = (of: (size: SourceSize) => number): number => own.reduce((total, size) => total + of(size), 0);
    const density = sum(({ commentLines }) => commentLines) / sum(({ lines }) => lines);
    t.diagnostic(`comment density of src: ${density.toFixed(3)}`);
    assert.ok(density >= MIN_COMMENT_DENSITY, `comment density of src is ${density.toFixed(3)}`);
  });
});

test('measure: every kind of function is seen, with its name and its lines', () => {
  const source = [
    `// é before it, so that bytes and characters differ`,
    `export function declared() ${bodyOf(5)}`,
    `export const arrow = () => ${bodyOf(6)};`,
    `class Thing { constructor() ${bodyOf(7)} method() ${bodyOf(8)} #hidden() ${bodyOf(9)} get value() ${bodyOf(10)} }`,
    `call(1, { inner() ${bodyOf(11)} }, function () ${bodyOf(12)});`,
  ].join('\n');
  const { functions } = measureSource('a.ts', source);
  const seen = functions.map(({ name, lines }) => `${name} ${lines}`);
  const expected = ['declared 5', 'arrow 6', 'constructor 7', 'method 8', 'hidden 9', 'value 10', 'inner 11'];
  assert.deepEqual(seen, [...expected, '(anonymous) 12']);
  assert.equal(functions[0]?.line, 2);
});

test('measure: a function over the budget is seen in a test callback, not in the describe around it', () => {
  const { functions } = measureSource('a.test.ts', `describe('d', () => {\ntest('t', () => ${bodyOf(81)});\n});\n`);
  assert.deepEqual(
    functions.map(({ lines }) => lines),
    [81],
  );
});

test('measure: what registers the tests of a suite file is exempt there and nowhere else', () => {
  const source = `export function storeSuite() {\n${`test('t', () => { call(); });\n`.repeat(90)}}\n`;
  assert.equal(Math.max(...measureSource('a.suite.ts', source).functions.map(({ lines }) => lines)), 1);
  assert.equal(Math.max(...measureSource('a.ts', source).functions.map(({ lines }) => lines)), 92);
});

test('measure: lines and comment lines are counted, strings with slashes are not comments', () => {
  const size = measureSource('a.ts', "// one\n/**\n * two\n */\nconst url = 'http://x'; // not alone\n");
  assert.deepEqual([size.lines, size.commentLines], [5, 4]);
});

test('measure: a percentile is a value that occurs', () => {
  assert.equal(percentile([5, 1, 3, 2, 4], 0.9), 5);
  assert.equal(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9), 9);
  assert.equal(percentile([], 0.9), 0);
});
