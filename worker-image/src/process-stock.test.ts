import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEVICES, type DeviceNodes, NO_NODES } from './device-nodes.ts';
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
    const stocktaking = takeStock(NO_NODES);
    for (const name of ['a connection', 'a process']) (await LEFT[name]?.leave())?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await stocktaking?.(), null);
  });

  for (const [what, { difference, leave }] of Object.entries(LEFT)) {
    it(`what is left is seen: ${what}`, async () => {
      const stocktaking = takeStock(NO_NODES);
      const takeAway = await leave();
      try {
        assert.equal(await stocktaking?.(), difference);
      } finally {
        takeAway();
      }
    });
  }

  describe("device nodes that are its blocks' own", () => {
    // Whatever is in their place is looked at in the same way; to make true ones takes a right.
    const nodes: DeviceNodes & { place: string } = { place: '', lack: null };
    const node = (name: string): string => join(nodes.place, name);
    before(() => {
      nodes.place = mkdtempSync(join(tmpdir(), 'waybill-test-'));
      for (const name of DEVICES) writeFileSync(node(name), '', { mode: 0o666 });
    });
    after(() => rmSync(nodes.place, { recursive: true }));

    it('are as they were when nobody has changed one', async () => {
      assert.equal(await takeStock(nodes)?.(), null);
    });

    for (const [what, change] of Object.entries<() => void>({
      'the mode': () => chmodSync(node('zero'), 0o600),
      // What cannot be set tells of what was put back.
      'the mode, to what it is': () => chmodSync(node('zero'), 0o600),
      'the times': () => utimesSync(node('tty'), 1_234_567, 1_234_567),
      'that it is there': () => rmSync(node('full')),
    })) {
      it(`and a change is seen: ${what}`, async () => {
        const stocktaking = takeStock(nodes);
        // The clock that tells of changes may tick a hundred times a second.
        await sleep(20);
        change();
        assert.equal(await stocktaking?.(), 'devices');
      });
    }

    it('and nobody can tell where blocks own those of the host', () => {
      assert.equal(takeStock({ place: null, lack: 'none can be made' }), null);
    });
  });
});
