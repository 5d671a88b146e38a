/** What a block is let to is said and recorded without its secrets, in whichever case their letters come back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { type DoorSurroundings, withDoors } from './block-doors.ts';
import { EgressTally } from './egress/tally.ts';
import { createRedactor } from './redactor.ts';

const SECRET = 'aB3-Correct-Horse';
const FOREIGN = 'gr\u00fcne-Batterie';

it('block doors: a host with a secret in its name is not named, neither as it is nor as base64, and others are', async () => {
  const door = mkdtempSync(join(tmpdir(), 'door-'));
  const notes: string[] = [];
  const egress = new EgressTally();
  const server = createServer((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
  const { port } = (await once(server.listen(0, '127.0.0.1'), 'listening').then(() => server.address())) as AddressInfo;
  const redactor = createRedactor(
    new Map([
      ['token', SECRET],
      ['foreign', FOREIGN],
    ]),
  );
  const around = {
    job: { egress: { ask: ['*.example.org'], allow: ['*.example.org'], deny: [] } },
    tree: { door },
    log: { note: (line: string) => void notes.push(line) },
    egress,
    redactor,
    outside: { resolve: async () => ['93.184.216.34'], connect: () => connect({ port, host: '127.0.0.1' }) },
  } as unknown as DoorSurroundings;
  const far = `${'a'.repeat(240)}${SECRET}`;
  const hosts = [
    `${SECRET}.example.org`,
    `${SECRET.toUpperCase()}.example.com`,
    `${Buffer.from(SECRET).toString('hex').toUpperCase()}.example.net`,
    `${Buffer.from(SECRET).toString('base64url')}.example.net`,
    far,
    Buffer.from(`${FOREIGN}.example.com`).toString('latin1'),
    'other.example.com',
  ];
  await withDoors(
    around,
    { block: 'script', run: 'true' },
    0,
    async () => {
      for (const host of hosts) {
        const socket = connect(join(door, 'egress.sock')).on('error', () => {});
        socket.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1');
        await once(socket.resume(), 'close');
      }
      return { exit: 0, timedOut: false };
    },
    () => {},
  );
  server.close();
  rmSync(door, { recursive: true });
  const said = `${notes.join('\n')}\n${JSON.stringify(egress.claimed())}`;
  const lower = said.toLowerCase();
  for (const form of [
    SECRET,
    SECRET.slice(0, 9),
    'ne-Batterie',
    Buffer.from(SECRET).toString('hex'),
    Buffer.from(SECRET).toString('base64url'),
  ])
    assert.ok(!lower.includes(form.toLowerCase()), said);
  assert.equal(notes.length, hosts.length, said);
  assert.match(said, /"host":"other\.example\.com"/);
  assert.match(said, /let out to redacted:80/);
  assert.match(said, /"host":"redacted","port":80,"connections":1,/);
});
