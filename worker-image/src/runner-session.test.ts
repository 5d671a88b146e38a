import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AttemptEnded } from './attempt-ended.ts';
import { MAX_ANSWER_BYTES, MAX_OUTPUT_BYTES, type Order } from './runner-protocol.ts';
import { openRunner, type RunnerCommand, type RunnerPatience, type RunnerSession } from './runner-session.ts';

/** What a runner does when it hears an order; it has said `ready` before. */
type Runner = (order: Order, say: (message: object | string) => void, socket: Socket) => void;

const quiet: Runner = () => {};
const honest: Runner = (order, say) => {
  if (order.say === 'ping') say({ v: 1, say: 'pong', n: order.n });
  if (order.say !== 'run') return;
  say({ v: 1, say: 'started', order: order.order });
  say({ v: 1, say: 'output', order: order.order, bytes: Buffer.from('hello').toString('base64') });
  say({ v: 1, say: 'ended', order: order.order, exit: 7 });
};
/** Answers `run` with these lines. */
const saying =
  (...lines: (object | string)[]): Runner =>
  (order, say) => {
    if (order.say === 'run') for (const line of lines) say(line);
  };
const started = { v: 1, say: 'started', order: 1 };
const ended = { v: 1, say: 'ended', order: 1, exit: 0 };
const output = (bytes: string, more: object = {}): object => ({ v: 1, say: 'output', order: 1, bytes, ...more });

async function withRunner(
  runner: Runner,
  use: (session: RunnerSession) => Promise<void>,
  { patience = {}, greeting = '{"v":1,"say":"ready"}\n' }: { patience?: RunnerPatience; greeting?: string | null } = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-runner-'));
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    const say = (message: object | string): void => {
      socket.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
    };
    if (greeting === null) socket.destroy();
    else say(greeting);
    let heard = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
      const lines = heard.split('\n');
      heard = lines.pop() ?? '';
      for (const line of lines) runner(JSON.parse(line), say, socket);
    });
  });
  const path = join(directory, 'socket');
  await new Promise<void>((resolve) => server.listen(path, () => resolve()));
  let session: RunnerSession | undefined;
  try {
    session = await openRunner(path, new AbortController().signal, patience);
    await use(session);
  } finally {
    session?.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  }
}

function commandOf(more: Partial<RunnerCommand> = {}): RunnerCommand {
  const { signal } = new AbortController();
  return { argv: ['true'], cwd: '/', env: {}, signal, forceAtOnce: () => false, onOutput: () => {}, ...more };
}

const named = (reason: string) => (error: unknown) =>
  error instanceof AttemptEnded && error.reason === reason && error.outcome === 'failed';

