/** Whole runs of the same engine, its rows in DynamoDB instead of SQLite: the scenarios of test/flow, unchanged. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { keepRowsInTables, playOnTable, requireRowsIn, SCENARIOS } from './flow-rows.ts';

/** The others, and why not. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  agents: 'it is about what workers claim, which the store does not change',
  'ask-witness': 'it has no rows but those of the log, and no runs',
  attestations: 'it reads what was sealed, which the store does not change',
  callbacks: 'only the engine of a machine sends them',
  capabilities: 'it is about what clients look up, and what workers are told',
  charges: 'it reckons what is charged, which the store does not change; overruns has its rows',
  checkpoints: 'what is kept is one field of rows that retry has too',
  costs: 'it counts transactions, which are the same; costs-page.test.ts has their prices',
  crash: 'its engine is another process, over the local store',
  'damaged-store': 'the file of the local store is damaged',
  deferral: 'its minutes pass in tenths of a second, which a table takes for a claim',
  'driven-by-rows': 'its stream is made from the rows that a local store has written',
  durability: 'the local store is cut off between its group commits; a table is durable when it answers',
  'effects-reads': 'it is about what is pinned when a run is submitted, and what workers are told',
  egress: 'it is about what is refused when a run is submitted, and what workers are told',
  environments: 'it is about what workers are told',
  'extend-rows': 'it makes rows as large as the local store takes them',
  'flow-form': 'it compiles documents',
  'full-record': 'it makes rows as large as the local store takes them',
  'hostile-results': 'it is about what workers say',
  inbox: 'it is about the inbox of a directory',
  isolation: 'it is about what workers are told',
  'keys-command': 'its command opens a local store',
  keys: 'it is about the signer',
  'lost-keys': 'it is about the signer',
  models: 'it is about what is refused when a run is submitted or added to, and what workers are told',
  'open-set': 'it makes thousands of additions, and says how large one row is',
  publish: 'it is about the ledger, and opens local stores',
  recover: 'what is recovered is a local store',
  release: 'only the engine of a machine gives secrets',
  'row-changes': 'it compares what is done with what the rows ask for, whatever holds them',
  'schedule-alarms': 'it is about the scheduler',
  'schedule-triggers': 'it counts objects of the inbox, whatever holds the rows',
  'shown-logs': 'it is about what workers show while they run',
  'stale-lists': 'it holds the answer of one query, and makes the second engine itself',
  'stale-timers': 'it writes rows into a local store',
  status: 'it is about what clients are shown',
  stop: 'it counts what a witness is asked while an engine stops, which takes the longer the further away rows are',
  'typed-outputs': 'it is about what is done with outputs, which the store does not change',
  'verdict-command': 'it is about what a command shows and asks',
  'witnessed-history': 'it has no rows but those of the log, and no runs',
};

const tables = await keepRowsInTables();

it('the rows of a run are in the table and nowhere else', () => requireRowsIn(tables));

it('every scenario of test/flow runs on the table, or it is said why not', () => {
  const files = readdirSync(join(import.meta.dirname, '..', 'flow'));
  const all = files.filter((name) => name.endsWith('.test.ts')).map((name) => name.replace('.test.ts', ''));
  const named = [...Object.values(SCENARIOS).flat(), ...Object.keys(ELSEWHERE)];
  assert.deepEqual(named.toSorted(), all.toSorted());
});

await playOnTable('flow-on-table');
