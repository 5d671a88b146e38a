import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { written } from './written.ts';

const CASES: [what: string, lay: (path: string) => void, problem: RegExp | null][] = [
  ['no file', () => {}, null],
  ['what is no JSON', (path) => writeFileSync(path, '{'), /^is no JSON \(/],
  [
    'a key that stands twice',
    (path) => writeFileSync(path, '{"a":1,\n"a":2}'),
    /^has the key "a" twice in one object, in line 2$/,
  ],
  ['a link to nothing', (path) => symlinkSync('nowhere', path), /^is a link to what is not there$/],
  ['a link to itself', (path) => symlinkSync(path, path), /^is a link that leads round in a circle$/],
  ['a directory', (path) => mkdirSync(path), /^is a directory$/],
  ['a pipe', (path) => void spawnSync('mkfifo', [path]), /^is a pipe or a device, and no file$/],
  ['a device', (path) => symlinkSync('/dev/null', path), /^is a pipe or a device, and no file$/],
  [
    'a file without an end to speak of',
    (path) => {
      writeFileSync(path, '');
      truncateSync(path, 3 * 1024 ** 3);
    },
    /^is larger than 1048576 bytes$/,
  ],
];

for (const [what, lay, problem] of CASES) {
  it(`a file of the operator: ${what} is ${problem === null ? 'nothing said' : 'refused by its path, at once'}`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-written-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const path = join(directory, 'queues.json');
    lay(path);
    const read = (): unknown => written(directory, 'queues.json', 'Mend it.');
    if (problem === null) assert.deepEqual(read(), {});
    else assert.throws(read, { code: 'USAGE', path, problem, fix: 'Mend it.' });
  });
}
