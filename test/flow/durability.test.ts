/** Nothing leaves the store's sight before it is durable: no launch, no receipt, no byte of evidence. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AttemptRow } from '#core/rows.ts';
import { keys } from '#core/rows.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { Gate, pause, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { interceptPorts } from '../support/intercepted-ports.ts';
import { runOf } from '../support/run-spec.ts';

const EFFECTS = {
  'from the start': [
    'launcher.launch',
    'mailbox.post',
    'inbox.answer',
    'inbox.archive',
    'inbox.publish',
    'ledger.put',
    'ledger.put of a segment',
    'ledger.write',
  ],
  // Other effects may still be on their way then, from what was durable before.
  'from the last result': ['mailbox.close', 'ledger.put of a segment', 'ledger.write'],
};

/** Decides between `durable` that waits for the gate, and one that says yes while nothing is. */
type Store = 'honest' | 'lying';

/** Effects that happened while nothing could become durable: from the submission, and from the last result on. */
async function earlyEffects(store: Store, hold: keyof typeof EFFECTS): Promise<string[]> {
  const gate = new Gate();
  const early: string[] = [];
  let held = hold === 'from the start';
  let isOpen = false;
  const adapt = (deps: FlowBed['deps']): FlowBed['deps'] =>
    interceptPorts(deps, ({ port, method, args }, proceed) => {
      // The settings that an engine starts with follow from nothing in the store.
      if (String(args[0]).startsWith('policies/')) return proceed();
      const ofSegment = method === 'put' && String(args[0]).startsWith('runs/') ? ' of a segment' : '';
      const effect = `${port}.${method}${ofSegment}`;
      if (EFFECTS[hold].includes(effect) && held && !isOpen) early.push(effect);
      if (method === 'durable' && held && !isOpen)
        return store === 'lying' ? Promise.resolve() : gate.opened.then(proceed);
      return proceed();
    });
  const execute = () => {
    held = true;
    return SUCCEEDED;
  };
  await withBed({ execute, adapt }, async (bed) => {
    const run = bed.submit('s', runOf([{ id: 'x' }]));
    await bed.until(async () => {
      if (held && hold === 'from the last result') return (await bed.runRow(run))?.completedAtMs;
      const id = (await bed.itemRow(run, 'x'))?.attempts[0]?.id;
      return id && (await bed.row<AttemptRow>(keys.attempt(id)))?.state !== 'claimed';
    });
    // Statuses are made some time after what they tell of.
    await pause(400);
    isOpen = true;
    gate.open();
    const { report } = await bed.sealed('s');
    assert.equal(report.verdict, 'verified');
  });
  return early;
}

describe('flow: durability', { concurrency: true }, () => {
  it('while nothing is durable, nothing is launched and no receipt and no status is written', async () => {
    assert.deepEqual(await earlyEffects('honest', 'from the start'), []);
  });

  it('while the last result is not durable, its mailbox stays and nothing is sealed', async () => {
    assert.deepEqual(await earlyEffects('honest', 'from the last result'), []);
  });

  it('a store that lies about durability is caught by the same check', async () => {
    const early = await earlyEffects('lying', 'from the start');
    for (const effect of ['launcher.launch', 'inbox.answer', 'inbox.publish'])
      assert.ok(early.includes(effect), early.join());
    const late = await earlyEffects('lying', 'from the last result');
    assert.ok(late.includes('mailbox.close') && late.includes('ledger.put of a segment'), late.join());
  });
});
