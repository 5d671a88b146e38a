/**
 * Requests as the tools write them, as far as what is public of them says: all of it passes. They are written after the
 * documentation of the protocols, and after what others report of the tools; no version of a tool was asked.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MODEL_ACTION } from '#core/model-action.ts';
import { WIRES } from './wires.ts';

const SCHEMA = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };
const CACHED = { cache_control: { type: 'ephemeral' } };

/** In the manner of Claude Code: a long system in parts, tools of its own, thinking, and what is known of whom it works for. */
const CLAUDE = {
  model: 'm',
  max_tokens: 32_000,
  stream: true,
  system: [{ type: 'text', text: 'You work on files.', ...CACHED }],
  metadata: { user_id: 'user_1_account__session_2' },
  thinking: { type: 'enabled', budget_tokens: 16_000 },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  output_config: { effort: 'medium' },
  tools: [
    { name: 'Read', description: 'Read a file.', input_schema: SCHEMA },
    { name: 'Bash', description: 'Run a command.', input_schema: SCHEMA, ...CACHED },
  ],
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Mend it.', ...CACHED }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I look.', signature: 'c2ln' },
        { type: 'tool_use', id: 'toolu_1', name: 'Read', input: { path: 'a' } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'a' }], is_error: false },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aQ==' } },
      ],
    },
  ],
};

/** In the manner of Codex: instructions, tools of its own, reasoning that it carries along itself, nothing kept by the provider. */
const CODEX = {
  model: 'm',
  instructions: 'You work on files.',
  stream: true,
  store: false,
  parallel_tool_calls: true,
  tool_choice: 'auto',
  include: ['reasoning.encrypted_content'],
  reasoning: { effort: 'medium', summary: 'auto' },
  text: { verbosity: 'low' },
  prompt_cache_key: '0199-1',
  previous_response_id: null,
  service_tier: null,
  tools: [
    { type: 'function', name: 'exec_command', description: 'Run a command.', strict: false, parameters: SCHEMA },
    { type: 'custom', name: 'apply_patch', description: 'Change files.', format: { type: 'grammar', syntax: 'lark' } },
    { type: 'local_shell' },
  ],
  input: [
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Rules.' }] },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Mend it.' }] },
    { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'ZQ==' },
    { type: 'function_call', name: 'exec_command', arguments: '{}', call_id: 'call_1' },
    { type: 'function_call_output', call_id: 'call_1', output: 'ok' },
    { type: 'custom_tool_call', name: 'apply_patch', input: '*** Begin Patch', call_id: 'call_2' },
    { type: 'custom_tool_call_output', call_id: 'call_2', output: 'done' },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Done.' }] },
  ],
};

describe('wires:', () => {
  for (const [adapter, path, body] of [
    ['claude-code', '/v1/messages', CLAUDE],
    ['codex', '/v1/responses', CODEX],
  ] as const) {
    it(`all of a request in the manner of ${adapter} passes, and one key more does not`, () => {
      const wire = WIRES[adapter];
      assert.equal(wire.modelOf(path, body), 'm');
      assert.equal(wire.problemOf(body), null);
      for (const key of Object.keys(body)) {
        const { [key]: value, ...rest } = body as Record<string, unknown>;
        assert.equal(wire.problemOf({ ...rest, [`${key}_more`]: value || 1 }), `${key}_more is not asked for here`);
      }
    });
  }

  it('of the operations of Bedrock the one passes that is answered as a stream, which is all that a session may ask for', () => {
    const operations = ['converse-stream', 'converse', 'invoke', 'invoke-with-response-stream', 'count-tokens'];
    assert.deepEqual(
      operations.filter((operation) => WIRES.bedrock.modelOf(`/model/m/${operation}`, {}) !== null),
      ['converse-stream'],
    );
    assert.equal(MODEL_ACTION, 'bedrock:InvokeModelWithResponseStream');
  });

  it('a shell at the provider, a search, and a tool of another kind do not pass for Codex', () => {
    for (const tool of [
      { type: 'web_search' },
      { type: 'shell', environment: { type: 'container_auto' } },
      { type: 'mcp' },
    ])
      assert.equal(
        WIRES.codex.problemOf({ ...CODEX, tools: [...CODEX.tools, tool] }),
        'a tool is not one of the block',
      );
  });

  it('what stands where a word belongs and is none does not pass, and throws nothing', () => {
    const part = (type: unknown): object => ({ role: 'user', content: [{ type, text: 'a' }] });
    for (const odd of [{ toString: null }, ['text'], ['custom'], ['function'], ['message'], 1]) {
      const [claude, codex] = [WIRES['claude-code'], WIRES.codex];
      assert.equal(claude.problemOf({ ...CLAUDE, messages: [part(odd)] }), 'a part of it is of another kind');
      assert.equal(claude.problemOf({ ...CLAUDE, tools: [{ type: odd }] }), 'a tool is not one of the block');
      const edits = { context_management: { edits: [{ type: odd }] } };
      assert.equal(claude.problemOf({ ...CLAUDE, ...edits }), 'it has the conversation rewritten');
      assert.equal(codex.problemOf({ ...CODEX, tools: [{ type: odd }] }), 'a tool is not one of the block');
      assert.equal(codex.problemOf({ ...CODEX, input: [{ type: odd }] }), 'a part of it is of another kind');
    }
    const image = { type: 'input_image', image_url: ['data:image/png;base64,aQ=='] };
    const input = [{ type: 'message', role: 'user', content: [image] }];
    assert.equal(WIRES.codex.problemOf({ ...CODEX, input }), 'it names something to be fetched');
  });

  it('of the features that are named beside a request those pass that stay at the block and cost what they cost', () => {
    const keep = (name: string, value: string): string | undefined =>
      WIRES[name === 'openai-beta' ? 'codex' : 'claude-code'].headers[name]?.(value);
    const kept = [
      ...['claude-code-20250219', 'interleaved-thinking-2025-05-14', 'fine-grained-tool-streaming-2025-05-14'],
      ...['context-management-2025-06-27', 'prompt-caching-scope-2026-01-05', 'advanced-tool-use-2025-11-20'],
    ];
    const left = [
      ...['context-1m-2025-08-07', 'fast-mode-2026-02-01', 'mcp-client-2025-11-20', 'files-api-2025-04-14'],
      ...['code-execution-2025-08-25', 'web-fetch-2025-09-10', 'skills-2025-10-02', 'compact-2026-01-12'],
      ...['extended-cache-ttl-2025-04-11', 'oauth-2025-04-20', 'claude-code', 'x,claude-code-2025021', ''],
    ];
    assert.equal(keep('anthropic-beta', [...kept, ...left].join(', ')), kept.join(','));
    for (const name of left) assert.equal(keep('anthropic-beta', name), '', name);
    assert.equal(keep('openai-beta', 'responses=experimental'), 'responses=experimental');
    assert.equal(keep('openai-beta', 'assistants=v2'), '');
    assert.equal(keep('anthropic-version', '2023-06-01'), '2023-06-01');
  });
});
