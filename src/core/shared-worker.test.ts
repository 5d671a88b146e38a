import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import type { Isolation } from './mailbox-protocol.ts';
import { mayShareWorker } from './shared-worker.ts';

const SCRIPT: Block = { block: 'script', run: 'true' };
const COMMAND: Block = { block: 'agent', adapter: 'command', command: ['true'] };
const PLAIN = {
  isolation: 'bubblewrap' as Isolation,
  pipeline: [SCRIPT, COMMAND, { block: 'capture', what: 'patch' }] as Block[],
};

it('shared worker: attempts whose blocks are in a sandbox, and which are given nothing by their worker, may share a process', () => {
  assert.equal(mayShareWorker(PLAIN), true);
});

for (const [title, job] of [
  ['without a sandbox', { ...PLAIN, isolation: 'none' }],
  ['in another container', { ...PLAIN, isolation: 'container' }],
  ['with a secret', { ...PLAIN, pipeline: [SCRIPT, { ...SCRIPT, secrets: { TOKEN: 'token' } }] }],
  ['with a secret in a file', { ...PLAIN, pipeline: [{ ...COMMAND, secrets: { TOKEN: { file: 'token' } } }] }],
  ['that asks a model', { ...PLAIN, pipeline: [{ block: 'agent', adapter: 'codex', model: 'm', prompt: 'p' }] }],
  ['that is let out', { ...PLAIN, egress: { ask: [], allow: [], deny: [] } }],
] as [string, Parameters<typeof mayShareWorker>[0]][]) {
  it(`shared worker: an attempt ${title} has a process of its own`, () => {
    assert.equal(mayShareWorker(job), false);
  });
}
