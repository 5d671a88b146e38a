import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { git } from '../../test/support/git-repository.ts';
import { AttemptEnded } from './attempt-ended.ts';
import { nameObjects } from './workspace-objects.ts';

const SHA1 = '0'.repeat(40);

async function withDirectories(work: (workspace: string, elsewhere: string) => Promise<void>): Promise<void> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'waybill-objects-')));
  try {
    for (const name of ['workspace', 'elsewhere']) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'file'), `${name}\n`);
    }
    await work(join(root, 'workspace'), join(root, 'elsewhere'));
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe('workspace objects:', () => {
  it('files of any length have the names that git gives them', () =>
    withDirectories(async (workspace) => {
      for (const sizeBytes of [0, 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000]) {
        writeFileSync(join(workspace, 'file'), Buffer.alloc(sizeBytes, 'waybill'));
        const found = (await nameObjects(workspace, ['file'], SHA1, () => 3_000_000)).get('file');
        assert.equal(found?.object, git(workspace, 'hash-object', '--no-filters', 'file').trim(), String(sizeBytes));
      }
    }));

  it('nothing is read through a link that took the place of a directory, nor of the workspace', () =>
    withDirectories(async (workspace, elsewhere) => {
      symlinkSync(elsewhere, join(workspace, 'dir'));
      symlinkSync(workspace, `${workspace}-link`);
      const changed = (error: unknown): boolean =>
        error instanceof AttemptEnded && error.reason === 'workspace_changed' && error.path.endsWith('file');
      await assert.rejects(
        nameObjects(workspace, ['dir/file'], SHA1, () => 100),
        changed,
      );
      await assert.rejects(
        nameObjects(`${workspace}-link`, ['file'], SHA1, () => 100),
        changed,
      );
    }));
});
