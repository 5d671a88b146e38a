/** Whole runs of the same engine, its rows in DynamoDB instead of SQLite: the scenarios of test/flow, unchanged. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { deriveRunId } from '@waybill/verify';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { keepRows, PRINCIPAL } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
import { start } from './beds/dynamodb-local.ts';
import { clientOf, createTable } from './table.ts';

const bed = await start();
const client = clientOf(bed.url);
const tables = new Map<string, Promise<string>>();
let made = 0;

keepRows({
  async open(directory) {
    const table = `flow-${made}`;
    made += 1;
    const known = tables.get(directory) ?? createTable(client, table).then(() => table);
    tables.set(directory, known);
    return createTableRunStore({ client, table: await known, settleMs: 0 });
  },
  lose: (directory) => void tables.delete(directory),
  patienceMs: 60_000,
});

after(async () => {
  client.destroy();
  await bed.stop();
});

it('the rows of a run are in the table and nowhere else', async () => {
  await withBed({ execute: () => SUCCEEDED }, async (flow) => {
    flow.submit('s', runOf([{ id: 'x' }]));
    await finished(flow, 's');
    const table = await tables.get(flow.directory);
    assert.ok(table !== undefined);
    const run = deriveRunId(PRINCIPAL, 's');
    const rows = await createTableRunStore({ client, table }).query(`run/${run}`, { prefix: '', limit: 100 });
    assert.ok(rows.some(({ sk }) => sk === 'item/x'));
  });
});

await import('../flow/runs.test.ts');
await import('../flow/duplicates.test.ts');
await import('../flow/causal-order.test.ts');
await import('../flow/schedules.test.ts');
