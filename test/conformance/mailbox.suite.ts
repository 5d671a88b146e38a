/** The contract of the mailbox port, over any adapter, through the URLs that a worker is given. Case ids are stable. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { canonicalize, digestOf } from '@waybill/verify';
import { parseLease } from '#core/lease-document.ts';
import type { Lease } from '#core/mailbox-protocol.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { LeaseDraft, Mailbox } from '#ports/mailbox.ts';
import type { SecretChannel } from '#ports/secret-channel.ts';
import { aroundBed } from './around-bed.ts';

export interface MailboxBed {
  mailbox: Mailbox;
  /** Over the same staging place. */
  channel: SecretChannel;
  artifacts: Artifacts;
  /** The engine's clock, in ms. */
  setNow(nowMs: number): void;
  /** A new adapter over the same staging place, as after a crash of the engine. */
  restart(): Promise<Mailbox>;
  close(): Promise<void>;
}

export interface MailboxCapabilities {
  /** The adapter itself hears of what is staged. Where it does not, something else brings the hints. */
  hints: boolean;
  /** Bytes are counted as they arrive and what comes too late is refused; or readers are protected from both. */
  guards: 'each PUT' | 'each reading';
  /** Whose clock says when a heartbeat arrived. */
  arrival: 'the clock of the engine' | 'the clock of the store';
}

const id = (n: number): string => digestOf(`attempt ${n}`).slice(7, 39);
/** Of every attempt here, with characters that a URL writes otherwise. */
export const PRINCIPAL = 'AROAEXAMPLE:ada+lovelace@example.com';
const LIMITS = { outputsBytes: 100, fileBytes: 100, files: 5, logBytes: 50, patchBytes: 100 };

export function draftOf(attemptId: string, more: Partial<LeaseDraft> = {}): LeaseDraft {
  return {
    v: 1,
    attemptId,
    principal: PRINCIPAL,
    manifest: { payload: 'e30=', payloadType: 'application/vnd.in-toto+json', signatures: [] },
    job: {
      v: 1,
      attemptId,
      run: 'a'.repeat(32),
      item: 'item~2',
      attempt: 1,
      pipeline: [],
      env: {},
      timeoutMs: 1_000,
      limits: LIMITS,
      isolation: 'none',
    },
    inputs: [],
    heartbeatMs: 1_000,
    expiresAt: '2026-11-21T05:00:00.000Z',
    cancel: false,
    ...more,
  };
}

/** As the worker does it: `once` asks that nothing be there yet. */
const put = async (url: string, body: string, once = false): Promise<number> => {
  const headers = { 'content-type': 'application/octet-stream', ...(once ? { 'if-none-match': '*' } : {}) };
  const answer = await fetch(url, { method: 'PUT', body, headers });
  await answer.arrayBuffer();
  return answer.status;
};

/** Stores tell whole seconds. */
function assertArrived(atMs: number | null, sinceMs: number): void {
  assert.ok(atMs !== null && atMs >= sinceMs - 1_000 && atMs <= Date.now() + 1_000, `${atMs} since ${sinceMs}`);
}

const lease = async (url: string): Promise<Lease> => parseLease(await (await fetch(url)).bytes());
const text = async (stream: AsyncIterable<Uint8Array> | null): Promise<string | null> =>
  stream === null ? null : Buffer.concat(await Array.fromAsync(stream)).toString();
const beat = (attemptId: string, seq = 0): string =>
  canonicalize({ v: 1, attemptId, seq, at: '2026-11-21T05:00:00.000Z' });

/** An X25519 key, as a worker stages it. */
const keyOf = (attemptId: string): string => canonicalize({ v: 1, attemptId, key: `${'A'.repeat(42)}E=` });
const SECRETIVE: LeaseDraft['job']['pipeline'] = [{ block: 'script', run: 'true', secrets: { TOKEN: 'token' } }];

