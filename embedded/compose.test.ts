import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { composeEmbedded, type Embedded } from '#embedded/compose.ts';

async function withState(use: (directory: string, open: () => Promise<Embedded>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-compose-'));
  const opened: Embedded[] = [];
  const open = async (): Promise<Embedded> => {
    const embedded = await composeEmbedded({
      directory,
      concurrency: 3,
      sandbox: 'none',
      allowUnsandboxedAgents: false,
    });
    opened.push(embedded);
    return embedded;
  };
  try {
    await use(directory, open);
  } finally {
    for (const { inbox, mailbox, store } of opened) {
      inbox.unwatch();
      await mailbox.shutdown();
      await store.close();
    }
    rmSync(directory, { recursive: true });
  }
}

it('compose: what killed workers left behind is removed, and nothing of this engine’s own workers', () =>
  withState(async (directory, open) => {
    mkdirSync(join(directory, 'work', 'old', 'inputs'), { recursive: true });
    writeFileSync(join(directory, 'work', 'old', 'inputs', 'k'), '');
    chmodSync(join(directory, 'work', 'old', 'inputs'), 0o555);
    const { removeLeftovers } = await open();
    mkdirSync(join(directory, 'work', 'new'));
    await removeLeftovers();
    assert.equal(existsSync(join(directory, 'work', 'old')), false);
    assert.equal(existsSync(join(directory, 'work', 'new')), true);
  }));

it('compose: queues.json adds queues and wins over the command line', () =>
  withState(async (directory, open) => {
    writeFileSync(join(directory, 'queues.json'), '{"default":{"concurrency":7},"slow":{"concurrency":1}}');
    assert.deepEqual((await open()).queues, { default: { concurrency: 7 }, slow: { concurrency: 1 } });
  }));

for (const text of [
  'no json',
  '[]',
  '{"Bad Name":{"concurrency":1}}',
  '{"a":{"concurrency":0}}',
  '{"a":{}}',
  '{"a":null}',
]) {
  it(`compose: queues.json with ${text} is refused with its path and a fix`, () =>
    withState(async (directory, open) => {
      writeFileSync(join(directory, 'queues.json'), text);
      await assert.rejects(
        open(),
        (error) => error instanceof TerminalError && error.path.endsWith('queues.json') && error.fix !== '',
      );
    }));
}
