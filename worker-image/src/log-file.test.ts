import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { createLogFile, type LogFile } from './log-file.ts';

async function textOf(log: LogFile): Promise<string> {
  const parts: Uint8Array[] = [];
  const body = log.body();
  for await (const part of body.open()) parts.push(part);
  const bytes = Buffer.concat(parts);
  assert.equal(bytes.byteLength, body.sizeBytes);
  return bytes.toString();
}

it('log file: a log is whole and in its order, whether it is kept in memory or has become too long for that', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-log-'));
  const path = join(directory, 'log');
  const log = createLogFile(path, 1_000_000);
  try {
    assert.equal(await textOf(log), '');
    const said = Buffer.from('first\n');
    let expected = '';
    for (const line of ['first\n', 'x'.repeat(64 * 1024 - 12), 'last of memory', 'and more\n', 'y'.repeat(300_000)]) {
      log.write(line === 'first\n' ? said : line);
      expected += line;
      assert.equal(await textOf(log), expected);
      // Whoever wrote it may use its buffer again.
      said.fill(0);
    }
    assert.ok(existsSync(path));
    log.note('a block');
    assert.equal(await textOf(log), `${expected}\n--- waybill: a block ---\n`);
  } finally {
    log.close();
    rmSync(directory, { recursive: true });
  }
});

it('log file: what is cut off is cut off at its limit, in memory as in a file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-log-'));
  try {
    for (const maxBytes of [1_000, 100_000]) {
      const log = createLogFile(join(directory, 'log'), maxBytes);
      for (let n = 0; n < 200; n += 1) log.write('z'.repeat(999));
      assert.equal(log.sizeBytes(), maxBytes);
      assert.match(await textOf(log), /^z+\n--- waybill: the log ends here, its limit is reached ---\n$/);
      log.close();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
