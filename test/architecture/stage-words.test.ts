import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAGES } from '#core/stages.ts';
import { type Files, withPlantedTree } from './planted-tree.ts';
import { ROOT } from './repository-files.ts';
import { stagePlaces } from './stage-words.ts';

const flowFiles = (stages: readonly string[]): Files =>
  Object.fromEntries(stages.map((stage) => [`src/flow/${stage}.ts`, 'export {};\n']));

const FUNCTIONS = [
  'submit',
  'advance',
  'dispatch',
  'release',
  'settle',
  'seal',
  'notify',
  'reconcile',
  'slot',
  'doctor',
  'shared',
];

const lambdaFiles = (functions: readonly string[]): Files =>
  Object.fromEntries(functions.map((name) => [`lambdas/${name}/handler.ts`, 'export {};\n']));

const storyOf = (stages: readonly string[]): string =>
  `# The life of a run\n\n${stages.map((stage) => `## ${stage}\n\n### A detail\n\nText.\n`).join('\n')}`;

const tree = (files: readonly string[], headings: readonly string[]): Files => ({
  ...flowFiles(files),
  ...lambdaFiles(FUNCTIONS),
  'src/flow/several-stages.ts': 'export {};\n',
  'docs/life-of-a-run.md': storyOf(headings),
});

async function disagreeing(files: Files): Promise<string[]> {
  const places = await withPlantedTree(files, (root) => stagePlaces(root, STAGES));
  return places.filter(({ disagreement }) => disagreement !== null).map(({ place }) => place);
}

for (const { place, disagreement } of stagePlaces(ROOT, STAGES)) {
  test(`stage words: ${place} agrees with src/core/stages.ts`, () => {
    assert.equal(disagreement, null);
  });
}

test('stage words: there are eight, from inbox to verify', () => {
  assert.equal(STAGES.length, 8);
  assert.deepEqual([STAGES[0], STAGES[7]], ['inbox', 'verify']);
});

test('stage words: a tree that tells the same story agrees', async () => {
  assert.deepEqual(await disagreeing(tree(STAGES, STAGES)), []);
});

test('stage words: any stage renamed in one place is noticed there', async () => {
  for (const renamed of STAGES) {
    const others = STAGES.map((stage) => (stage === renamed ? `${stage}ed` : stage));
    assert.deepEqual(await disagreeing(tree(others, STAGES)), ['src/flow'], renamed);
    assert.deepEqual(await disagreeing(tree(STAGES, others)), ['docs/life-of-a-run.md'], renamed);
  }
});

test('stage words: a story in another order, with a stage too many, or absent, is noticed', async () => {
  assert.deepEqual(await disagreeing(tree(STAGES, STAGES.toReversed())), ['docs/life-of-a-run.md']);
  assert.deepEqual(await disagreeing(tree(STAGES, [...STAGES, 'archive'])), ['docs/life-of-a-run.md']);
  assert.deepEqual(await disagreeing({ ...flowFiles(STAGES), ...lambdaFiles(FUNCTIONS) }), ['docs/life-of-a-run.md']);
});

test('stage words: a function too many, too few or under another name is noticed', async () => {
  const told = tree(STAGES, STAGES);
  const { 'lambdas/seal/handler.ts': seal = '', ...unsealed } = told;
  assert.deepEqual(await disagreeing(unsealed), ['lambdas']);
  assert.deepEqual(await disagreeing({ ...unsealed, 'lambdas/sequence/handler.ts': seal }), ['lambdas']);
  assert.deepEqual(await disagreeing({ ...told, 'lambdas/inbox/handler.ts': seal }), ['lambdas']);
});
