import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_QUESTION_CHARS } from '#core/mailbox-protocol.ts';
import { AttemptEnded } from './attempt-ended.ts';
import { createAttemptTree, removeAttemptTree } from './attempt-tree.ts';
import { readQuestion } from './question.ts';

test('question: plain text is taken as it stands, and nothing where there is none', async (t) => {
  const tree = createAttemptTree('question');
  t.after(() => removeAttemptTree(tree));
  const path = join(tree.outputs, 'question.txt');
  assert.equal(await readQuestion(tree), null);
  for (const text of ['Which?\n', 'Ä\tb\nc', '€'.repeat(MAX_QUESTION_CHARS)]) {
    writeFileSync(path, text);
    assert.equal(await readQuestion(tree), text);
  }
});

test('question: what is no plain file of plain text breaks the file contract', async (t) => {
  const tree = createAttemptTree('question');
  t.after(() => removeAttemptTree(tree));
  const path = join(tree.outputs, 'question.txt');
  const refused = (reason: string) => (error: unknown) => error instanceof AttemptEnded && error.reason === reason;
  const texts = ['', 'a\0', 'a\u001b[31m', 'a\r\n', 'a'.repeat(MAX_QUESTION_CHARS + 1), Buffer.from([0xff, 0x41])];
  for (const text of [...texts, '€'.repeat(2 * MAX_QUESTION_CHARS)]) {
    writeFileSync(path, text);
    await assert.rejects(readQuestion(tree), refused('question_invalid'), JSON.stringify(text.slice(0, 9)));
  }
  rmSync(path);
  mkdirSync(path);
  const told = { reason: 'question_invalid', path: 'outputs/question.txt', problem: 'is a directory, and no file' };
  await assert.rejects(readQuestion(tree), told);
  rmSync(path, { recursive: true });
  symlinkSync('/etc/hostname', path);
  await assert.rejects(readQuestion(tree), refused('output_symlink'));
  rmSync(path);
  execFileSync('mkfifo', [path]);
  await assert.rejects(readQuestion(tree), refused('output_special_file'));
});
