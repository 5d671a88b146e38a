/** The recorder in front of the emulator, without one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { startRecorder, type WholeCall } from './beds/recorder.ts';

test('recorder: who watches sees objects and answers whole, which are not kept, and nothing once they have stopped', async () => {
  const service = createServer((incoming, outgoing) => {
    incoming.resume().on('end', () => outgoing.end('b'.repeat(400_000)));
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const recorder = await startRecorder((service.address() as AddressInfo).port);
  try {
    const seen: WholeCall[] = [];
    const put = async (): Promise<void> => {
      const body = 'a'.repeat(300_000);
      const headers = { 'content-type': 'application/octet-stream' };
      await (await fetch(`${recorder.url}/staging/log`, { method: 'PUT', body, headers })).arrayBuffer();
    };
    const unwatch = recorder.watch((call) => seen.push(call));
    await put();
    unwatch();
    await put();
    assert.deepEqual(
      seen.map(({ method, url, body, answer }) => [method, url, body.byteLength, answer.byteLength]),
      [['PUT', '/staging/log', 300_000, 400_000]],
    );
    assert.deepEqual(
      recorder.calls.map(({ body, answer }) => body + answer),
      ['', ''],
    );
  } finally {
    await recorder.stop();
    service.closeAllConnections();
    service.close();
  }
});