describe('runner session:', () => {
  it('an honest runner is heard: what a block said, and its exit, block after block', async () => {
    await withRunner(honest, async (session) => {
      for (let n = 0; n < 2; n += 1) {
        const said: string[] = [];
        const end = await session.run(commandOf({ onOutput: (bytes) => said.push(Buffer.from(bytes).toString()) }));
        assert.deepEqual([end, said], [{ exit: 7, timedOut: false }, ['hello']]);
      }
    });
  });

  for (const [title, runner, reason] of [
    ['dies in a block', (order, _, socket) => void (order.say === 'run' && socket.destroy()), 'runner_lost'],
    ['closes its side in a block', (order, _, socket) => void (order.say === 'run' && socket.end()), 'runner_lost'],
    ['says what is no JSON', saying('hello\n'), 'runner_protocol'],
    ['says what is no text', saying('"\ud800"\n'), 'runner_protocol'],
    ['says a JSON value that is no object', saying('null\n'), 'runner_protocol'],
    ['says a word that nobody knows', saying({ v: 1, say: 'sudo' }), 'runner_protocol'],
    ['says a word of every object', saying({ v: 1, say: 'constructor' }), 'runner_protocol'],
    ['speaks another version', saying({ ...started, v: 2 }), 'runner_protocol'],
    ['adds a key', saying({ ...started, outcome: 'succeeded' }), 'runner_protocol'],
    ['leaves a key out', saying({ v: 1, say: 'started' }), 'runner_protocol'],
    ['gives orders', saying({ v: 1, say: 'end', order: 1 }), 'runner_protocol'],
    ['is ready twice', saying({ v: 1, say: 'ready' }), 'runner_protocol'],
    ['starts twice', saying(started, started), 'runner_protocol'],
    ['ends what it has not started', saying(ended), 'runner_protocol'],
    ['speaks of another block', saying({ ...started, order: 2 }), 'runner_protocol'],
    ['outputs before it started', saying(output('aGk=')), 'runner_protocol'],
    ['outputs nothing', saying(started, output('')), 'runner_protocol'],
    ['outputs what is no base64', saying(started, output('a?')), 'runner_protocol'],
    ['outputs base64 that is not its own', saying(started, output('aGl=')), 'runner_protocol'],
    [
      'outputs too much in a line',
      saying(started, output(Buffer.alloc(MAX_OUTPUT_BYTES + 1).toString('base64'))),
      'runner_protocol',
    ],
    ['exits with a text', saying(started, { ...ended, exit: '0' }), 'runner_protocol'],
    ['exits with what no process can', saying(started, { ...ended, exit: 256 }), 'runner_protocol'],
    ['answers a ping that was not sent', saying({ v: 1, say: 'pong', n: 1 }), 'runner_protocol'],
    ['never ends its line', saying('x'.repeat(MAX_ANSWER_BYTES + 1)), 'runner_protocol'],
    ['sends a line that is too long', saying(`${'x'.repeat(MAX_ANSWER_BYTES + 1)}\n`), 'runner_protocol'],
  ] as [string, Runner, string][]) {
    it(`a runner that ${title} ends the attempt as ${reason}`, async () => {
      await withRunner(runner, (session) => assert.rejects(session.run(commandOf()), named(reason)));
    });
  }

  for (const [title, line] of [
    ['answers twice', ended],
    ['outputs after the end', output('aGk=')],
  ] as const) {
    it(`a runner that ${title} has said how that block ended, and runs no other`, async () => {
      await withRunner(saying(started, ended, line), async (session) => {
        assert.deepEqual(await session.run(commandOf()), { exit: 0, timedOut: false });
        await assert.rejects(session.run(commandOf()), named('runner_protocol'));
      });
    });
  }

  it('a runner that answers no ping ends the attempt as runner_silent, one that does goes on', async () => {
    const patience = { pongMs: 40 };
    const slow: Runner = (order, say) => {
      if (order.say !== 'run') return honest(order, say, null as never);
      say(started);
      setTimeout(() => say(ended), 200);
      return undefined;
    };
    await withRunner(slow, async (session) => assert.equal((await session.run(commandOf())).exit, 0), { patience });
    await withRunner(quiet, (session) => assert.rejects(session.run(commandOf()), named('runner_silent')), {
      patience,
    });
  });

  it('a runner that ends no block when told to ends the attempt as runner_silent', async () => {
    const patience = { endedMs: 30 };
    await withRunner(
      saying(started),
      async (session) => {
        await assert.rejects(session.run(commandOf({ timeoutMs: 20 })), named('runner_silent'));
      },
      { patience },
    );
  });

  it('a block over its time is ended by the clock of this side, however much the runner says meanwhile', async () => {
    const heard: string[] = [];
    let flood: NodeJS.Timeout | undefined;
    const flooding: Runner = (order, say) => {
      heard.push(order.say);
      if (order.say === 'run') {
        say(started);
        const line = `${JSON.stringify(output(Buffer.alloc(MAX_OUTPUT_BYTES).toString('base64')))}\n`;
        flood = setInterval(() => say(line.repeat(20)), 1);
      } else if (order.say === 'end') {
        clearInterval(flood);
        say({ ...ended, exit: 143 });
      }
    };
    await withRunner(flooding, async (session) => {
      let outputBytes = 0;
      const onOutput = (bytes: Uint8Array): void => {
        outputBytes += bytes.length;
      };
      const end = await session.run(commandOf({ timeoutMs: 50, onOutput }));
      assert.deepEqual([end, heard], [{ exit: 143, timedOut: true }, ['run', 'end']]);
      assert.ok(outputBytes > MAX_OUTPUT_BYTES);
    });
  });

  for (const [title, greeting, reason] of [
    ['closes at once', null, 'runner_lost'],
    ['says nothing', '', 'runner_unreachable'],
    ['begins with something else', '{"v":1,"say":"pong","n":1}\n', 'runner_protocol'],
  ] as const) {
    it(`a runner that ${title} is not taken for one: ${reason}`, async () => {
      const patience = { readyMs: 50 };
      await assert.rejects(
        withRunner(quiet, async () => assert.fail('it was taken for one'), { greeting, patience }),
        named(reason),
      );
    });
  }

  it('no runner at all is runner_unreachable after the time that it has to come up', async () => {
    const path = join(tmpdir(), 'waybill-nobody', 'socket');
    await assert.rejects(
      openRunner(path, new AbortController().signal, { connectMs: 60 }),
      named('runner_unreachable'),
    );
  });
});
