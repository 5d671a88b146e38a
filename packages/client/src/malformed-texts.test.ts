/** Bytes that are no document: the place and code of what is said about them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, parseWrittenRun, summary } from '../test/run-sample.ts';
import { parseRun } from './compile.ts';
import { judgeDocument } from './judge-document.ts';
import { LIMITS } from './limits.ts';
import { readDocument } from './read-document.ts';
import { readYaml } from './read-yaml.ts';
import { SpecRefused } from './spec-refused.ts';

const TEXTS: readonly [title: string, text: string, syntax: 'json' | 'yaml', refused: string][] = [
  ['nothing', '', 'json', 'SPEC_SYNTAX line 1, column 1'],
  ['nothing', '', 'yaml', 'SPEC_INVALID document'],
  ['half an object', '{"a":\n', 'json', 'SPEC_SYNTAX line 2, column 1'],
  ['a wrong comma', '{\n "a": 1,\n}', 'json', 'SPEC_SYNTAX line 3, column 1'],
  ['a key twice', '{"a":1,\n"a":2}', 'json', 'SPEC_SYNTAX line 2, column 1'],
  ['a key twice, once escaped', '{"a":1,"\\u0061":2}', 'json', 'SPEC_SYNTAX line 1, column 8'],
  ['a key twice', 'a: 1\nb: 2\na: 3', 'yaml', 'SPEC_SYNTAX line 3, column 1'],
  ['a key twice as JSON would see it', '1: x\n"1": y', 'yaml', 'SPEC_SYNTAX line 2, column 1'],
  ['a tag', 'a: !!js/function x', 'yaml', 'SPEC_SYNTAX line 1, column 4'],
  ['a tag of its own', 'a: !secret x', 'yaml', 'SPEC_SYNTAX line 1, column 4'],
  ['binary', 'a: !!binary aGk=', 'yaml', 'SPEC_SYNTAX line 1, column 4'],
  ['two documents', 'a: 1\n---\nb: 2', 'yaml', 'SPEC_SYNTAX line 2, column 1'],
  ['an alias of nothing', 'a: *b', 'yaml', 'SPEC_SYNTAX line 1, column 4'],
  ['an alias before its anchor', 'a: *b\nb: &b 1', 'yaml', 'SPEC_SYNTAX line 1, column 4'],
  ['a circle of aliases', 'a: &a [*a]', 'yaml', 'SPEC_LIMIT document'],
  ['a number that is none', 'a: .nan', 'yaml', 'SPEC_INVALID a'],
  ['YAML where JSON belongs', 'kind: Run', 'json', 'SPEC_SYNTAX document'],
  ['a tab for indentation', 'a:\n\tb: 1', 'yaml', 'SPEC_SYNTAX line 2, column 1'],
];

for (const [title, text, syntax, refused] of TEXTS) {
  test(`malformed ${syntax}: refuses ${title}`, () => {
    const read = (syntax === 'json' ? parseRun : parseWrittenRun)(bytesOf(text));
    assert.deepEqual(read.ok ? [] : summary(read.refusals).slice(0, 1), [refused]);
  });
}

test('malformed bytes: refuses what is not UTF-8', () => {
  for (const [bytes, place] of [
    [[0x7b, 0xff, 0x7d], 'line 1, column 2'],
    [[0x0a, 0xc3, 0xa4, 0x0a, 0x61, 0xc3, 0xa4, 0xc3], 'line 3, column 3'],
  ] as const) {
    const read = parseRun(Uint8Array.from(bytes));
    assert.deepEqual(read.ok ? [] : summary(read.refusals), [`SPEC_SYNTAX ${place}`]);
  }
});

test('malformed bytes: a bomb of aliases is refused, not expanded', () => {
  const levels = Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${Array(10).fill(`*l${n}`).join(', ')}]`);
  const read = parseWrittenRun(bytesOf(`l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n${levels.join('\n')}`));
  assert.deepEqual(read.ok ? [] : summary(read.refusals), ['SPEC_TOO_LARGE document']);
});

test('malformed bytes: what goes too far is judged no further, however many values beside it are none', async () => {
  const nothing = `[${Array(LIMITS.refusals + 1)
    .fill('.nan')
    .join(', ')}]`;
  const levels = (count: number, wide: number): string =>
    Array.from({ length: count }, (_, n) => `l${n + 1}: &l${n + 1} [${Array(wide).fill(`*l${n}`).join(', ')}]`).join(
      '\n',
    );
  const judged = async (text: string): Promise<string[]> => {
    const read = readDocument(new TextEncoder().encode(text), readYaml);
    const end: unknown = await judgeDocument(read, async () => assert.fail('it is judged')).catch((error) => error);
    assert.ok(end instanceof SpecRefused, String(end));
    return summary(end.refusals);
  };
  for (const [further, refused] of [
    [`l0: &l0 [x]\n${levels(9, 10)}`, 'SPEC_TOO_LARGE document'],
    [`l0: &l0 [x]\n${levels(LIMITS.nesting, 1)}`, 'SPEC_LIMIT document'],
  ] as const) {
    assert.deepEqual(await judged(`${further}\nnothing: ${nothing}\n`), [refused]);
    assert.deepEqual(await judged(`nothing: ${nothing}\n${further}\n`), [refused]);
  }
  const read = readDocument(new TextEncoder().encode(`nothing: ${nothing}\n`), readYaml);
  assert.ok(!read.ok && read.refusals.length === LIMITS.refusals);
  assert.equal(read.refusals.at(-1)?.problem, 'there are 2 more problems');
});
