import assert from 'node:assert/strict';
import { test } from 'node:test';
import { start } from './beds/dynamodb-local.ts';

test('bed: DynamoDB Local answers, and is gone when it is stopped', async () => {
  const bed = await start();
  const answer = await fetch(bed.url, { method: 'POST', headers: { 'X-Amz-Target': 'DynamoDB_20120810.ListTables' } });
  assert.equal(answer.status, 400, 'a call without credentials is refused');
  await bed.stop();
  await assert.rejects(fetch(bed.url));
});
