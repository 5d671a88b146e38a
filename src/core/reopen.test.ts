import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ItemState } from '@waybill/client/documents';
import { reopenable, type Standing, unmetOf } from './reopen.ts';

function standing(state: ItemState, deps: string[] = [], reason = 'upstream_failed'): Standing {
  return { state, deps, waitingOn: [], ...(state === 'skipped' ? { reason } : {}) };
}

describe('reopen', () => {
  it('everything downstream of what was opened is opened, upstream first', () => {
    const items = new Map([
      ['join', standing('skipped', ['left', 'right', 'done'])],
      ['left', standing('skipped', ['retried'])],
      ['right', standing('skipped', ['retried', 'running'])],
      ['retried', standing('pending')],
      ['running', standing('running')],
      ['done', standing('done')],
    ]);
    assert.deepEqual(reopenable(items), ['left', 'right', 'join']);
  });

  it('what still has another reason not to run stays as it is, and so does what depends on it', () => {
    for (const other of ['failed', 'cancelled', 'denied', 'skipped'] as const) {
      const items = new Map([
        ['retried', standing('pending')],
        ['other', standing(other, [], 'skip_requested')],
        ['both', standing('skipped', ['retried', 'other'])],
        ['below', standing('skipped', ['both', 'retried'])],
        ['asked', standing('skipped', ['retried'], 'skip_requested')],
        ['free', standing('skipped', ['retried'])],
      ]);
      assert.deepEqual(reopenable(items), ['free'], other);
    }
  });

  it('one that somebody asked to cancel, or whose deadline is over, stays as it is with all below', () => {
    const items = new Map([
      ['retried', standing('pending')],
      ['barred', { ...standing('skipped', ['retried']), isBarred: true }],
      ['below', standing('skipped', ['barred'])],
      ['free', standing('skipped', ['retried'])],
    ]);
    assert.deepEqual(reopenable(items), ['free']);
  });

  it('a join of thousands takes no longer than its edges', () => {
    const ids = Array.from({ length: 9_000 }, (_, n) => `i${String(n).padStart(5, '0')}`);
    const items = new Map([
      ['retried', standing('pending')],
      ...ids.map((id): [string, Standing] => [id, standing('skipped', ['retried'])]),
      ['join', standing('skipped', ids)],
    ]);
    const start = performance.now();
    assert.equal(reopenable(items).at(-1), 'join');
    assert.ok(performance.now() - start < 2_000);
  });

  it('unmet dependencies keep the rows in which they would be looked for', () => {
    const ids = Array.from({ length: 250 }, (_, n) => `i${String(n).padStart(3, '0')}`);
    const items = new Map(ids.map((id, n) => [id, standing(n < 100 || n === 249 ? 'done' : 'pending')]));
    const { root, rows } = unmetOf({ deps: ids }, items);
    assert.deepEqual(root, ['#1', '#2']);
    assert.deepEqual(
      rows.map(({ length }) => length),
      [0, 100, 49],
    );
    assert.deepEqual(unmetOf({ deps: ['i000', 'i120'] }, items), { root: ['i120'], rows: [] });
  });

  it('what an item goes on without neither holds it back nor opens it', () => {
    const onlyWaits = { needs: [] };
    const items = new Map<string, Standing>([
      ['retried', standing('pending')],
      ['passed', { ...standing('failed'), lettingPass: true }],
      ['left-out', standing('skipped', [], 'condition_false')],
      ['waits', { ...standing('skipped', ['left-out', 'passed', 'retried']), dependent: onlyWaits }],
      ['takes', { ...standing('skipped', ['passed', 'retried']), dependent: { needs: [{ from: ['passed'] }] } }],
      ['chose', { ...standing('skipped', ['passed']), dependent: { needs: [{ from: ['passed', 'left-out'] }] } }],
    ]);
    assert.deepEqual(reopenable(items), ['waits']);
  });
});
