import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptStatus, RunStatus, Transport } from '@waybill/client';
import { type Digest, digestOf } from '@waybill/verify';
import { at, item, runOf } from '../test/run-sample.ts';
import { followLog } from './follow-log.ts';
import { Terminal } from './terminal.ts';
import { VerbCall } from './verb.ts';

/** What is seen at one look: the run, and what each attempt has logged by then. */
interface Look {
  run: RunStatus;
  live?: Record<string, string | Uint8Array>;
}

function attempt(
  number: number,
  log?: string,
  outcome: NonNullable<AttemptStatus['outcome']> | null = 'succeeded',
): AttemptStatus {
  const begun = { attempt: number, id: `attempt-${number}`, startedAt: at(number), outputs: [] };
  if (outcome === null) return begun;
  const kept =
    log === undefined ? [] : [{ name: 'log', kind: 'log', sha256: digestOf(log), sizeBytes: log.length } as const];
  return { ...begun, endedAt: at(number + 1), outcome, reason: 'why', outputs: kept };
}

const running = (...ended: AttemptStatus[]): RunStatus =>
  runOf([item('one', 'running', { attempts: [...ended, attempt(ended.length + 1, undefined, null)] })]);
const waiting = (...ended: AttemptStatus[]): RunStatus => runOf([item('one', 'ready', { attempts: ended })]);
const done = (...ended: AttemptStatus[]): RunStatus => runOf([item('one', 'done', { attempts: ended })]);

interface Shown {
  exit: number;
  out: string;
  err: string;
  /** From which byte on the live log was asked for. */
  asked: number[];
}

async function follow(
  looks: readonly Look[],
  sealed: readonly string[],
  options: { json?: boolean; isTTY?: boolean; only?: number; isWorking?: boolean } = {},
): Promise<Shown> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  const asked: number[] = [];
  const stop = new AbortController();
  const bytesOf = async function* (content: string | Uint8Array): AsyncGenerator<Uint8Array> {
    // Piece by piece, so that a character may be cut.
    for (const byte of Buffer.from(content as string)) yield Buffer.from([byte]);
  };
  let now = 0;
  const transport: Pick<Transport, 'readStatus' | 'changes' | 'openLiveLog' | 'openArtifact'> = {
    readStatus: async () => looks[now]?.run ?? null,
    async *changes() {
      for (now = 0; now < looks.length; now += 1) yield;
      stop.abort();
    },
    async openLiveLog(id, from) {
      asked.push(from);
      const log = looks[now]?.live?.[id];
      return log === undefined ? null : bytesOf(Buffer.from(log as string).subarray(from));
    },
    async openArtifact(digest: Digest) {
      const found = sealed.find((log) => digestOf(log) === digest);
      assert.ok(found !== undefined);
      return bytesOf(found);
    },
  };
  const sink = (chunks: Buffer[]) => ({
    isTTY: options.isTTY === true,
    write: (chunk: string | Uint8Array): boolean => chunks.push(Buffer.from(chunk as string)) > 0,
  });
  const terminal = new Terminal({ out: sink(out), err: sink(err), env: {}, json: options.json === true, plain: false });
  const target = { isWorking: () => options.isWorking !== false } as VerbCall['target'];
  const place = { terminal, target, env: {}, home: {} as VerbCall['home'], interruption: () => stop.signal };
  const exit = await followLog(new VerbCall(place, [], { json: options.json === true }), {
    transport: transport as Transport,
    ref: { principal: 'uid-0', submissionId: 'x' },
    item: 'one',
    ...(options.only === undefined ? {} : { only: options.only }),
  });
  return { exit, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString(), asked };
}

test('follow log: what comes is shown once, and the rest from what was kept', async () => {
  const log = 'one\ntwo\nthree\n';
  const looks = [
    { run: waiting() },
    { run: running() },
    { run: running(), live: { 'attempt-1': 'one\n' } },
    { run: running(), live: { 'attempt-1': 'one\ntwo\n' } },
    { run: done(attempt(1, log)) },
  ];
  const { exit, out, err, asked } = await follow(looks, [log]);
  assert.deepEqual([exit, out, asked], [0, log, [0, 0, 4]]);
  assert.equal(err, 'waybill: attempt 1 ended as succeeded (why)\n');
});

