import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { RunStatus } from '@waybill/client/documents';
import { composeEmbedded, type Embedded, type EmbeddedOptions } from '#embedded/compose.ts';
import { composeInProcess } from '#embedded/compose-in-process.ts';
import { composeOffline } from '#embedded/compose-offline.ts';

async function withState(
  use: (directory: string, open: (more?: Partial<EmbeddedOptions>) => Promise<Embedded>) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-compose-'));
  const opened: Embedded[] = [];
  const open = async (more: Partial<EmbeddedOptions> = {}): Promise<Embedded> => {
    const embedded = await composeEmbedded({
      directory,
      concurrency: 3,
      sandbox: 'none',
      allowUnsandboxedAgents: false,
      ...more,
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

it('compose: no status is written to a directory that has become another one', () =>
  withState(async (directory, open) => {
    const moved = new Error('moved');
    const { inbox } = await open({
      requireState() {
        throw moved;
      },
    });
    await assert.rejects(inbox.publish('uid-0', 's', {} as RunStatus), moved);
    assert.equal(existsSync(join(directory, 'outbox')), false);
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
  it(`compose: queues.json with ${text} is refused with its path and the page on queues`, () =>
    withState(async (directory, open) => {
      writeFileSync(join(directory, 'queues.json'), text);
      await assert.rejects(open(), {
        code: 'USAGE',
        path: /queues\.json(\.|$)/,
        fix: /docs\/how-to\/define-queues\.md/,
      });
    }));
}

for (const text of ['{"allow":"all"}', '{"allow":["*"]}', '{"deny":[]}', '{"allow":[1]}'])
  it(`compose: intents.json with ${text} is refused with the page on effects`, () =>
    withState(async (directory, open) => {
      writeFileSync(join(directory, 'intents.json'), text);
      await assert.rejects(open(), { code: 'USAGE', path: /^intents\.json/, fix: /declare-effects\.md/ });
    }));

for (const text of ['no json', '{"codex":{"url":"http://a.example","models":[]}}', '{"command":{}}'])
  it(`compose: models.json with ${text} is refused with the page on agents`, () =>
    withState(async (directory, open) => {
      writeFileSync(join(directory, 'models.json'), text);
      await assert.rejects(open(), { code: 'USAGE', path: /models\.json/, fix: /run-agents\.md/ });
    }));

for (const [title, mode, isRefused] of [
  ['is not there', null, true],
  ['others may read', 0o644, true],
  ['is for its owner alone', 0o600, false],
] as const)
  it(`compose: models.json with a key that ${title} is ${isRefused ? 'refused' : 'taken'}`, () =>
    withState(async (directory, open) => {
      const endpoint = { url: 'https://a.example', models: ['m'], keyFile: 'model.key' };
      writeFileSync(join(directory, 'models.json'), JSON.stringify({ codex: endpoint }));
      if (mode !== null) writeFileSync(join(directory, 'model.key'), 'k', { mode });
      if (!isRefused) return void (await open());
      await assert.rejects(open(), { code: 'USAGE', path: 'models.json.codex.keyFile', fix: /run-agents\.md/ });
    }));

for (const allow of [[], ['promote.patch']])
  it(`compose: intents.json lets ${allow.length} kinds of intents pass`, () =>
    withState(async (directory, open) => {
      if (allow.length > 0) writeFileSync(join(directory, 'intents.json'), JSON.stringify({ allow }));
      assert.deepEqual((await open()).deps.intentPolicy, { allow });
    }));

it('compose: what is wrong with both files is said in one error, with the page on each', () =>
  withState(async (directory, open) => {
    writeFileSync(join(directory, 'queues.json'), '{"a":{"concurrency":0},"b":{"concurrency":1,"state":"shut"}}');
    writeFileSync(join(directory, 'evidence.json'), '{"waitMs":1}');
    await assert.rejects(open(), {
      path: 'queues.json.a.concurrency',
      problem: /^is not an integer .*; queues\.json\.b\.state is none of .*; evidence\.json\.waitMs is no whole number/,
      fix: /define-queues\.md .*state-directory\.md/,
    });
  }));

for (const [title, composes] of Object.entries({
  'an engine': (_: string, open: () => Promise<unknown>) => open(),
  'one without workers': (directory: string) => composeInProcess(directory, async () => assert.fail()),
  'a program beside it': async (directory: string) => composeOffline(directory),
})) {
  it(`compose: ${title} makes no keys for a ledger whose keys were lost`, () =>
    withState(async (directory, open) => {
      mkdirSync(join(directory, 'ledger', 'checkpoints'), { recursive: true });
      const keys = join(directory, 'keys');
      await assert.rejects(composes(directory, open), { code: 'OBJECT_MISSING', path: keys, fix: /^Restore keys\// });
      assert.equal(existsSync(keys), false);
    }));
}
