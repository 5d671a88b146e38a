import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Mailbox } from '#ports/mailbox.ts';
import { watchedMailbox } from './remembered-mailbox.ts';

const NOTHING = { heartbeat: null, heartbeatAtMs: null, result: null };

describe('watched mailbox', () => {
  it('what one asked a moment ago, the other remembers; after the time of a beat it asks by itself', async () => {
    let nowMs = 0;
    let readings = 0;
    const staged: Mailbox['staged'] = async () => ({ ...NOTHING, heartbeatAtMs: ++readings });
    const { asked, remembered } = watchedMailbox({ staged } as Mailbox, { nowMs: () => nowMs });
    const of = async (mailbox: Mailbox): Promise<number | null> =>
      (await mailbox.staged('a', 'heartbeat')).heartbeatAtMs;
    assert.deepEqual([await of(asked), await of(remembered), await of(remembered)], [1, 1, 1]);
    assert.deepEqual([await of(asked), await of(remembered)], [2, 2], 'who decides by it asks each time');
    nowMs += 100_000;
    assert.deepEqual([await of(remembered), await of(remembered)], [3, 3]);
  });

  it('what failed is not remembered', async () => {
    let isAway = true;
    const staged: Mailbox['staged'] = async () => {
      if (isAway) throw new RangeError('away');
      return NOTHING;
    };
    const { remembered } = watchedMailbox({ staged } as Mailbox, { nowMs: () => 0 });
    await assert.rejects(remembered.staged('a', 'heartbeat'), RangeError);
    isAway = false;
    assert.deepEqual(await remembered.staged('a', 'heartbeat'), NOTHING);
  });
});
