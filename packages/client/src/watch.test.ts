import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import { AnsweringEngine } from '../test/answering-engine.ts';
import { tempDir } from '../test/git-sample.ts';
import { DirectoryTransport } from './directory-transport.ts';
import type { RunStatus } from './documents.ts';
import { findRun, listRuns } from './runs.ts';
import { watchRun } from './watch.ts';

function bench(context: TestContext): { transport: DirectoryTransport; engine: AnsweringEngine } {
  const root = tempDir(context);
  return { transport: new DirectoryTransport(root, { pollMs: 10 }), engine: new AnsweringEngine(root) };
}

function statusOf(transport: DirectoryTransport, submissionId: string, more: Partial<RunStatus> = {}): RunStatus {
  const { principal } = transport;
  const run = deriveRunId(principal, submissionId);
  const counts = {
    pending: 0,
    ready: 0,
    running: 0,
    suspended: 0,
    done: 0,
    failed: 0,
    skipped: 0,
    cancelled: 0,
    denied: 0,
  };
  const at = '2026-01-01T00:00:00.000Z';
  return {
    v: 1,
    run,
    name: 'x',
    queue: 'default',
    principal,
    submissionId,
    state: 'running',
    at,
    openedAt: at,
    counts: { ...counts, items: 0, attempts: 0, retries: 0 },
    items: [],
    warnings: [],
    ...more,
  };
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const value of values) seen.push(value);
  return seen;
}

test('watch: every change is told once, the end of the run is not enough, its seal is', {
  timeout: 10_000,
}, async (context) => {
  const { transport, engine } = bench(context);
  const ref = { principal: transport.principal, submissionId: 'job' };
  const steps: Partial<RunStatus>[] = [
    { state: 'running' },
    { state: 'failed', completedAt: 'then' },
    { state: 'failed', completedAt: 'then', sealedAt: 'later' },
  ];
  const seen: string[] = [];
  setTimeout(() => engine.publish(statusOf(transport, 'job', steps[0])), 20);
  for await (const status of watchRun(transport, ref)) {
    seen.push(`${status.state} ${status.sealedAt ?? 'open'}`);
    const next = steps[seen.length];
    if (next) setTimeout(() => engine.publish(statusOf(transport, 'job', next)), 30);
  }
  assert.deepEqual(seen, ['running open', 'failed open', 'failed later']);
});

test('watch: a run that ended long ago is told once; an aborted watch ends without an error', async (context) => {
  const { transport, engine } = bench(context);
  engine.publish(statusOf(transport, 'old', { state: 'done', sealedAt: 'x' }));
  const seen = await all(watchRun(transport, { principal: transport.principal, submissionId: 'old' }));
  assert.equal(seen.length, 1);
  const never = watchRun(
    transport,
    { principal: transport.principal, submissionId: 'none' },
    { signal: AbortSignal.timeout(40) },
  );
  assert.deepEqual(await all(never), []);
});

test('runs: a run is found by submission, by id and by the unique beginning of its id', async (context) => {
  const { transport, engine } = bench(context);
  const statuses = ['one', 'two', 'three'].map((id) => statusOf(transport, id));
  for (const status of statuses) engine.publish(status);
  assert.equal((await listRuns(transport, 10)).length, 3);
  const [one] = statuses;
  assert.ok(one);
  const ref = { principal: transport.principal, submissionId: 'one' };
  for (const text of ['one', one.run, one.run.slice(0, 8)]) assert.deepEqual(await findRun(transport, text), ref);
  for (const text of ['four', one.run.slice(0, 3), '../one', '', 'f'.repeat(32)]) {
    await assert.rejects(findRun(transport, text), { code: 'RUN_UNKNOWN' }, text);
  }
});

test('runs: a beginning that two runs share names neither', async (context) => {
  const { transport, engine } = bench(context);
  for (const id of ['one', 'two'])
    engine.publish(statusOf(transport, id, { run: `abcd${id.charCodeAt(0)}`.padEnd(32, '0') }));
  await assert.rejects(findRun(transport, 'abcd'), { code: 'RUN_UNKNOWN', problem: 'several runs have the id "abcd"' });
});
