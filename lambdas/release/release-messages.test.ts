import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { deriveRunId, digestOf } from '@waybill/verify';
import { createSecretVault, unavailable } from '#composition/secret-vault.ts';
import { type AttemptRow, type ItemRow, keys } from '#core/rows.ts';
import { parseAnswer } from '#core/sealed-secrets.ts';
import { advance } from '#flow/advance.ts';
import { dispatch } from '#flow/dispatch.ts';
import { takeIn } from '#flow/inbox.ts';
import { toldOf } from '#lambdas/shared/platform-events.ts';
import { PRINCIPAL, putInbox } from '../../test/support/embedded-flow.ts';
import { failedIds, type HandlerBed, queueEvent, withHandlers } from '../../test/support/handler-bed.ts';
import { createAttemptKey } from '../../worker-image/src/sealed-box.ts';
import { type ReleaseDuties, readTold, releaseMessages } from './release-messages.ts';

const SECRET = 'correct horse battery';
const KEPT: Readonly<Record<string, string>> = { token: SECRET, other: 'another one of them' };

interface Desk extends ReleaseDuties {
  /** Keys that workers have staged, and what was left for them, by attempt. */
  staged: Map<string, string>;
  answers: Map<string, string[]>;
  /** Thrown when that secret is read. */
  failing: Map<string, Error>;
}

function deskOf(bed: HandlerBed): Desk {
  const [staged, answers, failing] = [
    new Map<string, string>(),
    new Map<string, string[]>(),
    new Map<string, Error>(),
  ] as const;
  const read = async (name: string): Promise<Uint8Array> => {
    const error = failing.get(name);
    if (error !== undefined) throw error;
    return Buffer.from(KEPT[name] ?? '');
  };
  const keeping = {
    vault: createSecretVault(readTold(read, bed.told)),
    channel: {
      asked: async (attemptId: string) => staged.get(attemptId) ?? null,
      async answer(attemptId: string, sealed: string) {
        answers.set(attemptId, [...(answers.get(attemptId) ?? []), sealed]);
        return true;
      },
    },
  };
  const worker = { ...bed.flow.worker, isolation: 'container' as const, executable: digestOf('the worker') };
  const givesSecrets = new Set(Object.keys(KEPT));
  return { flow: { ...bed.flow, worker: { ...worker, givesSecrets } }, keeping, staged, answers, failing };
}

/** Attempts at work of items that name these secrets, by item. */
async function atWork(bed: HandlerBed, desk: Desk, items: Record<string, string[]>): Promise<Record<string, string>> {
  const blockOf = (names: string[]): object => ({
    block: 'script',
    run: 'true',
    secrets: Object.fromEntries(names.map((name, n) => [`S${n}`, name])),
  });
  const pipelines = Object.entries(items).map(([id, names]) => [id, [blockOf(names)]] as [string, object[]]);
  return await dispatched(bed, desk, Object.fromEntries(pipelines));
}

async function dispatched(
  bed: HandlerBed,
  { flow }: Pick<Desk, 'flow'>,
  items: Record<string, object[]>,
  beforeDispatch: () => void = () => {},
): Promise<Record<string, string>> {
  const spec = { items: Object.entries(items).map(([id, pipeline]) => ({ id, pipeline })) };
  const run = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'secrets' }, spec };
  putInbox(bed.directory, 'default', 's', JSON.stringify(run));
  await takeIn(flow, () => {});
  await advance(flow, 'default');
  beforeDispatch();
  const ids: Record<string, string> = {};
  for (const item of Object.keys(items)) {
    const row = await bed.row<ItemRow>(keys.item(deriveRunId(PRINCIPAL, 's'), item));
    ids[item] = row.attempts[0]?.id ?? '';
    await dispatch(flow, ids[item]);
  }
  return ids;
}

const keyStaged = (attemptId: string): object => toldOf(`${attemptId}/key.json`, undefined);
const never = { execute: () => new Promise<never>(() => {}) };

