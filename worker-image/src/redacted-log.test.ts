import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogFile } from './log-file.ts';
import { redactedLog } from './redacted-log.ts';
import { createRedactor } from './redactor.ts';

const SECRET = 'correct horse battery';
const [STDOUT, STDERR] = [{}, {}];

/** What a log says after words of two sources, and what it said before its end. */
function logOf(speak: (log: LogFile) => void): { before: string; whole: string } {
  let said = '';
  const write = (bytes: Uint8Array): void => {
    said += Buffer.from(bytes).toString();
  };
  const note = (line: string): void => {
    said += `--- ${line}\n`;
  };
  const log = redactedLog({ write, note } as LogFile, createRedactor(new Map([['token', SECRET]])));
  speak(log);
  const before = said;
  log.flush();
  return { before, whole: said };
}

describe('the log of a block that has secrets', () => {
  it('writes the lines of two streams whole, where each is heard in parts', () => {
    const { whole } = logOf((log) => {
      log.write('one, of which the rest is ', STDOUT);
      log.write('a warning of cor', STDERR);
      log.write('said later\n', STDOUT);
      log.write('ners\n', STDERR);
    });
    assert.equal(whole, 'one, of which the rest is said later\na warning of corners\n');
  });

  it('writes a line when it has ended, and the last of each at the end of the block', () => {
    const { before, whole } = logOf((log) => {
      log.write('first\nsecond', STDOUT);
      log.write('third', STDERR);
    });
    assert.deepEqual({ before, whole }, { before: 'first\n', whole: 'first\nsecondthird' });
  });

  it('holds no more than a long line', () => {
    const { before } = logOf((log) => {
      for (let part = 0; part < 9; part += 1) log.write('x'.repeat(8 * 1024), STDOUT);
    });
    assert.equal(before.length, 72 * 1024);
  });

  it('keeps a secret out that one stream says in parts while the other speaks, and one that both say in turns', () => {
    const { whole } = logOf((log) => {
      log.write('it is correct ', STDOUT);
      log.write('unheard\n', STDERR);
      log.write('horse battery.\n', STDOUT);
      log.write('correct horse', STDOUT);
      log.write(' battery, at the end', STDERR);
    });
    assert.equal(whole, 'unheard\nit is [secret token].\n[secret token], at the end');
  });

  it('notes a line of its own between what was said', () => {
    const { whole } = logOf((log) => {
      log.write('said\n', STDOUT);
      log.note(`it is ${SECRET}`);
      log.write('after\n', STDOUT);
    });
    assert.equal(whole, 'said\n--- it is [secret token]\nafter\n');
  });
});
