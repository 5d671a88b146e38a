import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { closeBoth, type OpenOutputPipes, PipeStock } from './output-pipes.ts';

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const left = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('waybill-pipes-'));

function inodes(open: OpenOutputPipes): number[] {
  const pipes = open();
  assert.ok(pipes);
  const found = pipes.map(({ read }) => fstatSync(read).ino);
  for (const pipe of pipes) closeBoth(pipe);
  return found;
}

it('output pipes: each block has both anew, and nothing of the one before', () => {
  const before = descriptors();
  const { open, close } = new PipeStock().ofAttempt();
  for (const word of ['one', 'two']) {
    const pipes = open();
    assert.ok(pipes);
    for (const pipe of pipes) {
      writeSync(pipe.write, word);
      const heard = Buffer.alloc(10);
      assert.equal(heard.toString('utf8', 0, readSync(pipe.read, heard)), word);
      writeSync(pipe.write, 'unheard');
      closeBoth(pipe);
    }
  }
  close();
  assert.equal(descriptors(), before);
  assert.deepEqual(left(), []);
});

it('output pipes: no attempt has those of another, and what they took is given back', () => {
  const stock = new PipeStock();
  const before = descriptors();
  // As who kept one would: a number is given again once nobody has it.
  const kept: number[] = [];
  const seen: number[] = [];
  for (let attempt = 0; attempt < 24; attempt += 1) {
    const { open, close } = stock.ofAttempt();
    const own = inodes(open);
    assert.deepEqual(inodes(open), own, 'the blocks of one attempt share them');
    seen.push(...own);
    for (const pipe of open() ?? []) {
      kept.push(pipe.read);
      closeSync(pipe.write);
    }
    close();
    assert.equal(open(), null);
    stock.replenish();
  }
  assert.equal(new Set(seen).size, 48);
  for (const descriptor of kept) closeSync(descriptor);
  while (!stock.replenish()) {
    const { open, close } = stock.ofAttempt();
    inodes(open);
    close();
  }
  assert.equal(descriptors(), before + 42, 'those of 21 attempts are in stock');
  assert.deepEqual(left(), []);
});

it('output pipes: while anybody else could write to one, none is handed out', () => {
  const { open } = new PipeStock().ofAttempt();
  const kept = open();
  assert.ok(kept);
  const before = descriptors();
  for (const [n, pipe] of kept.entries()) {
    assert.equal(open(), null, `${2 - n} are open`);
    closeBoth(pipe);
  }
  assert.equal(descriptors(), before - 4);
  assert.notEqual(open(), null);
});

it('output pipes: where one cannot be opened, blocks have to do with sockets', () => {
  const place = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  // Root opens a pipe of whatever mode, and nobody a directory to write to it.
  const stock = new PipeStock(() => [[openSync(place, 'r'), openSync(place, 'r')]]);
  const before = descriptors();
  const { open, close } = stock.ofAttempt();
  assert.equal(open(), null);
  close();
  assert.equal(descriptors(), before);
  rmSync(place, { recursive: true });
});

it('output pipes: where none can be made, it is tried once', () => {
  let tried = 0;
  const stock = new PipeStock(() => {
    tried += 1;
    throw new Error('there is no mkfifo');
  });
  assert.deepEqual(
    [stock.ofAttempt().open(), stock.replenish(), stock.ofAttempt().open(), tried],
    [null, false, null, 1],
  );
});
