/** Agents that ask a model: the loop with Bedrock, and the tools of others, through the door that the worker opens. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Block, PromptedBlock } from '@waybill/client/plan';
import type { Isolation } from '#core/mailbox-protocol.ts';
import {
  breaks,
  type Call,
  converse,
  cut,
  flipped,
  messages,
  refuses,
  responses,
  type Used,
} from '../model-server/answers.ts';
import { ModelServer, type ScriptedAnswer } from '../model-server/model-server.ts';
import { openIsolations } from '../support/isolations.ts';
import type { AttemptSpec } from '../support/signed-lease.ts';
import { CLAUDE_STAND_IN, CODEX_STAND_IN } from '../support/stand-in-agents.ts';
import type { AttemptEnd } from '../support/worker-bed.ts';

const MODEL = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0';
const KEY = 'key-of-the-operator-7f3a';
const CAPTURE: Block = { block: 'capture', what: 'outputs' };
const WELL = converse(['All done.']);

let server: ModelServer;
let directory: string;
const places = openIsolations(async () => {
  server = await ModelServer.open();
  directory = mkdtempSync(join(tmpdir(), 'models-'));
  const endpoint = { url: server.url, keyFile: 'model.key', models: [MODEL] };
  const modelsFile = join(directory, 'models.json');
  writeFileSync(modelsFile, JSON.stringify({ bedrock: endpoint, 'claude-code': endpoint, codex: endpoint }));
  writeFileSync(join(directory, 'model.key'), `${KEY}\n`, { mode: 0o600 });
  return { allowUnsandboxed: true, modelsFile };
});
after(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

function bedrock(more: Partial<PromptedBlock> = {}): PromptedBlock {
  return { block: 'agent', adapter: 'bedrock', model: MODEL, prompt: 'Mend it.', ...more };
}

function play(
  script: ScriptedAnswer[],
  more: Partial<PromptedBlock> = {},
  spec: Partial<AttemptSpec> = {},
): Promise<AttemptEnd> {
  server.script(...script);
  return places.bed.run({ pipeline: [bedrock(more), CAPTURE], isolation: 'none', ...spec });
}

const verdictOf = ({ result }: AttemptEnd): unknown[] => [result?.outcome, result?.reason];
const call = (tool: string, input: Call['input'], used?: Used): ScriptedAnswer =>
  converse([{ tool, input }], undefined, used);

/** What the model was told of its calls, in its n-th question. */
function told(n: number): { text: string; status: string }[] {
  const asked = (server.asked[n]?.body.messages ?? []) as {
    content: { toolResult?: { content: { text: string }[]; status: string } }[];
  }[];
  return (asked.at(-1)?.content ?? []).flatMap(({ toolResult }) =>
    toolResult === undefined ? [] : [{ text: toolResult.content[0]?.text ?? '', status: toolResult.status }],
  );
}

