/** How runs come and grow, their rows in DynamoDB instead of SQLite: scenarios of test/flow, unchanged. */
import { it } from 'node:test';
import { keepRowsInTables, playOnTable, requireRowsIn } from './flow-rows.ts';

const tables = await keepRowsInTables();

it('the rows of a run are in the table and nowhere else', () => requireRowsIn(tables));

await playOnTable('growth-on-table');
