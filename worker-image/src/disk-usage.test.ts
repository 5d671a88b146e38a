import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { diskUsage } from './disk-usage.ts';
import { giveOwnerAccess } from './owner-access.ts';

const BLOCK = Buffer.alloc(64 * 1024, 1);

describe('disk usage:', () => {
  let area: string;
  before(() => {
    area = mkdtempSync(join(tmpdir(), 'waybill-disk-'));
  });
  after(() => rmSync(area, { recursive: true }));
  const usage = (most = 1_000, pids: number[] = []) => diskUsage([area], pids, most);

  it('counts files in directories, two names of one file once, and links for themselves', async () => {
    const empty = await usage();
    assert.deepEqual(empty, { bytes: 0, inodes: 0 });
    mkdirSync(join(area, 'a', 'b'), { recursive: true });
    writeFileSync(join(area, 'a', 'b', 'file'), BLOCK);
    const before = await usage();
    assert.equal(before.inodes, 3);
    assert.ok(before.bytes >= BLOCK.length);
    linkSync(join(area, 'a', 'b', 'file'), join(area, 'second-name'));
    assert.deepEqual(await usage(), { ...before, inodes: 3 });
    symlinkSync(homedir(), join(area, 'link'));
    assert.equal((await usage()).inodes, 4);
  });

  it('counts a file without a name while a process has it open', async () => {
    const named = await usage();
    const path = join(area, 'gone');
    const descriptor = openSync(path, 'w');
    writeFileSync(descriptor, BLOCK);
    unlinkSync(path);
    assert.deepEqual(await usage(), named);
    const open = await usage(1_000, [process.pid]);
    assert.equal(open.inodes, named.inodes + 1);
    assert.ok(open.bytes >= named.bytes + BLOCK.length);
    closeSync(descriptor);
    assert.deepEqual(await usage(1_000, [process.pid]), named);
  });

  it('stops when there are too many, and leaves out an area that is gone', async () => {
    for (let n = 0; n < 50; n += 1) writeFileSync(join(area, `n${n}`), '');
    assert.equal((await usage(10)).inodes, 11);
    assert.deepEqual(await diskUsage([area, join(area, 'nowhere')], [], 1_000), await usage());
  });

  describe('of a user whom permissions stop:', () => {
    const NOBODY = 65_534;
    const isRoot = process.geteuid?.() === 0;
    let hiding: string;
    before(() => {
      hiding = mkdtempSync(join(tmpdir(), 'waybill-hiding-'));
      if (isRoot) chownSync(hiding, NOBODY, NOBODY);
    });
    after(() => rmSync(hiding, { recursive: true }));
    const asUser = async <T>(look: () => Promise<T>): Promise<T> => {
      if (isRoot) process.seteuid?.(NOBODY);
      try {
        return await look();
      } finally {
        if (isRoot) process.seteuid?.(0);
      }
    };
    const looked = (at = hiding) => asUser(() => diskUsage([at], [], 1_000));

    for (const mode of [0o000, 0o400, 0o300]) {
      it(`counts what lies behind a directory of mode ${mode.toString(8)}`, async () => {
        const at = join(hiding, `m${mode}`);
        const readable = await asUser(async () => {
          mkdirSync(join(at, 'below', 'deep'), { recursive: true });
          writeFileSync(join(at, 'below', 'deep', 'file'), BLOCK);
          return diskUsage([at], [], 1_000);
        });
        assert.ok(readable.bytes >= BLOCK.length && readable.bytes < 10 * BLOCK.length);
        for (const closed of [join(at, 'below', 'deep'), join(at, 'below'), at]) chmodSync(closed, mode);
        assert.deepEqual(await looked(at), readable);
      });
    }

    it('changes nothing outside, where a link leads', async () => {
      const outside = join(area, 'outside');
      mkdirSync(outside, { mode: 0o700 });
      if (isRoot) chownSync(outside, NOBODY, NOBODY);
      chmodSync(outside, 0);
      if (isRoot) chmodSync(area, 0o711);
      symlinkSync(outside, join(hiding, 'link'));
      assert.equal((await looked(join(hiding, 'link'))).bytes, Number.POSITIVE_INFINITY);
      await asUser(async () => giveOwnerAccess(hiding, outside));
      assert.equal(statSync(outside).mode & 0o777, 0);
      await asUser(async () => giveOwnerAccess(area, outside));
      assert.equal(statSync(outside).mode & 0o777, 0o700, 'and it could have been changed');
      unlinkSync(join(hiding, 'link'));
      rmdirSync(outside);
    });

    it('holds what lies deeper than any path for endless', async () => {
      const from = process.cwd();
      try {
        process.chdir(hiding);
        for (let depth = 0; depth < 25; depth += 1) {
          mkdirSync('d'.repeat(200));
          process.chdir('d'.repeat(200));
        }
      } finally {
        process.chdir(from);
      }
      assert.equal((await diskUsage([hiding], [], 1_000)).bytes, Number.POSITIVE_INFINITY);
    });
  });
});
