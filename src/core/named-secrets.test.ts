import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { bedrockModel, hasChannel, isNamed, namedSecrets, sessionWith } from './named-secrets.ts';

const script: Block = { block: 'script', run: 'true', secrets: { A: 'token', B: { file: 'key' }, C: 'token' } };
const plain: Block = { block: 'script', run: 'true' };
const agent: Block = { block: 'agent', adapter: 'bedrock', model: 'small', prompt: 'Do it.' };

it('an attempt asks for the secrets of its blocks and for sessions with its models, each once and in order', () => {
  assert.deepEqual(namedSecrets({ pipeline: [script, plain], models: ['z.1:0', 'small'] }), [
    ...['key', 'model:small', 'model:z.1:0', 'token'],
  ]);
  // A model that a block names has no session for that alone: the deployment says with which there are.
  assert.deepEqual(namedSecrets({ pipeline: [agent, plain] }), []);
  assert.deepEqual(
    [
      { pipeline: [plain] },
      { pipeline: [agent] },
      { pipeline: [script] },
      { pipeline: [agent], models: ['small'] },
    ].map(hasChannel),
    [false, false, true, true],
  );
});

it('a session is with the model behind its colon, and no secret is called so', () => {
  assert.deepEqual(['model:eu.model-1:0', 'model', 'models'].map(sessionWith), ['eu.model-1:0', null, null]);
  for (const name of ['token', 'model', 'model:small', 'model:eu.model-1:0', `model:${'x'.repeat(128)}`])
    assert.ok(isNamed(name), name);
  for (const name of ['', 'a:b', 'Token', 'a..b', 'model:', 'model::x', 'model:a b', 'model:é', 'Model:small'])
    assert.ok(!isNamed(name), name);
  assert.ok(!isNamed(`model:${'x'.repeat(129)}`));
});

it('sessions are for agents that ask by the protocol of Bedrock', () => {
  assert.deepEqual([agent, { ...agent, adapter: 'codex' as const }, plain].map(bedrockModel), ['small', null, null]);
});
