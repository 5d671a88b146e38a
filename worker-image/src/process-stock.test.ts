import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { takeStock } from './process-stock.ts';

const skip = existsSync('/proc/self/fd') ? false : 'what a process has is told by /proc';

/** Leaves something, and gives back how to take it away. */
type Leave = () => (() => void) | Promise<() => void>;

const LEFT: Record<string, { difference: string; leave: Leave }> = {
  'a file that is still open': {
    difference: 'descriptors',
    leave: () => {
      const descriptor = openSync(import.meta.filename, 'r');
      return () => closeSync(descriptor);
    },
  },
  'a connection': {
    difference: 'descriptors',
    leave: async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const socket = connect(address !== null && typeof address === 'object' ? address.port : 0, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      server.close();
      return () => socket.destroy();
    },
  },
  'a process': {
    difference: 'children',
    leave: () => {
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      return () => child.kill('SIGKILL');
    },
  },
  'another directory': {
    difference: 'directory',
    leave: () => {
      const before = process.cwd();
      process.chdir(tmpdir());
      return () => process.chdir(before);
    },
  },
  'a variable': {
    difference: 'environment',
    leave: () => {
      process.env.WAYBILL_LEFT = 'left';
      return () => {
        delete process.env.WAYBILL_LEFT;
      };
    },
  },
  'another mask': {
    difference: 'mask',
    leave: () => {
      const before = process.umask(0o077);
      return () => process.umask(before);
    },
  },
};

describe('process stock:', { skip }, () => {
  it('a process that is as it was has nothing to tell, also after a connection and a child that have ended', async () => {
    const stocktaking = takeStock();
    for (const name of ['a connection', 'a process']) (await LEFT[name]?.leave())?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await stocktaking?.(), null);
  });

  for (const [what, { difference, leave }] of Object.entries(LEFT)) {
    it(`what is left is seen: ${what}`, async () => {
      const stocktaking = takeStock();
      const takeAway = await leave();
      try {
        assert.equal(await stocktaking?.(), difference);
      } finally {
        takeAway();
      }
    });
  }
});
