import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectsCreated, objectsOf, toldOf } from './platform-events.ts';

const KEY = 'inbox/default/AROAEXAMPLEROLEID1234:me+you@example.com/one.json';
const of = (message: object): ReturnType<typeof objectsOf> => objectsOf(objectsCreated.parse(message));

test('events of S3: keys are decoded as S3 encodes them, and versions come along', () => {
  const object = { key: 'inbox/default/AROAEXAMPLEROLEID1234%3Ame%2Byou%40example.com/a+b.json', versionId: 'v1' };
  const message = { Records: [{ eventName: 'ObjectCreated:Put', s3: { bucket: { name: 'b' }, object } }] };
  assert.deepEqual(of(message), [{ key: KEY.replace('one', 'a b'), version: 'v1' }]);
});

test('events of S3: what is told in its place reads the same, and a name that is no encoding stays as it is', () => {
  for (const key of [KEY, 'inbox/default/x/a b.json', 'inbox/%zz.json']) {
    assert.deepEqual(of(toldOf(key, 'v1')), [{ key, version: 'v1' }]);
  }
  const raw = { Records: [{ eventName: 'ObjectCreated:Put', s3: { object: { key: 'inbox/%zz.json' } } }] };
  assert.deepEqual(of(raw), [{ key: 'inbox/%zz.json', version: undefined }]);
});

test('events of S3: its try whether the queue takes anything tells of no object, and removals are none of ours', () => {
  assert.deepEqual(of({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'b' }), []);
  const removed = { Records: [{ eventName: 'ObjectRemoved:Delete', s3: { object: { key: KEY } } }] };
  assert.equal(objectsCreated.safeParse(removed).success, false);
});
