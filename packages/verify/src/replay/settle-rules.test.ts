import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mustBeReusable } from './settle-rules.ts';

const recipe = `sha256:${'0'.repeat(64)}` as const;

test('replay: an item that becomes many has no result of its own that could be used again', () => {
  const forEach = { from: 'split', outputs: 'shards/', as: 'item', max: 2 };
  mustBeReusable('map', 'pending', { recipe }, []);
  assert.throws(() => mustBeReusable('map', 'pending', { recipe, forEach }, []), /runs nothing itself/);
});