describe('release', () => {
  it('a key that was staged is answered with what the attempt names; told of it twice it is given once', async () => {
    await withHandlers(async (bed) => {
      const desk = deskOf(bed);
      const { one = '' } = await atWork(bed, desk, { one: ['token'] });
      const own = createAttemptKey();
      desk.staged.set(one, own.key);
      const event = queueEvent(keyStaged(one), keyStaged(one));
      assert.deepEqual(failedIds(await releaseMessages(desk, event, bed.told)), []);
      assert.deepEqual(failedIds(await releaseMessages(desk, event, bed.told)), []);
      const { manifest } = await bed.row<AttemptRow>(keys.attempt(one));
      const to = { attemptId: one, epoch: 1, manifest: manifest?.payload ?? digestOf('') };
      for (const sealed of desk.answers.get(one) ?? []) {
        const answer = parseAnswer(Buffer.from(sealed));
        assert.ok('sealed' in answer);
        assert.deepEqual([...own.open(answer, to)], [['token', SECRET]]);
      }
      const rows = await bed.flow.store.query(`run/${deriveRunId(PRINCIPAL, 's')}`, { prefix: 'event/', limit: 99 });
      const released = rows.filter(({ body }) => JSON.stringify(body).includes('secrets.released'));
      assert.equal(released.length, 1);
      desk.staged.set(one, createAttemptKey().key);
      const before = desk.answers.get(one)?.length;
      assert.deepEqual(failedIds(await releaseMessages(desk, queueEvent(keyStaged(one)), bed.told)), []);
      assert.equal(desk.answers.get(one)?.length, before, 'a second key gets nothing');
      assert.deepEqual(bed.told.troubles, []);
    }, never);
  });

  it('one that is not to be had is said to its worker and to the operator, and nothing of it comes again', async () => {
    await withHandlers(async (bed) => {
      const desk = deskOf(bed);
      const ids = await atWork(bed, desk, { good: ['token'], lacks: ['token', 'other'] });
      const { good = '', lacks = '' } = ids;
      for (const id of [good, lacks]) desk.staged.set(id, createAttemptKey().key);
      desk.failing.set('other', unavailable('other', 'may not be read here', 'Look at arn:of-it.'));
      const event = queueEvent(keyStaged(lacks), keyStaged(good));
      assert.deepEqual(failedIds(await releaseMessages(desk, event, bed.told)), []);
      const [said = ''] = desk.answers.get(lacks) ?? [];
      assert.deepEqual(JSON.parse(said), {
        attemptId: lacks,
        unavailable: 'secret other may not be read here',
        v: 1,
      });
      assert.ok('sealed' in parseAnswer(Buffer.from(desk.answers.get(good)?.[0] ?? '')), 'the other one has its own');
      assert.equal(bed.told.troubles.length, 1);
      assert.match(bed.told.troubles[0] ?? '', /^secret other: /);
    }, never);
  });

  it('one that is not to be had now comes again by itself, and the others are answered', async () => {
    await withHandlers(async (bed) => {
      const desk = deskOf(bed);
      const { good = '', busy = '' } = await atWork(bed, desk, { good: ['token'], busy: ['other'] });
      for (const id of [good, busy]) desk.staged.set(id, createAttemptKey().key);
      const away = { code: 'STORE_BUSY', path: 'secret other', problem: 'is away', fix: 'Wait.' } as const;
      desk.failing.set('other', new RetryableError(away));
      const event = queueEvent(keyStaged(busy), keyStaged(good));
      assert.deepEqual(failedIds(await releaseMessages(desk, event, bed.told)), ['m0']);
      assert.equal(desk.answers.get(good)?.length, 1);
      assert.equal(bed.told.troubles.length, 1, 'told once');
      desk.failing.clear();
      assert.deepEqual(failedIds(await releaseMessages(desk, event, bed.told)), []);
      assert.equal(desk.answers.get(busy)?.length, 1);
    }, never);
  });

  it('what is no key of an attempt asks for nothing, and what is malformed fails alone', async () => {
    await withHandlers(async (bed) => {
      const desk = deskOf(bed);
      const { one = '' } = await atWork(bed, desk, { one: ['token'] });
      desk.staged.set(one, createAttemptKey().key);
      const others = [`${one}/result.json`, `x/${one}/key.json`, 'key.json', `${'f'.repeat(32)}/key.json`];
      const tried = { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'b' };
      const messages = [...others.map((key) => toldOf(key, undefined)), tried, 'no JSON'];
      assert.deepEqual(failedIds(await releaseMessages(desk, queueEvent(...messages), bed.told)), ['m5']);
      assert.deepEqual([...desk.answers], []);
      assert.equal(bed.told.badRecords.length, 1);
      // The negative control: the same desk answers a key of the attempt.
      await releaseMessages(desk, queueEvent(keyStaged(one)), bed.told);
      assert.equal(desk.answers.get(one)?.length, 1);
    }, never);
  });

  it('an attempt whose agent names a model is given a session with it, which its manifest and its record name', async () => {
    await withHandlers(async (bed) => {
      const desk = deskOf(bed);
      const MODEL = 'eu.model-1:0';
      const asked: object[] = [];
      const read = async (name: string, attempt: object): Promise<Uint8Array> => {
        asked.push({ name, ...attempt });
        return Buffer.from(SECRET);
      };
      desk.keeping.vault = createSecretVault(read);
      const givesModels = new Set([MODEL, 'gone']);
      const flow = { ...desk.flow, worker: { ...desk.flow.worker, givesModels } };
      const agent = (adapter: string, model = MODEL): object => ({ block: 'agent', adapter, model, prompt: 'Do it.' });
      const script = { block: 'script', run: 'true', secrets: { TOKEN: 'token' } };
      const items = {
        asks: [agent('bedrock'), script, agent('bedrock')],
        elsewhere: [agent('codex')],
        gone: [agent('bedrock', 'gone')],
      };
      const ids = await dispatched(bed, { ...desk, flow }, items, () => givesModels.delete('gone'));
      const [asks, elsewhere, gone] = await Promise.all(
        ['asks', 'elsewhere', 'gone'].map((item) => bed.row<AttemptRow>(keys.attempt(ids[item] ?? ''))),
      );
      const names = [`model:${MODEL}`, 'token'];
      assert.deepEqual(asks?.manifest?.secrets, { names });
      assert.equal(elsewhere?.manifest?.secrets, undefined, 'it speaks another protocol');
      assert.ok(gone?.manifest);
      assert.equal(gone.manifest.secrets, undefined, 'the deployment has that model no more');
      const [id, own] = [ids.asks ?? '', createAttemptKey()];
      desk.staged.set(id, own.key);
      assert.deepEqual(failedIds(await releaseMessages({ ...desk, flow }, queueEvent(keyStaged(id)), bed.told)), []);
      const answer = parseAnswer(Buffer.from(desk.answers.get(id)?.[0] ?? ''));
      assert.ok('sealed' in answer);
      const to = { attemptId: id, epoch: 1, manifest: asks?.manifest?.payload ?? digestOf('') };
      assert.deepEqual([...own.open(answer, to).keys()], names);
      const untilMs = asks?.expiresAtMs;
      assert.deepEqual(
        asked,
        names.map((name) => ({ name, attemptId: id, untilMs })),
      );
      const rows = await bed.flow.store.query(`run/${deriveRunId(PRINCIPAL, 's')}`, { prefix: 'event/', limit: 99 });
      const [released] = rows.filter(({ body }) => JSON.stringify(body).includes('secrets.released'));
      const { head } = (released?.body ?? {}) as { head: string };
      assert.ok(head.includes(`"secrets":${JSON.stringify(names)}`), head);
    }, never);
  });

  it('an attempt that was told to stop gets nothing', async () => {
    await withHandlers(async (bed) => {
      const desk = deskOf(bed);
      const { one = '' } = await atWork(bed, desk, { one: ['token'] });
      desk.staged.set(one, createAttemptKey().key);
      const row = await bed.row<AttemptRow>(keys.attempt(one));
      const [held] = await bed.flow.store.get([keys.attempt(one)]);
      await bed.flow.store.transact([
        { do: 'put', ...keys.attempt(one), expect: held?.version ?? 0, body: { ...row, cancel: 'cancelled' } },
      ]);
      assert.deepEqual(failedIds(await releaseMessages(desk, queueEvent(keyStaged(one)), bed.told)), []);
      assert.deepEqual([...desk.answers], []);
    }, never);
  });
});
