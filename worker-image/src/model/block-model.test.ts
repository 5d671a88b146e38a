/** The door of a block whose attempt was given a session with its model. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { PromptedBlock } from '@waybill/client/plan';
import { converse, refuses } from '../../../test/model-server/answers.ts';
import { ModelServer } from '../../../test/model-server/model-server.ts';
import type { AttemptTree } from '../attempt-tree.ts';
import type { LogFile } from '../log-file.ts';
import { type BlockModel, openBlockModel, takeSessions } from './block-model.ts';

const MODEL = 'eu.model-1:0';
const CREDENTIALS = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'the/secret+key', sessionToken: 'the/token==' };
const REGION = 'eu-central-1';

let server: ModelServer;
let directory: string;
const notes: string[] = [];
before(async () => {
  server = await ModelServer.open();
  directory = mkdtempSync(join(tmpdir(), 'session-'));
  mkdirSync(join(directory, 'door'));
});
after(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

function sessionText(more: object = {}): string {
  return JSON.stringify({ ...CREDENTIALS, region: REGION, url: server.url, ...more }, [
    ...['accessKeyId', 'extra', 'region', 'secretAccessKey', 'sessionToken', 'url'],
  ]);
}

function open(block: Partial<PromptedBlock>, file: string | null = null): Promise<BlockModel> {
  const { sessions } = takeSessions(new Map([[`model:${MODEL}`, sessionText()]]));
  const tree = { door: join(directory, 'door'), jobFile: join(directory, 'door', 'job') } as AttemptTree;
  const log = { note: (line: string) => notes.push(line) } as unknown as LogFile;
  const asking: PromptedBlock = { block: 'agent', adapter: 'bedrock', model: MODEL, ...block };
  return openBlockModel(asking, { models: { file, sessions }, tree, isolation: 'container', log });
}

function ask(model: BlockModel, path: string): Promise<number> {
  return told(model, path).then(({ status }) => status);
}

function told({ env }: BlockModel, path: string): Promise<{ status: number; text: string }> {
  const headers = { authorization: 'Bearer mine', 'x-amz-security-token': 'mine', 'x-amz-date': '19700101T000000Z' };
  return new Promise((resolve, reject) => {
    const socketPath = env.WAYBILL_MODEL_SOCKET ?? '';
    const sent = request({ socketPath, path, method: 'POST', headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.once('error', reject).end('{"messages":[]}');
  });
}

describe('a session with a model', () => {
  it('signs what passes the door, with its token, and nothing of the block goes along', async () => {
    server.script(converse(['Hello']));
    const model = await open({});
    assert.equal(await ask(model, `/model/${encodeURIComponent(MODEL)}/converse-stream?a=b`), 200);
    const passed = await model.close();
    const [asked] = server.asked;
    assert.equal(asked?.path, `/model/${encodeURIComponent(MODEL)}/converse-stream`, 'the query was not judged');
    const { authorization = '', ...headers } = asked?.headers ?? {};
    const scope = `${CREDENTIALS.accessKeyId}/\\d{8}/${REGION}/bedrock/aws4_request`;
    const names = 'content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token';
    assert.match(
      authorization,
      new RegExp(`^AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${names}, Signature=[0-9a-f]{64}$`),
    );
    assert.equal(headers['x-amz-security-token'], CREDENTIALS.sessionToken);
    const shown = JSON.stringify([model.env, notes, asked]);
    assert.ok(!shown.includes(CREDENTIALS.secretAccessKey));
    assert.ok(!JSON.stringify([model.env, notes]).includes(CREDENTIALS.sessionToken));
    assert.equal(passed?.usage[0]?.requested, MODEL);
  });

  it('is for its model by the protocol of Bedrock, and for no other', async () => {
    server.script(converse(['Hello']));
    const model = await open({});
    assert.equal(await ask(model, '/model/another/converse-stream'), 403);
    await model.close();
    assert.equal(server.asked.length, 0);
    for (const block of [{ model: 'another' }, { adapter: 'codex' as const }])
      assert.deepEqual((await open(block)).env, {});
  });

  it('comes before what the image of the worker says of the model', async () => {
    const file = join(directory, 'models.json');
    writeFileSync(file, JSON.stringify({ bedrock: { url: 'http://127.0.0.1:9', models: [MODEL, 'another'] } }));
    server.script(converse(['Hello']));
    const model = await open({}, file);
    assert.equal(await ask(model, `/model/${MODEL}/converse-stream`), 200);
    await model.close();
    // The negative control: of another model the image says where it is, and there is nobody.
    const other = await open({ model: 'another' }, file);
    assert.equal(await ask(other, '/model/another/converse-stream'), 502);
    await other.close();
  });

  it('that lapsed is refused in the words of who refuses, which are told without its token', async () => {
    const path = `/model/${MODEL}/converse-stream`;
    const said = 'The security token included in the request is expired';
    // As some write a slash in JSON.
    const quoting = JSON.stringify({ message: `signed was x-amz-security-token:${CREDENTIALS.sessionToken}` });
    const wrong = { status: 403, chunks: [Buffer.from(quoting.replaceAll('/', '\\/'))] };
    server.script(refuses(403, 'ExpiredTokenException', said), wrong, { status: 403, chunks: [Buffer.from('<html>')] });
    const model = await open({});
    assert.deepEqual(await told(model, path), { status: 403, text: JSON.stringify({ message: said }) });
    assert.deepEqual(await told(model, path), {
      status: 403,
      text: '{"message":"the signature of the worker was refused"}',
    });
    assert.deepEqual(await told(model, path), { status: 403, text: '{}' });
    await model.close();
  });

  it('is taken out of what is given to blocks, and must be whole', () => {
    const given = new Map([
      ['token', 'a secret of a block'],
      [`model:${MODEL}`, sessionText()],
    ]);
    const { secrets, sessions } = takeSessions(given);
    assert.deepEqual([...secrets], [['token', 'a secret of a block']]);
    assert.deepEqual([...sessions], [[MODEL, { ...CREDENTIALS, region: REGION, url: server.url }]]);
    for (const bad of ['', '{}', sessionText({ url: 'file:///etc/passwd' }), sessionText({ extra: 'x' })])
      assert.throws(() => takeSessions(new Map([[`model:${MODEL}`, bad]])), { code: 'LEASE_INVALID' });
  });
});
