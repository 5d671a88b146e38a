import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listeningTold } from '../../test/support/listening-told.ts';
import { fillSlot } from './fill-slot.ts';

const OWNER = 'AIDAEXAMPLEEXAMPLE';
const schedule = {
  name: 'nightly',
  expression: 'rate(1 hour)',
  start: '2026-01-01T00:00:00Z',
  queue: 'default',
  principal: OWNER,
  spec: { kind: 'Run' },
};

async function fill(events: object[], now = '2026-11-21T10:30:00Z'): Promise<Map<string, string>> {
  const written = new Map<string, string>();
  const duties = {
    nowMs: () => Date.parse(now),
    async writeOnce(key: string, text: string) {
      if (written.has(key)) return false;
      written.set(key, text);
      return true;
    },
  };
  for (const event of events) await fillSlot(duties, event, listeningTold());
  return written;
}

describe('slot', () => {
  it('one object for a slot, however often and however late the scheduler calls', async () => {
    const planned = { scheduledTime: '2026-11-21T10:00:00Z', schedule };
    const written = await fill([
      planned,
      planned,
      { ...planned, scheduledTime: '2026-11-21T10:00:00.000Z' },
      { schedule },
    ]);
    assert.equal(written.size, 1);
    const [[key, text]] = [...written] as [[string, string]];
    assert.match(key, new RegExp(`^inbox/default/${OWNER}/slot-[0-9a-f]{64}\\.json$`));
    assert.deepEqual(JSON.parse(text), { kind: 'Run' });
  });

  it('another slot, and another schedule at the same time, are other objects', async () => {
    const at = (scheduledTime: string, name = 'nightly') => ({ scheduledTime, schedule: { ...schedule, name } });
    const written = await fill([
      at('2026-11-21T10:00:00Z'),
      at('2026-11-21T11:00:00Z'),
      at('2026-11-21T10:00:00Z', 'other'),
    ]);
    assert.equal(written.size, 3);
  });

  it('a time that nobody filled in is made up from the schedule', async () => {
    const unfilled = { scheduledTime: '<aws.scheduler.scheduled-time>', schedule };
    const written = await fill([unfilled, { scheduledTime: '2026-11-21T10:00:00Z', schedule }]);
    assert.equal(written.size, 1);
  });

  it('a principal or a queue that would lead out of its folder is refused', async () => {
    for (const wrong of [{ principal: '../x' }, { queue: 'a/b' }, { principal: '' }]) {
      await assert.rejects(fill([{ schedule: { ...schedule, ...wrong } }]));
    }
  });
});
