/** When the process of a worker is there for the next attempt. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { AttemptSpec } from '../support/signed-lease.ts';
import { openWorkerBed } from '../support/worker-bed.ts';

const NOTHING: AttemptSpec = { isolation: 'bubblewrap', pipeline: [{ block: 'script', run: 'true' }] };

it('worker: an attempt that is ordered as soon as the result of another is there gets its process, and starts none', async (t) => {
  const bed = await openWorkerBed();
  const served = async (): Promise<(string | undefined)[]> => {
    const [one, next] = [await bed.post(NOTHING), await bed.post(NOTHING)];
    const following = new Promise<string>((resolve, reject) => {
      bed.mailbox.onStaged((id, kind) => {
        if (id === one.attemptId && kind === 'result') bed.launch(next).then(resolve, reject);
      });
    });
    const handles = [await bed.launch(one), await following];
    await Promise.all([one.ended, next.ended]);
    return handles.map((handle) => handle.split(':')[1]);
  };
  try {
    const { isolation, detail } = await bed.launcher.probe();
    if (isolation !== 'bubblewrap') return t.skip(`bubblewrap: ${detail}`);
    // On a machine that is busy it may not be free in time.
    for (let round = 0; round < 5; round += 1) {
      const [first, second] = await served();
      if (first === second) return;
    }
    assert.fail('each was given a process of its own');
  } finally {
    await bed.close();
  }
});
