import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { MAX_USAGE, MAX_USAGE_BYTES } from '#core/mailbox-protocol.ts';
import { type AttemptTree, createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { takeUsage, USAGE_FILE } from './block-usage.ts';
import { createRedactor } from './redactor.ts';

const ENTRY = { requested: 'm', inputTokens: 1, outputTokens: 2 };
const SECRET = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
const REDACTOR = createRedactor(new Map([['token', SECRET]]));
const BEFORE = [{ block: 0, ...ENTRY, cachedTokens: 0 }];
const textOf = (usage: unknown, more: object = {}): string => JSON.stringify({ v: 1, usage, ...more });

async function withTree(use: (tree: AttemptTree, file: string) => Promise<void>): Promise<void> {
  const tree = createAttemptTree('usage');
  try {
    await use(tree, join(tree.home, USAGE_FILE));
  } finally {
    await removeAttemptTree(tree);
  }
}

it('usage: what a block leaves is added under its place, and taken away', () =>
  withTree(async (tree, file) => {
    const dear = { ...ENTRY, served: 'n', cachedTokens: 3, costMicroUsd: 4 };
    writeFileSync(file, textOf([ENTRY, dear]));
    const { usage, problem } = await takeUsage(tree, 1, BEFORE, REDACTOR);
    assert.equal(problem, undefined);
    assert.deepEqual(usage, [...BEFORE, { block: 1, ...ENTRY, cachedTokens: 0 }, { block: 1, ...dear }]);
    assert.equal(existsSync(file), false);
    assert.deepEqual(await takeUsage(tree, 2, usage, REDACTOR), { usage });
  }));

const HOSTILE: readonly [title: string, why: RegExp, leave: (file: string) => void][] = [
  ['no JSON', /^usage is not JSON$/, (file) => writeFileSync(file, '{')],
  ['no text', /not UTF-8/, (file) => writeFileSync(file, Buffer.from([0xff, 0xfe]))],
  ['another version', /^usage\.v is none of 1$/, (file) => writeFileSync(file, JSON.stringify({ v: 2, usage: [] }))],
  [
    'a key that nobody knows',
    /^usage\.note is not a known key$/,
    (file) => writeFileSync(file, textOf([], { note: 1 })),
  ],
  [
    'tokens below zero',
    /^usage\.usage\[0\]\.inputTokens is not an integer/,
    (file) => writeFileSync(file, textOf([{ ...ENTRY, inputTokens: -1 }])),
  ],
  [
    'tokens beyond counting',
    /usage\[0\]\.outputTokens/,
    (file) => writeFileSync(file, textOf([{ ...ENTRY, outputTokens: 1e15 }])),
  ],
  [
    'a cost of a half',
    /usage\[0\]\.costMicroUsd/,
    (file) => writeFileSync(file, textOf([{ ...ENTRY, costMicroUsd: 0.5 }])),
  ],
  [
    'a model with a line feed',
    /usage\[0\]\.requested/,
    (file) => writeFileSync(file, textOf([{ ...ENTRY, requested: 'a\nb' }])),
  ],
  [
    'a place of its own',
    /usage\[0\]\.block is not a known key/,
    (file) => writeFileSync(file, textOf([{ ...ENTRY, block: 7 }])),
  ],
  [
    'too many entries',
    /not a list of at most 32/,
    (file) => writeFileSync(file, textOf(new Array(MAX_USAGE + 1).fill(ENTRY))),
  ],
  [
    'too many with those before',
    /more than 32 entries/,
    (file) => writeFileSync(file, textOf(new Array(MAX_USAGE).fill(ENTRY))),
  ],
  ['too many bytes', /at most 65536 bytes/, (file) => writeFileSync(file, textOf([ENTRY]).padEnd(MAX_USAGE_BYTES + 1))],
  ['a directory', /no plain file/, (file) => mkdirSync(join(file, 'deep'), { recursive: true })],
  ['a pipe', /no plain file/, (file) => execFileSync('mkfifo', [file])],
];

for (const [title, why, leave] of HOSTILE) {
  it(`usage: ${title} in its place is noted, changes nothing, and is taken away`, () =>
    withTree(async (tree, file) => {
      leave(file);
      const { usage, problem = '' } = await takeUsage(tree, 1, BEFORE, REDACTOR);
      assert.deepEqual(usage, BEFORE);
      assert.match(problem, why);
      assert.equal(existsSync(file), false);
    }));
}

it('usage: a link is not followed, neither in the place of the file nor in that of its directory', () =>
  withTree(async (tree, file) => {
    const elsewhere = join(tree.private, USAGE_FILE);
    writeFileSync(elsewhere, textOf([ENTRY]));
    symlinkSync(elsewhere, file);
    assert.deepEqual(await takeUsage(tree, 1, [], REDACTOR), { usage: [], problem: 'it is no plain file' });
    rmSync(tree.home, { recursive: true });
    symlinkSync(tree.private, tree.home);
    assert.deepEqual(await takeUsage(tree, 1, [], REDACTOR), { usage: [], problem: 'its directory was replaced' });
    assert.ok(existsSync(elsewhere), 'what a link leads to is not taken away');
  }));

it('usage: a secret in the name of a key is taken out before what is wrong is cut, wherever that is', () =>
  withTree(async (tree, file) => {
    // Marks are shorter than what they stand for, so that what comes late moves up.
    for (const before of ['', SECRET.repeat(6)]) {
      for (let pad = 0; pad < 300; pad += 3) {
        writeFileSync(file, textOf([{ ...ENTRY, [`${before}${'x'.repeat(pad)}${SECRET}`]: 1 }]));
        const { problem = '' } = await takeUsage(tree, 1, [], REDACTOR);
        assert.match(problem, /^usage\.usage\[0\]\./);
        assert.ok(problem.length <= 200 && !problem.includes(SECRET.slice(0, 8)), `${pad}: ${problem}`);
      }
    }
  }));
