import assert from 'node:assert/strict';
import { closeSync, readdirSync, readSync, writeSync } from 'node:fs';
import { it } from 'node:test';
import { PipeStock } from '#adapters/local/pipe-stock.ts';
import { closeBoth, takeOutputPipes } from './output-pipes.ts';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

it('output pipes: each block has both anew, and nothing of the one before', async () => {
  const pair = await new PipeStock().take();
  assert.ok(pair);
  const open = takeOutputPipes(pair.join(' '));
  for (const descriptor of pair) closeSync(descriptor);
  const before = descriptors();
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
  assert.equal(descriptors(), before);
});

it('output pipes: while anybody else could write to one, none is handed out', async () => {
  const pair = await new PipeStock().take();
  assert.ok(pair);
  const open = takeOutputPipes(pair.join(' '));
  const left = open();
  assert.ok(left);
  const before = descriptors();
  for (const [n, pipe] of left.entries()) {
    assert.equal(open(), null, `${2 - n} are open`);
    closeBoth(pipe);
  }
  assert.equal(descriptors(), before - 4);
  assert.notEqual(open(), null);
});

it('output pipes: without any, blocks have to do with sockets', () => {
  assert.equal(takeOutputPipes('')(), null);
});

it('pipe stock: whoever takes has pipes of their own, however many take, and no name of one is left', async () => {
  const stock = new PipeStock();
  const pairs = await Promise.all(Array.from({ length: 70 }, () => stock.take()));
  const all = pairs.flatMap((pair) => pair ?? []);
  assert.equal(new Set(all).size, 140);
  for (const descriptor of all) closeSync(descriptor);
});
