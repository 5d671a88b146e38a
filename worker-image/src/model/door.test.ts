/** What passes the door of a block, and what does not; on the other side stands a server of models that does as it is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { PromptedBlock } from '@waybill/client/plan';
import { converse, cut, flipped, messages, refuses, responses } from '../../../test/model-server/answers.ts';
import { ModelServer } from '../../../test/model-server/model-server.ts';
import { type DoorUsage, openDoor } from './door.ts';

type Adapter = PromptedBlock['adapter'];

const MODEL = 'eu.model-1:0';
const KEY = 'the-key-of-the-operator';
const PATHS = {
  bedrock: `/model/${encodeURIComponent(MODEL)}/converse-stream`,
  'claude-code': '/v1/messages',
  codex: '/v1/responses',
};
const BODIES = {
  bedrock: { messages: [] },
  'claude-code': { model: MODEL, messages: [] },
  codex: { model: MODEL, input: [] },
};
const ANSWERS = { bedrock: converse(['Hello']), 'claude-code': messages(MODEL), codex: responses(MODEL) };

interface Asked {
  path?: string;
  method?: string;
  body?: unknown;
}

interface Told {
  status: number;
  text: string;
  headers: Record<string, unknown>;
}

let server: ModelServer;
let directory: string;
let doors = 0;
before(async () => {
  server = await ModelServer.open();
  directory = mkdtempSync(join(tmpdir(), 'door-'));
});
after(() => {
  server.close();
  rmSync(directory, { recursive: true });
});
async function through(
  adapter: Adapter,
  asked: Asked[],
  url: string = server.url,
): Promise<{ told: Told[]; passed: DoorUsage; notes: string[] }> {
  const path = join(directory, `${++doors}.sock`);
  const notes: string[] = [];
  const door = await openDoor({ adapter, model: MODEL, url, key: KEY, path, note: (line) => notes.push(line) });
  const told: Told[] = [];
  for (const one of asked) told.push(await ask(path, { path: PATHS[adapter], body: BODIES[adapter], ...one }));
  return { told, passed: await door.close(), notes };
}

function ask(socketPath: string, { path = '', method = 'POST', body }: Asked): Promise<Told> {
  const headers = {
    authorization: 'Bearer mine',
    'x-api-key': 'mine',
    cookie: 'a=b',
    'anthropic-version': '2023-06-01',
  };
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      // One that is cut off is told as far as it came.
      answer.once('close', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
      answer.on('error', () => {});
    });
    sent.once('error', reject);
    sent.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

for (const adapter of ['bedrock', 'claude-code', 'codex'] as const) {
  describe(`the door of ${adapter}:`, () => {
    beforeEach(() => server.script());

    it('passes a request with the key of the operator and nothing of the block but what belongs to it', async () => {
      server.script(ANSWERS[adapter]);
      const { told, passed, notes } = await through(adapter, [{}]);
      assert.deepEqual(
        [told[0]?.status, server.asked[0]?.path, server.asked[0]?.body],
        [200, PATHS[adapter], BODIES[adapter]],
      );
      const { authorization, 'x-api-key': apiKey, cookie } = server.asked[0]?.headers ?? {};
      const byHeader = adapter === 'claude-code' ? [undefined, KEY] : [`Bearer ${KEY}`, undefined];
      assert.deepEqual([authorization, apiKey, cookie], [...byHeader, undefined]);
      const served = adapter === 'bedrock' ? {} : { served: MODEL };
      const usage = [{ requested: MODEL, ...served, inputTokens: 10, outputTokens: 5, cachedTokens: 0 }];
      assert.deepEqual(passed, { usage, isUnread: false });
      assert.deepEqual(notes, [`${MODEL} answered as ${MODEL}: 10 and 0 cached in, 5 out`]);
    });

    it('adds up what passes, by the model that answered', async () => {
      const other = { input: 7, output: 3, cached: 2, served: 'other' };
      const second = {
        bedrock: converse(['x'], 'end_turn', other),
        'claude-code': messages('other', other),
        codex: responses('other', other),
      };
      server.script(ANSWERS[adapter], second[adapter], second[adapter]);
      const { passed } = await through(adapter, [{}, {}, {}]);
      assert.deepEqual(passed.usage[1], {
        requested: MODEL,
        served: 'other',
        inputTokens: 14,
        outputTokens: 6,
        cachedTokens: 4,
      });
      assert.equal(passed.usage.length, 2);
    });

    it('does not pass another model, another operation, or what is no request', async () => {
      server.script(ANSWERS[adapter]);
      const elsewhere = PATHS[adapter].replace(encodeURIComponent(MODEL), 'other');
      const { told, passed, notes } = await through(adapter, [
        { path: elsewhere, body: { ...BODIES[adapter], model: 'other' } },
        { method: 'PUT' },
        { path: '/v1/models' },
        { path: `/model/${MODEL}/invoke` },
        { path: `/model/%ff/converse-stream` },
        { body: 'no JSON' },
        { body: '[]' },
        { body: `"${'x'.repeat(9 * 1024 * 1024)}"` },
      ]);
      assert.deepEqual(
        told.map(({ status }) => status),
        Array(8).fill(403),
      );
      assert.deepEqual([server.asked.length, notes.length], [0, 8]);
      assert.deepEqual(passed.usage, [{ requested: MODEL, inputTokens: 0, outputTokens: 0, cachedTokens: 0 }]);
    });

    it('says that nobody knows when an answer is cut off, and passes what came', async () => {
      server.script(cut(ANSWERS[adapter], 2));
      const { told, passed } = await through(adapter, [{}]);
      assert.equal(told[0]?.status, 200);
      assert.ok((told[0]?.text.length ?? 0) > 0);
      assert.equal(passed.isUnread, true);
      // What the Messages protocol tells at the beginning is counted all the same.
      const atFirst = { served: MODEL, inputTokens: 10, outputTokens: 1, cachedTokens: 0 };
      const none = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
      assert.deepEqual(passed.usage, [{ requested: MODEL, ...(adapter === 'claude-code' ? atFirst : none) }]);
    });

    it('passes a refusal of the model, counts nothing for it, and follows it nowhere', async () => {
      server.script(refuses(429, 'ThrottlingException', 'slow down'), {
        status: 302,
        headers: { location: 'http://127.0.0.1:1/' },
      });
      const { told, passed } = await through(adapter, [{}, {}]);
      assert.deepEqual(
        told.map(({ status }) => status),
        [429, 302],
      );
      assert.deepEqual([told[0]?.headers['retry-after'], told[1]?.headers.location], ['0', undefined]);
      assert.equal(passed.isUnread, false);
    });

    it('says that nobody knows when the block goes before the answer comes', async () => {
      server.script({ isSilent: true });
      const path = join(directory, `${++doors}.sock`);
      const door = await openDoor({ adapter, model: MODEL, url: server.url, key: KEY, path, note: () => {} });
      const sent = request({ socketPath: path, path: PATHS[adapter], method: 'POST' }).on('error', () => {});
      sent.end(JSON.stringify(BODIES[adapter]));
      await server.wasAsked();
      sent.destroy();
      assert.equal((await door.close()).isUnread, true);
    });

    it('says so when there is nobody behind it', async () => {
      const { told, passed } = await through(adapter, [{}], 'http://127.0.0.1:1');
      assert.deepEqual([told[0]?.status, passed.isUnread], [502, false]);
    });
  });
}

describe('the door:', () => {
  beforeEach(() => server.script());

  const far: [Adapter, string, object, object][] = [
    [
      'bedrock',
      'fields of a model',
      { additionalModelRequestFields: { tools: [] } },
      { inferenceConfig: { maxTokens: 9 } },
    ],
    [
      'bedrock',
      'a tool of the provider',
      { toolConfig: { tools: [{ systemTool: { name: 'x' } }] } },
      { toolConfig: { tools: [{ toolSpec: { name: 'x' } }] } },
    ],
    [
      'bedrock',
      'an object in S3',
      { messages: [{ content: [{ image: { source: { s3Location: { uri: 's3://b/k' } } } }] }] },
      { messages: [{ content: [{ image: { source: { bytes: '' } } }] }] },
    ],
    [
      'bedrock',
      'a tool of the provider beside one of the block',
      { toolConfig: { tools: [{ cachePoint: { type: 'default' }, systemTool: { name: 'x' } }] } },
      { toolConfig: { tools: [{ cachePoint: { type: 'default' } }] } },
    ],
    ...['inference_geo', 'speed', 'service_tier', 'container', 'next_field'].map(
      (key): [Adapter, string, object, object] => ['claude-code', key, { [key]: 'x' }, { top_p: 1 }],
    ),
    [
      'claude-code',
      'a file of the provider',
      { messages: [{ content: [{ type: 'container_upload', file_id: 'f' }] }] },
      { messages: [{ content: [{ type: 'tool_result', content: [{ type: 'text', text: '' }] }] }] },
    ],
    [
      'claude-code',
      'a file of the provider within a result',
      { messages: [{ content: [{ type: 'tool_result', content: [{ type: 'container_upload' }] }] }] },
      { messages: [{ content: 'text' }] },
    ],
    [
      'claude-code',
      'a source that is not known',
      { messages: [{ content: [{ type: 'document', source: { type: 'drive' } }] }] },
      { messages: [{ content: [{ type: 'document', source: { type: 'text' } }] }] },
    ],
    [
      'claude-code',
      'a conversation that the provider sums up',
      { context_management: { edits: [{ type: 'compact_20260112' }] } },
      { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } },
    ],
    ['claude-code', 'a server of tools', { mcp_servers: [{ url: 'https://a.example' }] }, { metadata: {} }],
    [
      'claude-code',
      'a tool of the provider',
      { tools: [{ type: 'web_search_20250305' }] },
      { tools: [{ type: 'bash_20250124' }, { name: 'x' }] },
    ],
    [
      'claude-code',
      'an image to be fetched',
      { messages: [{ content: [{ type: 'image', source: { type: 'url', url: 'https://a.example' } }] }] },
      { messages: [{ content: [{ type: 'image', source: { type: 'base64' } }] }] },
    ],
    ['codex', 'a tool of the provider', { tools: [{ type: 'web_search' }] }, { tools: [{ type: 'function' }] }],
    [
      'codex',
      'a conversation that is kept',
      { previous_response_id: 'r' },
      { previous_response_id: null, store: false },
    ],
    [
      'codex',
      'a part of another conversation',
      { input: [{ type: 'item_reference', id: 'i' }] },
      { input: [{ type: 'message', content: [] }] },
    ],
    [
      'codex',
      'a shell at the provider',
      { tools: [{ type: 'shell', environment: { type: 'container_auto' } }] },
      { tools: [{ type: 'shell' }, { type: 'shell', environment: { type: 'local' } }] },
    ],
    [
      'codex',
      'a call of a shell at the provider',
      { input: [{ type: 'shell_call', environment: { type: 'container_reference' } }] },
      { input: [{ type: 'shell_call', environment: null }] },
    ],
    ['codex', 'a reference without a type', { input: [{ id: 'rs_1' }] }, { input: [{ role: 'user', content: 'x' }] }],
    [
      'codex',
      'a screen to be fetched',
      { input: [{ type: 'function_call_output', output: [{ image_url: 'https://a.example' }] }] },
      { input: [{ type: 'function_call_output', output: [{ image_url: 'data:x' }] }] },
    ],
    ['codex', 'what a tool of the provider said', { input: [{ type: 'computer_call_output' }] }, { input: 'x' }],
    [
      'codex',
      'a file of the provider',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] },
      { input: [{ role: 'user', content: [{ type: 'input_file', file_data: 'data:x', file_url: null }] }] },
    ],
    ['codex', 'a dearer tier', { service_tier: 'priority' }, { service_tier: null, parallel_tool_calls: true }],
    [
      'codex',
      'an image to be fetched',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://a.example' }] }] },
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:x' }] }] },
    ],
  ];
  for (const [adapter, title, asked, near] of far) {
    it(`${adapter}: ${title} does not pass; its like that stays here does`, async () => {
      server.script(ANSWERS[adapter]);
      const bodies = [asked, near].map((more) => ({ body: { ...BODIES[adapter], ...more } }));
      const { told } = await through(adapter, bodies);
      assert.deepEqual(
        told.map(({ status }) => status),
        [403, 200],
      );
      assert.equal(server.asked.length, 1);
    });
  }

  it('counts a whole answer that is no stream, and of a damaged one says that nobody knows', async () => {
    const json = (body: object) => ({
      headers: { 'content-type': 'application/json' },
      chunks: [Buffer.from(JSON.stringify(body))],
    });
    server.script(
      json({
        type: 'message',
        model: MODEL,
        usage: { input_tokens: 1, output_tokens: 2, cache_creation_input_tokens: 4 },
      }),
    );
    const whole = await through('claude-code', [{}]);
    assert.deepEqual(whole.passed.usage, [
      { requested: MODEL, served: MODEL, inputTokens: 5, outputTokens: 2, cachedTokens: 0 },
    ]);
    for (const wrong of [{ output_tokens: -1 }, { output_tokens: 0.5 }, { output_tokens: '1' }, {}]) {
      server.script(json({ type: 'message', model: MODEL, usage: wrong }));
      assert.equal((await through('claude-code', [{}])).passed.isUnread, true, JSON.stringify(wrong));
    }
    server.script(flipped(ANSWERS.bedrock));
    assert.equal((await through('bedrock', [{}])).passed.isUnread, true);
  });
});
