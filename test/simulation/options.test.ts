import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';

const PROGRAM = join(import.meta.dirname, 'main.ts');

it('the simulation refuses a number that is none, for which it would live through no seed or through them for ever', () => {
  for (const [option, word] of Object.entries({ seeds: '1k', minutes: '1m', from: 'x', jobs: '0', seed: '-1' })) {
    const words = [PROGRAM, `--${option}=${word}`];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 20_000 });
    assert.equal(status, 4, option);
    assert.match(stderr, new RegExp(`^--${option} takes a whole number from [01], and was given "${word}"\n$`));
  }
});