for (const isolation of ['none', 'bubblewrap'] as const satisfies Isolation[]) {
  describe(`a model with tools, isolation ${isolation}:`, () => {
    const test = (title: string, body: () => Promise<void>): void => places.test(isolation, title, body);

    test('writes, reads, lists and runs until it has nothing more to do; what passed is counted by the worker', async () => {
      const end = await play(
        [
          call('write', { path: 'sub/note.md', text: 'Hello' }, { input: 100, output: 20, cached: 30 }),
          converse([
            { tool: 'read', input: { path: 'sub/note.md' } },
            { tool: 'list', input: { path: '.' } },
          ]),
          call('run', { command: 'cp sub/note.md "$WAYBILL_OUTPUTS"; echo out; echo err >&2; exit 3' }),
          converse(['I wrote', ' a note.']),
        ],
        { reply: 'reply.md', tools: ['list', 'read', 'run', 'write'] },
        { isolation },
      );
      assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
      assert.equal(end.outputs.get('outputs/note.md')?.toString(), 'Hello');
      assert.equal(end.outputs.get('outputs/reply.md')?.toString(), 'I wrote\n a note.');
      assert.deepEqual(told(1), [{ text: 'written: 5 bytes', status: 'success' }]);
      assert.deepEqual(
        told(2).map(({ text }) => text),
        ['Hello', 'sub/'],
      );
      assert.match(told(3)[0]?.text ?? '', /^exit 3\n(out\nerr|err\nout)\n$/);
      const usage = { requested: MODEL, inputTokens: 130, outputTokens: 35, cachedTokens: 30 };
      assert.deepEqual(end.result?.usage, [{ block: 0, ...usage }]);
      const [first] = server.asked;
      assert.deepEqual(
        [first?.path, first?.headers.authorization],
        [`/model/${encodeURIComponent(MODEL)}/converse-stream`, `Bearer ${KEY}`],
      );
      assert.deepEqual(first?.body.messages, [{ role: 'user', content: [{ text: 'Mend it.' }] }]);
      assert.equal(end.log.match(/answered as/g)?.length, 4);
    });

    test('what runs in the block finds the key of the operator where there is no sandbox, and not in it', async () => {
      // Written in halves, so that no command line holds it.
      const [first, second] = [KEY.slice(0, 5), KEY.slice(5)];
      const places = `/proc/[0-9]*/environ /proc/[0-9]*/cmdline "$HOME"/* "$WAYBILL_WORKSPACE"/../.waybill/* ${directory}/*`;
      const search = `cat ${places} /proc/self/mountinfo > "$TMPDIR/seen" 2>/dev/null; k="${first}"; grep -ac "\${k}${second}" "$TMPDIR/seen"; true`;
      const end = await play([call('run', { command: search }), WELL], {}, { isolation });
      assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
      assert.equal(told(1)[0]?.text, `exit 0\n${isolation === 'none' ? 1 : 0}\n`);
      assert.ok(!end.log.includes(KEY) && !JSON.stringify(end.result).includes(KEY));
    });

    test('another block of the item finds no door', async () => {
      const look: Block = {
        block: 'script',
        run: 'echo "[$WAYBILL_MODEL_SOCKET]"; ls -A "$WAYBILL_WORKSPACE/../door" || true',
      };
      const end = await play([WELL], {}, { isolation, pipeline: [bedrock(), look] });
      assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
      assert.match(end.log, /\[\]\n/);
      assert.doesNotMatch(end.log, /model\.sock/);
    });

    for (const [adapter, stand_in, answer] of [
      ['claude-code', CLAUDE_STAND_IN, messages('claude-haiku-4-5', { input: 40, output: 8, cached: 2 })],
      ['codex', CODEX_STAND_IN, responses('claude-haiku-4-5', { input: 40, output: 8, cached: 2 })],
    ] as const) {
      test(`a tool of ${adapter} asks through a port of its own, and the model that answered is known`, async () => {
        const install = 'cp "$WAYBILL_INPUTS/tool" tool.mjs && chmod +x tool.mjs';
        const block = bedrock({ adapter, program: './tool.mjs', prompt: 'call' });
        const keep: Block = { block: 'script', run: 'cp answer "$WAYBILL_OUTPUTS"' };
        const pipeline: Block[] = [{ block: 'script', run: install }, block, keep, CAPTURE];
        const end = await play([answer], {}, { isolation, pipeline, inputs: { tool: stand_in } });
        assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
        assert.match(end.outputs.get('outputs/answer')?.toString() ?? '', /^200 event: [\s\S]*Hello/);
        const usage = {
          requested: MODEL,
          served: 'claude-haiku-4-5',
          inputTokens: 40,
          outputTokens: 8,
          cachedTokens: 2,
        };
        assert.deepEqual(end.result?.usage, [{ block: 1, ...usage }]);
        const { authorization, 'x-api-key': apiKey, cookie } = server.asked[0]?.headers ?? {};
        assert.deepEqual([authorization ?? apiKey, cookie], [adapter === 'codex' ? `Bearer ${KEY}` : KEY, undefined]);
      });
    }
  });
}

