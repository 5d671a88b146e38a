import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SampleLog } from '../support/sample-log.ts';
import { seededFraction } from './kill-engine.ts';
import { CARELESS, forgottenAfterKills, SOUND, startProcess, submit, type WitnessCommand } from './witness-process.ts';

const SEED = Number(process.env.WAYBILL_SEED ?? Date.now() % 2 ** 31);
const ROOM = mkdtempSync(join(tmpdir(), 'waybill-witness-'));
after(() => rmSync(ROOM, { recursive: true }));

function killing(command: WitnessCommand, name: string, kills: number) {
  const log = new SampleLog();
  return { command, directory: join(ROOM, name), log, kills, withinMs: 250, fraction: seededFraction(SEED) };
}

test('witness: killed at any moment, it remembers every checkpoint that it has answered for', async (t) => {
  const { forgotten, cosigned } = await forgottenAfterKills(killing(SOUND, 'sound', 10));
  t.diagnostic(`seed ${SEED}, ${cosigned} checkpoints cosigned`);
  assert.deepEqual(forgotten, []);
  assert.ok(cosigned > 10, `only ${cosigned} were cosigned`);
});

test('witness: one that answers before it stores is found out by the same kills', async () => {
  const { forgotten } = await forgottenAfterKills(killing(CARELESS, 'careless', 5));
  assert.ok(forgotten.length > 0);
});

const RACES = 24;

/**
 * Two processes over one state, each shown another history of every log at the same time. Resolves with how many logs
 * had two histories cosigned, and how many had one.
 */
async function race(command: WitnessCommand, name: string): Promise<{ split: number; held: number }> {
  const logs = Array.from({ length: RACES }, (_, n) => new SampleLog(`log.test/${n}`));
  const vkeys = logs.map(({ vkey }) => vkey);
  const first = await startProcess(command, join(ROOM, name), vkeys);
  const second = await startProcess(command, join(ROOM, name), vkeys);
  const counts = { split: 0, held: 0 };
  for (const log of logs) {
    const one = await log.fork(0).grow(3, 'one').request(0);
    const other = await log.fork(0).grow(3, 'other').request(0);
    const statuses = await Promise.all([submit(first, one), submit(second, other)]);
    const cosigned = statuses.filter((status) => status === 200).length;
    if (cosigned === 2) counts.split++;
    if (cosigned === 1 && statuses.includes(409)) counts.held++;
  }
  await first.kill();
  await second.kill();
  return counts;
}

test('witness: two processes over one state cosign one history between them', async () => {
  assert.deepEqual(await race(SOUND, 'two'), { split: 0, held: RACES });
});

test('witness: two that each trust their own memory are found out by the same race', async () => {
  const { split } = await race(CARELESS, 'two-careless');
  assert.ok(split > 0);
});
