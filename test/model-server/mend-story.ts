/** What happens in examples/mend, wherever it runs: a small repository with a bug, and what its models say until it is mended. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../architecture/repository-files.ts';
import { makeRepository } from '../support/git-repository.ts';
import { converse } from './answers.ts';
import type { ScriptedAnswer } from './model-server.ts';

export const MEND_MODEL = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0';

/** The median of an even number of values is the mean of the two in the middle, and values are sorted as numbers. */
const BUG = `export function median(values) {
  const sorted = [...values].sort();
  return sorted[Math.floor(sorted.length / 2)];
}
`;
const HALF = BUG.replace('.sort()', '.sort((a, b) => a - b)');
const WHOLE = `export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}
`;
const TEST = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median } from './median.js';

test('numbers are sorted as numbers', () => assert.equal(median([10, 9, 1]), 9));
test('of an even number it is the mean', () => assert.equal(median([4, 1, 3, 2]), 2.5));
`;
const VERDICT = { approved: true, reason: 'It sorts numbers as numbers, and takes the mean of two.' };

const call = (tool: string, input: object): ScriptedAnswer =>
  converse([{ tool, input }], 'tool_use', { input: 1_000, output: 100 });

/** What the model does: a change that is not enough, then the rest of it, then a review. */
export const MEND_SCRIPT: readonly ScriptedAnswer[] = [
  call('read', { path: 'median.js' }),
  call('write', { path: 'median.js', text: HALF }),
  converse(['Sorted as numbers.']),
  call('run', { command: 'git apply "$WAYBILL_INPUTS/change.patch" && node --test' }),
  call('write', { path: 'median.js', text: WHOLE }),
  call('run', { command: 'node --test' }),
  converse(['The mean, too.']),
  call('run', { command: `echo '${JSON.stringify(VERDICT)}' > "$WAYBILL_OUTPUTS/verdict.json"` }),
  converse(['Approved.']),
];

/** The items that are not skipped, in their order. */
export const MEND_ENDS: readonly string[] = [
  ...['edit done', 'tests failed', 'mend done', 'tests~2 done', 'review done', 'accepted done'],
];

/** The example as it stands, and the repository beside it. */
export function layMend(directory: string): void {
  makeRepository(join(directory, 'repo'), () => {
    writeFileSync(join(directory, 'repo', 'package.json'), '{ "type": "module" }\n');
    writeFileSync(join(directory, 'repo', 'median.js'), BUG);
    writeFileSync(join(directory, 'repo', 'median.test.js'), TEST);
  });
  copyFileSync(join(ROOT, 'examples', 'mend', 'flow.yaml'), join(directory, 'flow.yaml'));
}