test('follow log: it goes on with the next attempt, until the item has ended', async () => {
  const [first, second] = ['red\n', 'green\n'];
  const failed = attempt(1, first, 'failed');
  const looks = [
    { run: running(), live: { 'attempt-1': 're' } },
    { run: waiting(failed) },
    { run: waiting(failed) },
    { run: running(failed), live: { 'attempt-2': 'gr' } },
    { run: done(failed, attempt(2, second)) },
    { run: done() },
  ];
  const { exit, out, err } = await follow(looks, [first, second]);
  assert.deepEqual([exit, out], [0, 'red\ngreen\n']);
  assert.equal(err, 'waybill: attempt 1 ended as failed (why)\nwaybill: attempt 2 ended as succeeded (why)\n');
});

test('follow log: of an item with attempts behind it the newest is shown, and with a number that one alone', async () => {
  const [first, second] = ['red\n', 'green\n'];
  const looks = [{ run: done(attempt(1, first, 'failed'), attempt(2, second)) }];
  assert.equal((await follow(looks, [first, second])).out, second);
  assert.equal((await follow(looks, [first, second], { only: 1 })).out, first);
});

test('follow log: where a worker showed something else than was kept, all of what was kept follows, with a word', async () => {
  for (const shown of ['on\n', 'one\ntwo\nand more\n']) {
    const looks = [{ run: running(), live: { 'attempt-1': shown } }, { run: done(attempt(1, 'one\ntwo\n')) }];
    const { out, err } = await follow(looks, ['one\ntwo\n']);
    assert.equal(out, `${shown}one\ntwo\n`);
    assert.match(err, /what was shown so far is not what was kept/);
  }
});

test('follow log: a log that shrinks, and a mailbox that is gone before the status says so, lose nothing', async () => {
  const log = 'one\ntwo\nthree\n';
  const looks = [
    { run: running(), live: { 'attempt-1': 'one\ntwo\n' } },
    { run: running(), live: { 'attempt-1': '' } },
    { run: running() },
    { run: done(attempt(1, log)) },
  ];
  assert.equal((await follow(looks, [log])).out, log);
});

test('follow log: an attempt that left none is said to have left none', async () => {
  const { out, err } = await follow([{ run: done(attempt(1, undefined, 'lost')) }], []);
  assert.equal(out, '');
  assert.match(err, /^waybill: attempt 1 it left no log that was kept\nwaybill: attempt 1 ended as lost/);
});

test('follow log: as JSON each line is an object, whatever it was cut into', async () => {
  const log = 'Zoë\n\nno end';
  const looks = [
    { run: running(), live: { 'attempt-1': Buffer.from(log).subarray(0, 3) } },
    { run: done(attempt(1, log)) },
  ];
  const { out, err } = await follow(looks, [log], { json: true });
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      ...['Zoë', '', 'no end'].map((line) => ({ type: 'line', attempt: 1, line })),
      { type: 'attempt', attempt: 1, outcome: 'succeeded', reason: 'why' },
    ],
  );
  assert.equal(err, '');
});

test('follow log: on a terminal nothing that a block wrote acts on it', async () => {
  const log = 'Zoë \x1b[2J\n';
  const { out } = await follow([{ run: done(attempt(1, log)) }], [log], { isTTY: true });
  assert.match(out, /^Zoë /);
  assert.equal(out.includes('\x1b'), false);
  assert.equal((await follow([{ run: done(attempt(1, log)) }], [log])).out, log);
});

test('follow log: it ends where nobody works on the run, and at an interruption', async () => {
  const looks = [{ run: running() }, { run: running() }];
  const left = await follow(looks, [], { isWorking: false });
  assert.deepEqual([left.exit, left.asked], [5, [0]]);
  assert.match(left.err, /no engine works on the run.*`waybill watch [0-9a-f]{12}`/);
  assert.equal((await follow(looks, [])).exit, 130);
});