describe('a model with tools ends:', () => {
  const throttled = refuses(429, 'ThrottlingException', 'Too many requests');
  const cases: [string, ScriptedAnswer[], unknown[], Partial<PromptedBlock>?][] = [
    ['well behind two throttles', [throttled, throttled, WELL], ['succeeded', 'ok']],
    ['throttled as often as it asks', [throttled], ['failed', 'model_throttled']],
    ['well behind a throttle in the stream', [breaks('throttlingException', 'later'), WELL], ['succeeded', 'ok']],
    [
      'well behind a model that was not ready',
      [refuses(503, 'ServiceUnavailableException', 'busy'), WELL],
      ['succeeded', 'ok'],
    ],
    [
      'without a model that it may not ask',
      [refuses(403, 'AccessDeniedException', 'no')],
      ['failed', 'model_unavailable'],
    ],
    [
      'behind a session that has lapsed',
      [refuses(403, 'ExpiredTokenException', 'The security token included in the request is expired')],
      ['failed', 'model_unavailable'],
    ],
    [
      'with too long a prompt',
      [refuses(400, 'ValidationException', 'Input is too long for requested model.')],
      ['failed', 'context_overflow'],
    ],
    [
      'with too long a conversation',
      [converse(['x'], 'model_context_window_exceeded')],
      ['failed', 'context_overflow'],
    ],
    ['refused by the model', [converse(['I will not.'], 'refusal')], ['policy_blocked', 'model_refused']],
    ['refused by a filter', [converse([], 'content_filtered')], ['policy_blocked', 'model_refused']],
    ['stopped for what nobody knows', [converse(['x'], 'tired')], ['failed', 'agent_unclear']],
    [
      'behind as many turns as it has',
      [call('list', { path: '.' }), call('list', { path: '..' })],
      ['deferred', 'turn_limit'],
      { maxTurns: 2 },
    ],
    ['going round in circles', [call('list', { path: '.' })], ['deferred', 'call_repeated']],
    [
      'failing again and again',
      [1, 2, 3, 4, 5, 6].map((n) => call('read', { path: `none-${n}` })),
      ['deferred', 'errors_repeated'],
    ],
    [
      'well behind five failures',
      [...[1, 2, 3, 4, 5].map((n) => call('read', { path: `none-${n}` })), WELL],
      ['succeeded', 'ok'],
    ],
    [
      'going round in fewer circles than usual',
      [call('list', { path: '.' }), call('list', { path: '.' }), WELL],
      ['deferred', 'call_repeated'],
      { guards: { repeats: 2 } },
    ],
    [
      'well behind more failures than usual',
      [...[1, 2, 3, 4, 5, 6].map((n) => call('read', { path: `none-${n}` })), WELL],
      ['succeeded', 'ok'],
      { guards: { errors: 7 } },
    ],
    ['cut off again and again', [converse(['x'], 'max_tokens')], ['deferred', 'errors_repeated']],
    ['well behind an answer that was cut off', [converse(['x'], 'max_tokens'), WELL], ['succeeded', 'ok']],
  ];
  for (const [title, script, expected, more] of cases) {
    it(`${title}: ${expected.join(' for ')}`, async () => {
      const end = await play(script, more);
      assert.deepEqual(verdictOf(end), expected, end.log);
      assert.equal(end.result?.usageUnread, title.includes('stream') ? true : undefined);
      assert.ok((end.result?.usage?.length ?? 0) > 0);
    });
  }

  it('having been told more than a block may', async () => {
    const command = (n: number): Call => ({
      tool: 'run',
      input: { command: `head -c 49000 /dev/zero | tr '\\0' ${n % 10}; : ${n}` },
    });
    const many = converse(Array.from({ length: 88 }, (_, n) => command(n)));
    const end = await play([many, WELL]);
    assert.deepEqual(verdictOf(end), ['deferred', 'output_limit'], end.log);
  });

  it('well behind a stream that broke off or was damaged, of which nobody knows what it took', async () => {
    for (const wrong of [cut(WELL, 3), flipped(converse(['x'.repeat(1_000)]))]) {
      const end = await play([wrong, WELL]);
      assert.deepEqual(
        [...verdictOf(end), end.result?.usageUnread, server.asked.length],
        ['succeeded', 'ok', true, 2],
        end.log,
      );
    }
  });

  it('told what is wrong with a call, and goes on', async () => {
    const end = await play(
      [
        call('write', '{"path": "a", "te'),
        call('write', { path: 'a' }),
        call('write', { path: 'a', text: 'b', mode: 'c' }),
        call('run', { command: 'true' }),
        call('fly', {}),
        WELL,
      ],
      { tools: ['write'] },
    );
    assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
    const said = [1, 2, 3, 4, 5].flatMap(told);
    assert.deepEqual(said, [
      { text: 'what the call was given is no JSON object', status: 'error' },
      { text: 'text is no text', status: 'error' },
      { text: 'mode is not known here', status: 'error' },
      { text: 'there is no tool "run"', status: 'error' },
      { text: 'there is no tool "fly"', status: 'error' },
    ]);
    const offered = server.asked[0]?.body.toolConfig as { tools: { toolSpec: { name: string } }[] } | undefined;
    assert.deepEqual(
      offered?.tools.map(({ toolSpec }) => toolSpec.name),
      ['write'],
    );
  });

  it('with a question, which is asked', async () => {
    const end = await play([call('ask', { question: 'Left or right?' })]);
    assert.deepEqual([...verdictOf(end), end.result?.question], ['deferred', 'needs_input', 'Left or right?']);
  });

  it('answered by another model than was asked, which is recorded', async () => {
    const end = await play([converse(['x'], undefined, { served: 'arn:aws:bedrock:eu:1:inference-profile/other' })]);
    assert.equal(end.result?.usage?.[0]?.served, 'arn:aws:bedrock:eu:1:inference-profile/other');
  });

  it('at once where no door is: for a model that the settings do not name, or a key that others may read', async () => {
    const other = await play([WELL], { model: 'eu.other' });
    assert.deepEqual([...verdictOf(other), server.asked.length], ['failed', 'model_unavailable', 0], other.log);
    // Nobody was asked, which is known: else all that was reckoned would be charged.
    const [usage] = other.result?.usage ?? [];
    assert.deepEqual([usage?.requested, usage?.inputTokens, usage?.outputTokens], ['eu.other', 0, 0]);
    chmodSync(join(directory, 'model.key'), 0o644);
    try {
      const open = await play([WELL]);
      assert.deepEqual([...verdictOf(open), server.asked.length], ['failed', 'model_unavailable', 0], open.log);
      assert.match(open.log, /may be read by others/);
    } finally {
      chmodSync(join(directory, 'model.key'), 0o600);
    }
  });
});

