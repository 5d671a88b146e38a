import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pauseMs, startLiveLog } from './live-log.ts';
import { createLogFile, type LogFile } from './log-file.ts';
import type { Body } from './mailbox-client.ts';

async function textOf(body: Body): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.open()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function withLog(work: (log: LogFile) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-log-'));
  const log = createLogFile(join(directory, 'log'), 1_000);
  try {
    await work(log);
  } finally {
    log.close();
    rmSync(directory, { recursive: true });
  }
}

describe('live log:', () => {
  it('is put whole whenever it has grown, and not when it has not', () =>
    withLog(async (log) => {
      const shown: string[] = [];
      const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const live = startLiveLog(
        async (body) => {
          shown.push(await textOf(body));
          arrived[shown.length - 1]?.resolve();
        },
        log,
        1,
      );
      log.write('one\n');
      await arrived[0]?.promise;
      log.write('two\n');
      await arrived[1]?.promise;
      await live.end();
      log.write('three\n');
      assert.deepEqual(shown, ['one\n', 'one\ntwo\n']);
    }));

  it('an end waits for the PUT that is under way, and no other follows', () =>
    withLog(async (log) => {
      const [begun, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let puts = 0;
      const live = startLiveLog(
        async () => {
          puts += 1;
          begun.resolve();
          await answered.promise;
        },
        log,
        1,
      );
      log.write('one\n');
      await begun.promise;
      log.write('two\n');
      let hasEnded = false;
      const ending = live.end().then(() => {
        hasEnded = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(hasEnded, false);
      answered.resolve();
      await ending;
      assert.equal(puts, 1);
    }));

  it('with leases of five minutes an attempt of a minute puts none, and one of an hour at most 144', () => {
    const within = (durationMs: number): number => {
      let puts = 0;
      for (let atMs = pauseMs(100_000, 0, 0); atMs < durationMs; atMs += pauseMs(100_000, atMs, 0)) puts += 1;
      return puts;
    };
    assert.deepEqual([within(60_000), within(3_600_000)], [0, 144]);
  });

  it('a long attempt and a long log are put less often, and never less than six times so', () => {
    assert.equal(pauseMs(1_500, 0, 0), 1_000);
    assert.equal(pauseMs(1_000, 1_000, 0), 1_000);
    assert.equal(pauseMs(1_000, 1_000, 1_024 * 1_024), 2_048);
    assert.equal(pauseMs(1_000, 1_000, 4 * 1_024 * 1_024), 6_000);
    assert.equal(pauseMs(1_000, 3_600_000, 0), 6_000);
    assert.equal(pauseMs(100_000, 3_600_000, 0), 30_000);
  });
});
