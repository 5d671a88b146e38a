import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseWitnessVkey } from '@waybill/verify';
import { ROOT } from '../architecture/repository-files.ts';
import { SampleLog } from '../support/sample-log.ts';
import { fencedCommands, runCommand, strayFences } from './readme-commands.ts';

const PAGE = readFileSync(join(ROOT, 'docs', 'how-to', 'run-a-witness.md'), 'utf8');

/** A port that was free a moment ago: the one on the page may be taken on the machine of the test. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

test('how to run a witness: the commands of the page, in their order, give a witness that answers and stops', async () => {
  const room = mkdtempSync(join(tmpdir(), 'waybill-witness-'));
  const log = new SampleLog().grow(3);
  const commands = fencedCommands(PAGE);
  assert.ok(commands.length >= 7, 'the page has lost its commands');
  assert.deepEqual(strayFences(PAGE), []);
  // Joined into one script, because the last command stops what an earlier one started.
  const script = [`export LOG_VKEY='${log.vkey}'`, ...commands, 'wait $!']
    .join('\n')
    .replaceAll('build/witness', join(room, 'state'))
    .replaceAll('7380', String(await freePort()));
  const { exit, output } = await runCommand(ROOT, script);
  rmSync(room, { recursive: true, force: true });
  assert.equal(exit, 0, output);
  const [vkey = '', ...lines] = output.trim().split('\n');
  assert.equal(parseWitnessVkey(vkey).name, 'witness.example.org/w1');
  const messages = lines.filter((line) => line.startsWith('{"at"')).map((line) => JSON.parse(line).message);
  assert.deepEqual(messages, ['ready', 'stopping']);
  const status = JSON.parse(lines.filter((line) => !line.startsWith('{"at"')).join('\n'));
  assert.deepEqual(
    [status.vkey, status.logs],
    [vkey, [{ origin: log.origin, size: 0, checkpoint: null, cosignedAt: null }]],
  );
});
