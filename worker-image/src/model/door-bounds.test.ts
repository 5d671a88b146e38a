/** How much one block can ask of its door at a time, and that what is sent on is what was judged. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { messages } from '../../../test/model-server/answers.ts';
import { ModelServer } from '../../../test/model-server/model-server.ts';
import { type Door, openDoor } from './door.ts';

const MODEL = 'm';
const MIB = 1024 * 1024;

let server: ModelServer;
let directory: string;
let path: string;
let door: Door;
let notes: string[];
let doors = 0;
/** The status of its answer; null where the door was closed before. */
function ask(text: string): Promise<number | null> {
  return new Promise((resolve) => {
    const sent = request({ socketPath: path, path: '/v1/messages', method: 'POST' }, (answer) => {
      answer.resume().once('close', () => resolve(answer.statusCode ?? null));
    });
    sent.once('error', () => resolve(null)).end(text);
  });
}

const bodyOf = (more: object): string => JSON.stringify({ model: MODEL, messages: [], ...more });

/** What comes back to bytes that are sent as they are, until the door closes the connection; the sender never does. */
function send(socketPath: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    let told = '';
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    socket.on('data', (part: Buffer) => {
      told += part.toString('latin1');
    });
    socket.once('close', () => resolve(told)).on('error', () => {});
    socket.once('end', () => socket.destroy());
    socket.write(text);
  });
}

/** Asked one after the other, of a model that does not answer. */
async function hold(count: number, text: string): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const heard = server.wasAsked();
    void ask(text);
    await heard;
  }
}

/** In a suite: hooks of a file are those of every test in its process. */
describe('a door with a block that means harm', () => {
  before(async () => {
    server = await ModelServer.open();
    directory = mkdtempSync(join(tmpdir(), 'door-'));
  });
  after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  beforeEach(async () => {
    notes = [];
    path = join(directory, `${++doors}.sock`);
    server.script({ isSilent: true });
    const note = (line: string): void => void notes.push(line);
    door = await openDoor({ adapter: 'claude-code', model: MODEL, url: server.url, key: null, path, note });
  });
  afterEach(async () => void (await door.close()));

  describe('bounds:', () => {
    it('requests at a time', async () => {
      await hold(8, bodyOf({}));
      assert.equal(await ask(bodyOf({})), 503);
      assert.equal(server.asked.length, 8);
    });

    it('bytes that are held at a time', async () => {
      const large = bodyOf({ system: 'x'.repeat(7 * MIB) });
      await hold(2, large);
      assert.equal(await ask(large), 503);
      server.script(messages(MODEL));
      assert.equal(await ask(bodyOf({})), 200);
    });

    it('bytes that are held by those that are over: they count no more', async () => {
      server.script(messages(MODEL));
      const large = bodyOf({ system: 'x'.repeat(7 * MIB) });
      for (let n = 0; n < 4; n += 1) assert.equal(await ask(large), 200);
    });

    it('depth and entries, before anything is parsed', async () => {
      server.script(messages(MODEL));
      const deep = (depth: number): string => `{"model":"m","messages":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      const wide = (entries: number): string => bodyOf({ messages: Array(entries).fill(0) });
      const told: (number | null)[] = [];
      // What stands in a text has no depth.
      const texts = bodyOf({ system: '"\\'.concat('[,'.repeat(300_000)) });
      for (const text of [deep(101), wide(260_000), deep(50), wide(240_000), texts]) told.push(await ask(text));
      assert.deepEqual(told, [403, 403, 200, 200, 200]);
    });
  });

  describe('does not wait', () => {
    const BODY = bodyOf({});
    const head = (more: string): string => `POST /v1/messages HTTP/1.1\r\nHost: model\r\nConnection: close\r\n${more}`;
    const WHOLE = `${head(`Content-Length: ${BODY.length}\r\n`)}\r\n${BODY}`;
    async function sendHurried(text: string): Promise<string> {
      const hurried = join(directory, `${++doors}.sock`);
      const patience = { headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 20 };
      const note = (line: string): void => void notes.push(line);
      const options = { adapter: 'claude-code' as const, model: MODEL, url: server.url, key: null, path: hurried };
      const open = await openDoor({ ...options, note, patience });
      return await send(hurried, text).finally(() => open.close());
    }
    beforeEach(() => server.script(messages(MODEL)));

    for (const [what, text] of [
      ['the rest of its headers', head('X-More: a')],
      ['the rest of its body', `${head('Content-Length: 1000\r\n')}\r\n{`],
      ['a chunk', `${head('Transfer-Encoding: chunked\r\n')}\r\n1\r\n{\r\n`],
    ] as const) {
      it(`for ${what}; a whole request is answered`, { timeout: 20_000 }, async () => {
        assert.match(await sendHurried(WHOLE), /^HTTP\/1\.1 200 /);
        server.asked.length = 0;
        assert.doesNotMatch(await sendHurried(text), /^HTTP\/1\.1 200 /);
        assert.equal(server.asked.length, 0);
      });
    }

    it('for headers without an end: 16 KiB are what it reads of them', { timeout: 20_000 }, async () => {
      const long = (size: number): string => WHOLE.replace('Host:', `X-Long: ${'x'.repeat(size)}\r\nHost:`);
      assert.match(await send(path, long(15_000)), /^HTTP\/1\.1 200 /);
      server.asked.length = 0;
      assert.match(await send(path, long(17_000)), /^HTTP\/1\.1 431 /);
      assert.equal(server.asked.length, 0);
    });
  });

  describe('sends on', () => {
    it('what was judged, where the same bytes can be read as something else', async () => {
      server.script(messages(MODEL));
      assert.equal(await ask('{"model":"other","mcp_servers":[1],"mcp_servers":null,"model":"m", "messages":[]}'), 200);
      assert.equal(server.asked[0]?.text, '{"model":"m","mcp_servers":null,"messages":[]}');
    });

    it('no word of the block into its log but a plain one', async () => {
      assert.equal(await ask(bodyOf({ 'a\n--- waybill: b ---': 1 })), 403);
      assert.equal(await ask(bodyOf({ speed: 'fast' })), 403);
      const not = 'a request to a model did not pass:';
      assert.deepEqual(notes, [`${not} a key is not asked for here`, `${not} speed is not asked for here`]);
    });
  });
});