export function mailboxSuite(name: string, open: () => Promise<MailboxBed>, capabilities: MailboxCapabilities): void {
  const withMailbox = (use: (mailbox: Mailbox, bed: MailboxBed) => Promise<void>) =>
    aroundBed(open, (bed) => use(bed.mailbox, bed));

  describe(`mailbox: ${name}`, () => {
    it(
      'MB-01 the lease is canonical, has every URL, and its inputs and source are the artifacts',
      withMailbox(async (mailbox, { artifacts }) => {
        const input = await artifacts.put(Buffer.from('input'));
        const source = await artifacts.put(Buffer.from('source'));
        const url = await mailbox.post(
          draftOf(id(1), { inputs: [{ key: 'k', ...input }], source: { ...source, commit: 'c'.repeat(40) } }),
        );
        const read = await lease(url);
        assert.equal(read.attemptId, id(1));
        assert.equal(await (await fetch(read.inputs[0]?.url ?? '')).text(), 'input');
        assert.equal(await (await fetch(read.source?.url ?? '')).text(), 'source');
        assert.deepEqual(await lease(read.next), read);
      }),
    );

    it(
      'MB-02 the URL of one attempt opens nothing of another',
      withMailbox(async (mailbox) => {
        const [one, two] = await Promise.all([mailbox.post(draftOf(id(1))), mailbox.post(draftOf(id(2)))]);
        assert.equal((await fetch(two)).status, 200);
        const tried = new URL(one);
        assert.notEqual(tried.href, two);
        tried.pathname = new URL(two).pathname;
        if (tried.href === two) {
          // Then the path is the secret: as good as 128 random bits, and no id that somebody may know.
          const secret = /[0-9a-f]{32}/.exec(new URL(one).pathname)?.[0];
          assert.ok(secret !== undefined && !two.includes(secret) && secret !== id(1));
        } else {
          assert.ok([403, 404].includes((await fetch(tried)).status));
        }
      }),
    );

    it(
      'MB-03 posting again changes the lease and keeps every URL',
      withMailbox(async (mailbox) => {
        const url = await mailbox.post(draftOf(id(1)));
        const before = await lease(url);
        assert.equal(await mailbox.post(draftOf(id(1), { expiresAt: '2026-11-21T06:00:00.000Z' })), url);
        assert.deepEqual(await lease(url), { ...before, expiresAt: '2026-11-21T06:00:00.000Z' });
      }),
    );

    it(
      'MB-04 a cancel shows in the lease, stays through a renewal, and hurts no other attempt',
      withMailbox(async (mailbox) => {
        const [one, two] = [await mailbox.post(draftOf(id(1))), await mailbox.post(draftOf(id(2)))];
        await mailbox.cancel(id(1));
        await mailbox.cancel(id(1));
        await mailbox.cancel(id(3));
        await mailbox.post(draftOf(id(1)));
        assert.deepEqual([(await lease(one)).cancel, (await lease(two)).cancel], [true, false]);
      }),
    );

    it(
      'MB-05 before anything is staged everything is null, also for an attempt never posted',
      withMailbox(async (mailbox) => {
        await mailbox.post(draftOf(id(1)));
        for (const attempt of [id(1), id(2)]) {
          assert.deepEqual(await mailbox.staged(attempt), { heartbeat: null, heartbeatAtMs: null, result: null });
          assert.equal(await mailbox.openLog(attempt, PRINCIPAL), null);
          await assert.rejects(
            mailbox.openOutputs(attempt),
            (error) => error instanceof RetryableError && error.code === 'OBJECT_MISSING',
          );
        }
      }),
    );

    it(
      'MB-06 heartbeats overwrite each other, and their arrival is told by who keeps them, not by the worker',
      withMailbox(async (mailbox, bed) => {
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        bed.setNow(5_000);
        assert.equal(await put(to.heartbeat, beat(id(1), 0)), 200);
        bed.setNow(9_000);
        const before = Date.now();
        assert.equal(await put(to.heartbeat, beat(id(1), 1)), 200);
        const { heartbeat, heartbeatAtMs } = await mailbox.staged(id(1));
        assert.equal(heartbeat?.seq, 1);
        if (capabilities.arrival === 'the clock of the engine') assert.equal(heartbeatAtMs, 9_000);
        else assertArrived(heartbeatAtMs, before);
      }),
    );

    it(
      'MB-07 a heartbeat that is garbage, too large or of another attempt never shows in what is staged',
      withMailbox(async (mailbox) => {
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        await put(to.heartbeat, beat(id(1), 7));
        for (const bad of ['', 'garbage', '{}', beat(id(2), 8), `${beat(id(1), 8)} `]) await put(to.heartbeat, bad);
        const { heartbeat, heartbeatAtMs } = await mailbox.staged(id(1));
        assert.ok(heartbeat === null ? heartbeatAtMs === null : heartbeat.seq === 7);
        await put(to.heartbeat, beat(id(1), 9));
        assert.equal((await mailbox.staged(id(1))).heartbeat?.seq, 9);
      }),
    );

    it(
      'MB-08 outputs and result are write-once: the second is refused with 412 and the first stays',
      withMailbox(async (mailbox) => {
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        for (const url of [to.outputs, to.result]) {
          assert.equal(await put(url, 'first', true), 200);
          assert.equal(await put(url, 'second', true), 412);
          assert.ok([400, 403, 412].includes(await put(url, 'third')), 'a PUT that does not ask whether one stands');
        }
        assert.equal(await text(await mailbox.openOutputs(id(1))), 'first');
        assert.equal(Buffer.from((await mailbox.staged(id(1))).result ?? []).toString(), 'first');
      }),
    );

    it(
      'MB-09 of many results at once exactly one is kept, whole',
      withMailbox(async (mailbox) => {
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        const bodies = Array.from({ length: 20 }, (_, n) => String(n).repeat(1_000));
        const answers = await Promise.all(bodies.map((body) => put(to.result, body, true)));
        assert.deepEqual(answers.filter((status) => status === 200).length, 1);
        const { result } = await mailbox.staged(id(1));
        assert.equal(Buffer.from(result ?? []).toString(), bodies[answers.indexOf(200)]);
      }),
    );

    it(
      'MB-10 the log overwrites itself',
      withMailbox(async (mailbox) => {
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        await put(to.log, 'early');
        await put(to.log, 'final');
        assert.equal(await text(await mailbox.openLog(id(1), PRINCIPAL)), 'final');
      }),
    );

    it(
      'MB-11 what is over its limit is refused, or cut off where it is read; exactly as much as the limit is kept',
      withMailbox(async (mailbox) => {
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        const { put: of } = await lease(await mailbox.post(draftOf(id(2))));
        const atOnce = capabilities.guards === 'each PUT';
        const expected = atOnce ? 413 : 200;
        assert.equal(await put(to.log, 'x'.repeat(51)), expected);
        assert.equal(await put(to.heartbeat, 'x'.repeat(4_097)), expected);
        assert.equal(await put(to.result, 'x'.repeat(1_000_000), true), expected);
        const { heartbeat, result } = await mailbox.staged(id(1));
        assert.equal(heartbeat, null);
        assert.equal(result?.byteLength, atOnce ? undefined : 262_145);
        if (atOnce) assert.equal(await mailbox.openLog(id(1), PRINCIPAL), null);
        assert.equal(await put(of.result, 'x'.repeat(262_144), true), 200);
        assert.equal((await mailbox.staged(id(2))).result?.byteLength, 262_144);
        assert.equal(await put(of.log, 'x'.repeat(50)), 200);
      }),
    );

    it(
      'MB-12 what was staged is still there after a crash of the engine, and stays write-once',
      withMailbox(async (mailbox, bed) => {
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        bed.setNow(5_000);
        await put(to.heartbeat, beat(id(1), 3));
        await put(to.log, 'log');
        await put(to.outputs, 'outputs', true);
        await put(to.result, 'result', true);
        const before = await mailbox.staged(id(1));
        const again = await bed.restart();
        const { heartbeat, heartbeatAtMs, result } = await again.staged(id(1));
        assert.deepEqual([heartbeat?.seq, Buffer.from(result ?? []).toString()], [3, 'result']);
        assert.ok(heartbeatAtMs !== null && heartbeatAtMs === before.heartbeatAtMs);
        assert.equal(await text(await again.openOutputs(id(1))), 'outputs');
        assert.equal(await text(await again.openLog(id(1), PRINCIPAL)), 'log');
        const reposted = await lease(await again.post(draftOf(id(1))));
        assert.equal(await put(reposted.put.result, 'other', true), 412);
      }),
    );

    it(
      'MB-13 a closed mailbox opens no more and keeps nothing, whatever comes late; closing again is fine',
      withMailbox(async (mailbox) => {
        const url = await mailbox.post(draftOf(id(1)));
        const { put: to } = await lease(url);
        await put(to.result, 'result', true);
        await mailbox.close(id(1), PRINCIPAL);
        await mailbox.close(id(1), PRINCIPAL);
        assert.ok([403, 404].includes((await fetch(url)).status));
        const refused = capabilities.guards === 'each PUT' ? [404] : [200, 412];
        for (const [name, target] of Object.entries(to)) {
          assert.ok(refused.includes(await put(target, beat(id(1)), name === 'outputs' || name === 'result')), name);
        }
        assert.deepEqual(await mailbox.staged(id(1)), { heartbeat: null, heartbeatAtMs: null, result: null });
        assert.equal(await mailbox.openLog(id(1), PRINCIPAL), null);
        await assert.rejects(mailbox.openOutputs(id(1)), { code: 'OBJECT_MISSING' });
        for (const call of [mailbox.cancel(id(1)), mailbox.renew(id(1))]) await call;
        assert.ok([403, 404].includes((await fetch(url)).status));
      }),
    );

    it(`MB-14 ${capabilities.hints ? 'a heartbeat and a result are hinted, a refused one is not' : 'nothing is hinted: the adapter cannot hear of it'}`, async () => {
      await withMailbox(async (mailbox) => {
        const hints: string[] = [];
        mailbox.onStaged((attemptId, kind) => hints.push(`${attemptId === id(1)} ${kind}`));
        const { put: to } = await lease(await mailbox.post(draftOf(id(1))));
        await put(to.heartbeat, beat(id(1)));
        await put(to.heartbeat, 'garbage');
        await put(to.result, 'one', true);
        await put(to.result, 'two', true);
        assert.deepEqual(hints, capabilities.hints ? ['true heartbeat', 'true result'] : []);
      })();
    });

    it(
      'MB-15 what the caller does to a draft after posting it changes nothing',
      withMailbox(async (mailbox) => {
        const draft = draftOf(id(1));
        const url = await mailbox.post(draft);
        draft.job.env.ADDED = 'x';
        assert.deepEqual((await lease(url)).job.env, {});
      }),
    );

    it(
      'MB-16 a renewal changes nothing while the URLs are good, nor for an attempt that was never posted',
      withMailbox(async (mailbox) => {
        const url = await mailbox.post(draftOf(id(1)));
        const before = await lease(url);
        await mailbox.renew(id(1));
        await mailbox.renew(id(2));
        assert.deepEqual(await lease(url), before);
      }),
    );

    it(
      'MB-30 a key is staged once, its answer is written once, and the worker takes both away',
      withMailbox(async (mailbox, { channel }) => {
        const draft = draftOf(id(1));
        const read = await lease(await mailbox.post({ ...draft, job: { ...draft.job, pipeline: SECRETIVE } }));
        const { putKey = '', deleteKey = '', getSealed = '', deleteSealed = '' } = read.channel ?? {};
        const remove = async (url: string): Promise<boolean> => (await fetch(url, { method: 'DELETE' })).ok;
        assert.equal(await channel.asked(id(1)), null);
        assert.ok([403, 404].includes((await fetch(getSealed)).status));
        assert.equal(await put(putKey, keyOf(id(1)), true), 200);
        assert.equal(await put(putKey, keyOf(id(1)), true), 412);
        assert.equal(await channel.asked(id(1)), `${'A'.repeat(42)}E=`);
        assert.equal(await channel.answer(id(1), 'sealed'), true);
        assert.equal(await channel.answer(id(1), 'another'), false);
        assert.equal(await (await fetch(getSealed)).text(), 'sealed');
        for (const url of [deleteKey, deleteSealed, deleteSealed]) assert.ok(await remove(url));
        assert.equal(await channel.asked(id(1)), null);
        assert.equal(await channel.answer(id(1), 'of one that had read the key before'), false);
        assert.ok([403, 404].includes((await fetch(getSealed)).status));
        await mailbox.close(id(1), PRINCIPAL);
        // Where the store still takes it: the URL is as good as before.
        await put(putKey, keyOf(id(1)), true).catch(() => null);
        assert.equal(await channel.answer(id(1), 'late'), false);
      }),
    );

    it(
      'MB-31 what is no key of the attempt asks for nothing, and a job without secrets has nowhere to ask',
      withMailbox(async (mailbox, { channel }) => {
        const draft = draftOf(id(1));
        const read = await lease(await mailbox.post({ ...draft, job: { ...draft.job, pipeline: SECRETIVE } }));
        assert.equal(await put(read.channel?.putKey ?? '', keyOf(id(2)), true), 200);
        assert.equal(await channel.asked(id(1)), null);
        assert.equal((await lease(await mailbox.post(draftOf(id(2))))).channel, undefined);
        assert.equal(await channel.asked(id(2)), null);
      }),
    );
  });
}
