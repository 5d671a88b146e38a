import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryableError } from '@waybill/client/errors';
import { lambdaFunction } from './function.ts';

interface Embedded {
  CloudWatchMetrics: { Dimensions: string[][] }[];
}

const CONTEXT = {
  awsRequestId: 'r',
  functionName: 'f',
  functionVersion: '1',
  memoryLimitInMB: '1',
  invokedFunctionArn: 'a',
};

/** What is printed meanwhile: logs and metrics are lines of JSON. */
async function printed(act: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const { log, error, info } = console;
  const keep = (line: string): void => void lines.push(line);
  Object.assign(console, { log: keep, error: keep, info: keep });
  const write = process.stdout.write;
  const writeError = process.stderr.write;
  const take = ((chunk: string | Uint8Array) => lines.push(String(chunk)) > 0) as typeof process.stdout.write;
  process.stdout.write = take;
  process.stderr.write = take;
  try {
    await act();
  } finally {
    process.stdout.write = write;
    process.stderr.write = writeError;
    Object.assign(console, { log, error, info });
  }
  return lines
    .flatMap((line) => line.split('\n'))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

describe('the stack around a handler', () => {
  it('what a cold start made is kept; one that failed is tried again', async () => {
    let opened = 0;
    const handler = lambdaFunction(
      'seal',
      async () => {
        opened += 1;
        if (opened === 1) throw new RetryableError({ code: 'STORE_BUSY', path: 'p', problem: 'is away', fix: 'Wait.' });
        return opened;
      },
      async (made, event) => [made, event],
    );
    const lines = await printed(async () => {
      await assert.rejects(handler({ n: 1 }, CONTEXT as never), { code: 'STORE_BUSY' });
      assert.deepEqual(await handler({ n: 2 }, CONTEXT as never), [2, { n: 2 }]);
      assert.deepEqual(await handler({ n: 3 }, CONTEXT as never), [2, { n: 3 }]);
    });
    const failure = lines.find(({ code }) => code === 'STORE_BUSY');
    assert.ok(failure, JSON.stringify(lines));
    assert.deepEqual([failure.stage, failure.fix, failure.retryable], ['seal', 'Wait.', true]);
  });

  it('trouble and malformed records are counted where alarms look', async () => {
    process.env.WAYBILL_DEPLOYMENT = 'second';
    const handler = lambdaFunction(
      'settle',
      async () => null,
      async (_made, _event, told) => {
        told.trouble('message 1', new RangeError('no'));
        told.trouble('message 2', new RangeError('no'));
        told.malformed('message 3', 'x'.repeat(10_000));
      },
    );
    const lines = await printed(() => handler({}, CONTEXT as never));
    const metrics = lines.filter((line) => '_aws' in line);
    assert.equal(metrics.length, 1);
    assert.deepEqual([[metrics[0]?.Trouble].flat().length, [metrics[0]?.Malformed].flat().length], [2, 1]);
    assert.deepEqual([metrics[0]?.service, metrics[0]?.deployment], ['settle', 'second']);
    const [embedded] = metrics;
    assert.ok(embedded);
    const [described] = (embedded._aws as Embedded).CloudWatchMetrics;
    assert.deepEqual(
      described?.Dimensions.map((names) => names.toSorted()),
      [['deployment', 'service']],
    );
    assert.ok(
      lines.every((line) => JSON.stringify(line).length < 4_000),
      'what a stranger wrote is cut short',
    );
  });

  it('a handler that waits for nothing but a timer that keeps no process alive comes to its end', async () => {
    const handler = lambdaFunction(
      'slot',
      async () => null,
      () =>
        new Promise((resolve) => {
          setTimeout(() => resolve('woke'), 30).unref();
        }),
    );
    assert.equal(await handler({}, CONTEXT as never), 'woke');
  });
});
