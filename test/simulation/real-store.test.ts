import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openLocalRunStore } from '#adapters/local/run-store.ts';
import { liveSeed } from './world.ts';

const SEEDS = [106];

describe('simulation: SQLite beside the simulated table', () => {
  for (const seed of SEEDS) {
    it(`simulation: SQLite answers every call of seed ${seed} as the simulated table does, and changes nothing`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'waybill-simulation-'));
      const mirror = openLocalRunStore(join(directory, 'store.sqlite'));
      try {
        const outcome = await liveSeed({ seed, mirror });
        assert.equal(outcome.violation, null);
        assert.equal(outcome.hash, (await liveSeed({ seed })).hash);
      } finally {
        await mirror.close();
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }

  it('simulation: a store that answers anything else is found', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-simulation-'));
    const store = openLocalRunStore(join(directory, 'store.sqlite'));
    const mirror = { ...boundTo(store), query: async () => [] };
    const outcome = await liveSeed({ seed: 106, mirror });
    await store.close();
    rmSync(directory, { recursive: true, force: true });
    assert.equal(outcome.violation?.invariant, 'store');
  });
});

function boundTo(store: ReturnType<typeof openLocalRunStore>) {
  return {
    get: store.get.bind(store),
    query: store.query.bind(store),
    transact: store.transact.bind(store),
    discard: store.discard.bind(store),
    durable: store.durable.bind(store),
  };
}
