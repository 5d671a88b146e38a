/**
 * Simulated histories, with schedules, queues that change and results that are used again: DynamoDB does each of their reads and
 * transactions too, and must come to the same.
 */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { liveSeed } from '../simulation/world.ts';
import { start } from './beds/dynamodb-local.ts';
import { clientOf, createTable } from './table.ts';

const SEEDS = [21, 79, 106];
const bed = await start();
const client = clientOf(bed.url);

after(async () => {
  client.destroy();
  await bed.stop();
});

for (const seed of SEEDS) {
  it(`DynamoDB answers every call of simulated seed ${seed} as the simulated table does`, async () => {
    const table = `seed-${seed}`;
    await createTable(client, table);
    const outcome = await liveSeed({ seed, mirror: createTableRunStore({ client, table, settleMs: 0 }) });
    assert.equal(outcome.violation, null);
    assert.ok(outcome.commits > 0);
  });
}
