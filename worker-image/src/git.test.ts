import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { initRepository, runGit } from './git.ts';

it('git: of what it says when it fails a line is quoted whole or not at all, so that no secret in it is cut in two', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-git-'));
  const repository = join(directory, 'repository');
  try {
    await initRepository(repository, '0'.repeat(40));
    const place = { repository, index: join(repository, 'index'), workTree: directory };
    const problemOf = async (name: string): Promise<string> => {
      const error = await runGit(place, ['cat-file', '-e', name]).catch((cause: unknown) => cause);
      return error instanceof TerminalError ? error.problem : '';
    };
    const name = 'n'.repeat(3_000);
    assert.match(await problemOf(name), new RegExp(`^fatal: .*${name}$`));
    assert.equal(await problemOf('n'.repeat(30_000)), 'failed, and says why in a line that is too long');
  } finally {
    await rm(directory, { recursive: true });
  }
});