describe('a model that is asked from another container:', () => {
  const MODELS = '/opt/waybill/models.json';
  before(() => {
    // Its image has them beside its program.
    const endpoint = { url: server.url, models: [MODEL] };
    writeFileSync(join(places.bed.directory, 'programs', 'models.json'), JSON.stringify({ bedrock: endpoint }));
  });
  const ask = (env: Record<string, string>, pipeline: Block[]) =>
    places.containers.run({ pipeline }, { wrapper: { env } });

  places.test(
    'container',
    'works on the files there, through a door that is there while the block runs, and is counted by the worker',
    async () => {
      const command =
        'echo made > "$WAYBILL_OUTPUTS/note"; ls /waybill/.waybill; touch /waybill/.waybill/x || echo kept out';
      server.script(call('run', { command }), converse(['Done.']));
      const gone: Block = { block: 'script', run: 'test ! -e /waybill/.waybill/model.sock' };
      const end = await ask({ WAYBILL_MODELS: MODELS }, [bedrock(), gone, CAPTURE]);
      assert.deepEqual(verdictOf(end), ['succeeded', 'ok'], end.log);
      assert.equal(end.outputs.get('outputs/note')?.toString(), 'made\n');
      assert.match(told(1)[0]?.text ?? '', /job\.json\nmodel\.sock\n[\s\S]*kept out/);
      const [usage] = end.result?.usage ?? [];
      assert.deepEqual([usage?.requested, usage?.inputTokens, usage?.outputTokens], [MODEL, 20, 10]);
    },
  );

  places.test('container', 'is not there where the worker was given none', async () => {
    server.script(WELL);
    const apart = await ask({}, [bedrock()]);
    assert.deepEqual([...verdictOf(apart), server.asked.length], ['failed', 'model_unavailable', 0], apart.log);
  });
});
