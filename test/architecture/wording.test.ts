import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROOT, repositoryFiles, sourceFiles } from './repository-files.ts';
import {
  badFileNames,
  fetchingCommands,
  forbiddenWords,
  hooksOfAll,
  plainErrors,
  relativeLinks,
  type SourceText,
} from './wording.ts';

const MAX_ADR_LINES = 60;

/** Files in which a plain error is the right one, each with its reason. */
const PLAIN_ERROR_ALLOWED: readonly { path: RegExp; why: string }[] = [
  { path: /\.(test|suite)\.ts$/, why: 'a test throws to see what happens' },
  { path: /^test\//, why: 'a double fails on purpose; its message is for the developer who reads the test' },
];

const read = (path: string): SourceText => ({ path, text: readFileSync(join(ROOT, path), 'utf8') });
const markdownFiles = (): string[] => repositoryFiles().filter((path) => path.endsWith('.md'));
const textFiles = (): string[] => repositoryFiles().filter((path) => /\.(ts|js|mjs|cjs|md|json|ya?ml|sh)$/.test(path));

test('names: code files are kebab-case and say what they hold', () => {
  assert.deepEqual(badFileNames(sourceFiles()), []);
});

test('names: a name that says nothing, or is not kebab-case, is caught', () => {
  const bad = [
    'a/utils.ts',
    'a/types.ts',
    'helpers.test.ts',
    'run-manager.ts',
    'store-impl.ts',
    'RunStore.ts',
    'a_b.ts',
  ];
  assert.deepEqual(badFileNames(bad), bad);
  assert.deepEqual(badFileNames(['src/core/run-store.test.ts', 'implied.ts', 'test/a.suite.ts']), []);
});

test('errors: nothing that a user or an operator can meet is a plain error', () => {
  const searched = sourceFiles().filter((path) => !PLAIN_ERROR_ALLOWED.some((allowed) => allowed.path.test(path)));
  assert.ok(searched.length > 0);
  assert.deepEqual(
    searched.flatMap((path) => plainErrors(read(path))),
    [],
  );
});

test('errors: a plain error in code is caught, in a comment it is not', () => {
  const text = "// new Error('x')\n/** new Error( */\nthrow new Error('x');\nthrow new TerminalError({});\n";
  assert.deepEqual(plainErrors({ path: 'a.ts', text }), [{ path: 'a.ts', line: 3, found: 'new Error(' }]);
});

test('tests: what runs around each test stands in a suite', () => {
  assert.deepEqual(
    sourceFiles()
      .filter((path) => path.endsWith('.test.ts'))
      .flatMap((path) => hooksOfAll(read(path))),
    [],
  );
});

test('tests: a hook around the tests of every file is caught', () => {
  const text = 'before(start);\nbeforeEach(() => {});\ndescribe("x", () => {\n  beforeEach(() => {});\n});\n';
  assert.deepEqual(hooksOfAll({ path: 'a.test.ts', text }), [{ path: 'a.test.ts', line: 2, found: 'beforeEach(' }]);
});

test('words: no file holds a marker of unfinished work', () => {
  assert.deepEqual(
    textFiles()
      .filter((path) => path !== 'package-lock.json')
      .flatMap((path) => forbiddenWords(read(path))),
    [],
  );
});

test('words: markers and references that no reader can follow are caught, wherever they stand', () => {
  const planted = [
    ['TO', 'DO'],
    ['see iss', 'ue 12'],
    ['as in desi', 'gn 04'],
    ['/wor', 'k/notes.md'],
  ].map((halves) => halves.join(''));
  for (const text of planted) {
    const found = forbiddenWords({ path: 'a.md', text: `fine\n(${text})\n` });
    assert.deepEqual(
      found.map(({ line }) => line),
      [2],
      text,
    );
  }
  assert.deepEqual(forbiddenWords({ path: 'a.md', text: 'a todo list, an issue, a design, work/flow\n' }), []);
});

test('docs: no page, hint or example fetches a program by its bare name', () => {
  const searched = textFiles().filter((path) => path !== 'package-lock.json' && !path.startsWith('test/architecture/'));
  assert.ok(searched.includes('README.md') && searched.includes('examples/headline/run.ts'));
  assert.deepEqual(
    searched.flatMap((path) => fetchingCommands(read(path))),
    [],
  );
});

test('docs: what would fetch a program is caught, and what only runs an installed one is not', () => {
  const fetching = [
    'npx waybill run',
    'npx --yes waybill',
    'npm exec waybill',
    'npm i -g waybill',
    'npm install @waybill/verify',
  ];
  for (const text of fetching) assert.equal(fetchingCommands({ path: 'a.md', text }).length, 1, text);
  const fine = [
    'node_modules/.bin/waybill run',
    'waybill run',
    'npm install',
    'npx cdk synth',
    'npm install --prefix waybill',
    'npm run build -w @waybill/verify',
  ];
  for (const text of fine) assert.deepEqual(fetchingCommands({ path: 'a.md', text }), [], text);
});

test('docs: every relative link leads to a file', () => {
  const links = markdownFiles().flatMap((path) =>
    relativeLinks(read(path).text).map((target) => ({ path, target, file: join(ROOT, dirname(path), target) })),
  );
  assert.ok(links.length > 0, 'no link was found');
  assert.deepEqual(
    links.filter(({ file }) => !existsSync(file)).map(({ path, target }) => `${path}: ${target}`),
    [],
  );
});

test('docs: links are found in prose only, without their fragments', () => {
  const text =
    'A [link](docs/a.md#part), [web](https://example.org), [here](#x), `[code](b.md)`.\n```\n[c](c.md)\n```\n';
  assert.deepEqual(relativeLinks(text), ['docs/a.md']);
});

test('docs: a decision record fits on one page', () => {
  const records = repositoryFiles().filter((path) => /^docs\/decisions\/\d{4}-[a-z0-9-]+\.md$/.test(path));
  assert.ok(records.length > 0, 'no decision record was found');
  const long = records.filter((path) => read(path).text.trimEnd().split('\n').length > MAX_ADR_LINES);
  assert.deepEqual(long, []);
  for (const path of records) {
    const headings = [...read(path).text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, ['Context', 'Decision', 'Cost'], path);
  }
});
