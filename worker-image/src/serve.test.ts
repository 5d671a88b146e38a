import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import type { AttemptEnd } from './attempt.ts';
import { type Serving, serve } from './serve.ts';
import { createStopRequest, type StopRequest } from './stop-request.ts';

const WELL: AttemptEnd = { exit: WORKER_EXIT.finished, isShareable: true };

interface Served {
  exit: number;
  /** Ids of the attempts that ran. */
  ran: string[];
  answered: string;
}

/** As the worker does it, with attempts that do nothing; 1 where it did not end by itself. */
const SERVES = `
import { serve } from ${JSON.stringify(import.meta.resolve('./serve.ts'))};
import { createStopRequest } from ${JSON.stringify(import.meta.resolve('./stop-request.ts'))};
const of = { first: createStopRequest(), stocktaking: async () => null, run: async () => (${JSON.stringify(WELL)}) };
setTimeout(() => process.exit(1), 15_000);
await serve({ orders: process.stdin, answers: process.stdout }, of);
`;

/** Orders three attempts that may share a process, the last of which is the last one. */
async function served(
  run: (attemptId: string, stop: StopRequest, ends: () => void) => Promise<AttemptEnd>,
  { first = createStopRequest(), stocktaking = async () => null }: Partial<Serving> = {},
  ordered = 'a1 http://one stay\na2 http://two stay\na3 http://three\n',
): Promise<Served> {
  const [orders, answers] = [new PassThrough(), new PassThrough()];
  orders.write(ordered);
  const ran: string[] = [];
  const exit = await serve(
    { orders, answers },
    {
      first,
      stocktaking,
      run: async ({ attemptId }, stop, ends) => {
        ran.push(attemptId);
        return await run(attemptId, stop, ends);
      },
    },
  );
  return { exit, ran, answered: String(answers.read() ?? '') };
}

describe('serve:', () => {
  it('attempts are served one after another, and each but the last is answered', async () => {
    const stops = new Set<StopRequest>();
    const end = await served(async (_id, stop) => {
      stops.add(stop);
      return WELL;
    });
    assert.deepEqual(end, { exit: 0, ran: ['a1', 'a2', 'a3'], answered: 'a1 0\na2 0\n' });
    assert.equal(stops.size, 3);
  });

  it('that an attempt ends is said where the process may stay, and nowhere else', async () => {
    const endsFirst = async (_id: string, _stop: StopRequest, ends: () => void): Promise<AttemptEnd> => {
      ends();
      return WELL;
    };
    assert.equal((await served(endsFirst)).answered, 'a1 ends\na1 0\na2 ends\na2 0\n');
    assert.equal((await served(endsFirst, { stocktaking: null })).answered, '');
  });

  for (const [title, second] of [
    ['has a job for a process of its own', { ...WELL, isShareable: false }],
    ['has not ended well', { ...WELL, exit: WORKER_EXIT.failed }],
    ['was to ask', { ...WELL, exit: WORKER_EXIT.needsInput }],
  ] as const) {
    it(`the process ends with an attempt that ${title}, whatever was ordered`, async () => {
      const end = await served(async (id) => (id === 'a2' ? second : WELL));
      assert.deepEqual(end, { exit: second.exit, ran: ['a1', 'a2'], answered: 'a1 0\n' });
    });
  }

  it('the process ends with an attempt that was told to stop, also where that came too late for it', async () => {
    const end = await served(async (id, stop) => {
      if (id === 'a2') stop.stop('cancelled');
      return WELL;
    });
    assert.deepEqual(end, { exit: 0, ran: ['a1', 'a2'], answered: 'a1 0\n' });
  });

  it('the process ends with an attempt after which it is not as it was, or where nobody can tell', async () => {
    let taken = 0;
    const stocktaking = async () => (++taken === 2 ? ('descriptors' as const) : null);
    assert.deepEqual((await served(async () => WELL, { stocktaking })).ran, ['a1', 'a2']);
    assert.deepEqual((await served(async () => WELL, { stocktaking: null })).ran, ['a1']);
  });

  it('the process ends with an attempt that threw', async () => {
    const thrown = served(async () => {
      throw new RangeError('of the attempt');
    });
    await assert.rejects(thrown, /of the attempt/);
  });

  it('the process ends well when the engine says that none follows', async () => {
    const end = await served(async () => WELL, {}, 'a1 http://one stay\nend\n');
    assert.deepEqual(end, { exit: 0, ran: ['a1'], answered: 'a1 0\n' });
  });

  for (const [title, end, exit] of [
    ['that is told to stop', (child: ChildProcess) => child.kill('SIGTERM'), WORKER_EXIT.cancelled],
    ['whose engine goes', (child: ChildProcess) => child.stdin?.end(), WORKER_EXIT.finished],
  ] as const) {
    it(`a process between two attempts ${title} ends at once`, { timeout: 60_000 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', SERVES], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      child.stdin.write('a1 http://one stay\n');
      await once(child.stdout, 'data');
      end(child);
      assert.deepEqual(await ended, [exit, null]);
    });
  }

  it('an attempt that was told to stop before it was ordered is told so', async () => {
    const first = createStopRequest();
    first.stop('cancelled');
    const reasons: unknown[] = [];
    await served(
      async (_id, stop) => {
        reasons.push(stop.reason());
        return WELL;
      },
      { first },
    );
    assert.deepEqual(reasons, ['cancelled']);
  });
});
