/** Agents with a prompt through the whole engine: what their adapters claim is judged, charged and verified like anything else. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { digestOf } from '@waybill/verify';
import type { Execution } from '#adapters/in-process/executor.ts';
import { ranAlone, SUCCEEDED } from '../support/finished-run.ts';
import { eventsOf } from '../support/sealed-events.ts';

const TOKENS = { inputTokens: 1_000_000, outputTokens: 0, cachedTokens: 0 };
const MODEL = 'claude-haiku-4-5';

/** By the item, which is called after the adapter. */
const ENDS: Record<string, Execution> = {
  bedrock: { ...SUCCEEDED, usage: [{ block: 0, requested: MODEL, ...TOKENS }] },
  'claude-code': {
    ...{ outcome: 'deferred', reason: 'turn_limit', exit: 57 },
    usage: [{ block: 0, requested: MODEL, served: 'claude-sonnet-4-5', ...TOKENS }],
  },
  codex: {
    ...{ outcome: 'policy_blocked', reason: 'model_refused', exit: 54 },
    usage: [{ block: 0, requested: MODEL, served: 'unknown', ...TOKENS }],
  },
};

it('agents: the dearer of what was asked and what answered is charged, an unknown one as the dearest, and limits end deferred', async () => {
  const items = Object.keys(ENDS).map((adapter) => ({
    id: adapter,
    maxUsd: 5,
    pipeline: [{ block: 'agent', adapter, model: MODEL, prompt: 'Do it.' }],
  }));
  const document = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'agents' }, spec: { items } };
  const { states, item, events } = await ranAlone(
    {
      execute: async ({ item: id }) => ENDS[id] ?? SUCCEEDED,
      adapt: (deps) => ({
        ...deps,
        worker: { ...deps.worker, isolation: 'bubblewrap', executable: digestOf('the worker') },
      }),
    },
    document,
  );
  assert.deepEqual(states, { bedrock: 'done', 'claude-code': 'failed', codex: 'failed' });
  assert.deepEqual(
    item('claude-code')?.attempts.map(({ outcome, reason }) => [outcome, reason]),
    [['deferred', 'turn_limit']],
  );
  const charged = eventsOf(events, 'attempt.settled').map(({ data }) => [data.item, data.cost?.models]);
  assert.deepEqual(Object.fromEntries(charged), {
    bedrock: [{ model: MODEL, microUsd: 1_000_000 }],
    'claude-code': [{ model: 'claude-sonnet-4-5', microUsd: 3_000_000 }],
    codex: [{ model: 'unknown', microUsd: 15_000_000, unpriced: true }],
  });
});
