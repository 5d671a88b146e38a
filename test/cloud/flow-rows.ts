/** The rows of every bed that a process opens, in tables of DynamoDB Local. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { deriveRunId } from '@waybill/verify';
import { createTableRunStore } from '#adapters/aws/run-store.ts';
import { keepRows, PRINCIPAL } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';
import { start } from './beds/dynamodb-local.ts';
import { clientOf, createTable } from './table.ts';

/** It answers some hundred times a second, and a machine does other things beside it. */
const PATIENCE_MS = 240_000;
const LOOK_MS = 50;

/** Scenarios of test/flow that say something about rows, by the file here that plays them. */
export const SCENARIOS = {
  'flow-on-table': [
    'runs',
    'duplicates',
    'causal-order',
    'schedules',
    'schedule-repair',
    'fan-in',
    'queues',
    'locks',
    'caps',
  ],
  'control-on-table': ['abort', 'cancel', 'gates', 'questions', 'requeue', 'retry', 'retry-races', 'reviews', 'steer'],
  'growth-on-table': [
    'admission',
    'conditions',
    'effects',
    'effects-intents',
    'extend',
    'left-locks',
    'overruns',
    'spawn',
    'sequence',
    'stop-notices',
  ],
} as const;

/** Their rows have been put into tables before. */
export async function playOnTable(file: keyof typeof SCENARIOS): Promise<void> {
  for (const name of SCENARIOS[file]) await import(`../flow/${name}.test.ts`);
}

export interface FlowTables {
  client: DynamoDBClient;
  /** Of the bed in this directory. */
  tableOf(directory: string): Promise<string>;
}

/** Until the tests of this process are over. */
export async function keepRowsInTables(): Promise<FlowTables> {
  const bed = await start();
  const client = clientOf(bed.url);
  const tables = new Map<string, Promise<string>>();
  let made = 0;
  const tableOf = (directory: string): Promise<string> => {
    const known = tables.get(directory);
    if (known !== undefined) return known;
    made += 1;
    const table = `flow-${made}`;
    const created = createTable(client, table).then(() => table);
    tables.set(directory, created);
    return created;
  };
  keepRows({
    open: async (directory) => createTableRunStore({ client, table: await tableOf(directory), settleMs: 0 }),
    lose: (directory) => void tables.delete(directory),
    patienceMs: PATIENCE_MS,
    lookMs: LOOK_MS,
  });
  after(async () => {
    client.destroy();
    await bed.stop();
  });
  return { client, tableOf };
}

/** What follows in this process would be as green over SQLite. */
export async function requireRowsIn({ client, tableOf }: FlowTables): Promise<void> {
  await withBed({ execute: () => SUCCEEDED }, async (flow) => {
    flow.submit('s', runOf([{ id: 'x' }]));
    await finished(flow, 's');
    const store = createTableRunStore({ client, table: await tableOf(flow.directory) });
    const rows = await store.query(`run/${deriveRunId(PRINCIPAL, 's')}`, { prefix: '', limit: 100 });
    assert.ok(rows.some(({ sk }) => sk === 'item/x'));
  });
}
