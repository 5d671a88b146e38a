import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { callbackEndpoints, callbackNames } from './settings.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:ops-AbCdEf';

describe('settings', () => {
  afterEach(() => {
    delete process.env.WAYBILL_CALLBACKS;
    delete process.env.WAYBILL_CALLBACK_NAMES;
  });

  it('whom runs may name, and where they are; nobody where nothing is set', () => {
    assert.deepEqual([callbackEndpoints().size, callbackNames()], [0, {}]);
    process.env.WAYBILL_CALLBACK_NAMES = 'ops,more';
    assert.deepEqual(callbackNames(), { callbacks: new Set(['ops', 'more']) });
    process.env.WAYBILL_CALLBACKS = JSON.stringify({ ops: { url: 'https://hooks.example/x', secret: SECRET } });
    assert.deepEqual([...callbackEndpoints()], [['ops', { url: new URL('https://hooks.example/x'), secret: SECRET }]]);
  });

  it('nothing is sent where anybody on the way could read it', () => {
    for (const url of ['http://hooks.example/', 'http://127.0.0.1/', 'ftp://hooks.example/']) {
      process.env.WAYBILL_CALLBACKS = JSON.stringify({ ops: { url, secret: SECRET } });
      assert.throws(() => callbackEndpoints(), { code: 'USAGE', path: 'WAYBILL_CALLBACKS', problem: /ops.*https/ });
    }
  });
});
