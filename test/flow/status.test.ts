/** What a client reads of a run, when several write it at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunStatus } from '@waybill/client/documents';
import { keys, type RunRow } from '#core/rows.ts';
import type { FlowDeps, Hints } from '#flow/deps.ts';
import { publishStatus } from '#flow/status.ts';
import { decide } from '#flow/transaction.ts';
import { Gate, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

const SILENT = new Proxy({} as Hints, { get: () => () => {} });

describe('status', { concurrency: true }, () => {
  it('is the newest in the end, whichever of two writers is the last to write', async () => {
    const ended = new Gate();
    await withBed({ execute: () => ended.opened.then(() => SUCCEEDED), status: false }, async (bed) => {
      const run = bed.submit('s', runOf([{ id: 'a' }]));
      await bed.until(async () => (await bed.itemRow(run, 'a'))?.state === 'running');
      const [reached, held] = [new Gate(), new Gate()];
      const published: RunStatus[] = [];
      let asked = 0;
      const inbox = {
        ...bed.deps.inbox,
        async publish(_principal: string, _submissionId: string, status: RunStatus) {
          asked += 1;
          if (asked === 1) {
            reached.open();
            await held.opened;
          }
          published.push(status);
        },
      };
      const deps = {
        ...bed.deps,
        inbox,
        hints: SILENT,
        lane: <T>(decision: () => Promise<T>) => decision(),
      } satisfies FlowDeps;
      const slow = publishStatus(deps, run);
      await reached.opened;
      await decide(deps, async (draft) => {
        const row = await draft.readOne<RunRow>(keys.run(run));
        draft.put(keys.run(run), { ...(row as RunRow), name: 'newest' });
      });
      await publishStatus(deps, run);
      held.open();
      await slow;
      assert.deepEqual(
        published.map(({ name }) => name),
        ['newest', 'tested', 'newest'],
        'the slow writer sees that it wrote an old one',
      );
      ended.open();
      await bed.sealed('s');
    });
  });
});
