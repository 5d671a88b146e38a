/** A run in the middle of its life, as an engine would report it, and the words that its views must not let through. */
import type { ItemState, ItemStatus, RunStatus } from '@waybill/client';
import { ITEM_STATES } from '@waybill/client';

export const OPENED_AT = '2026-11-21T05:00:00.000Z';
export const RUN_ID = '0123456789abcdef0123456789abcdef';
/** Colours, a cursor jump, a line break, a right-to-left override and a zero-width space. */
export const HOSTILE = '\x1b[31mred\x1b[2J\nnext\u202egnp\u200b';

/** What no view may hold: everything that is not seen, except the ends of lines. */
export const UNSEEN: RegExp = /(?!\n)\p{C}/u;

export function atMs(seconds: number): number {
  return Date.parse(OPENED_AT) + seconds * 1000;
}

export function at(seconds: number): string {
  return new Date(atMs(seconds)).toISOString();
}

const DIGEST = `sha256:${'a'.repeat(64)}` as const;

export function item(id: string, state: ItemState, rest: Partial<ItemStatus> = {}): ItemStatus {
  return { id, state, attempts: [], ...rest };
}

export const DONE: ItemStatus = item('edit-a', 'done', {
  attempts: [
    {
      attempt: 1,
      id: 'a1'.repeat(16),
      startedAt: at(1),
      endedAt: at(2),
      outcome: 'failed',
      reason: 'exit_nonzero',
      exit: 1,
      outputs: [],
    },
    {
      attempt: 2,
      id: 'a2'.repeat(16),
      startedAt: at(3),
      endedAt: at(4.5),
      outcome: 'succeeded',
      reason: 'ok',
      exit: 0,
      outputs: [
        { name: 'patch', kind: 'patch', sha256: DIGEST, sizeBytes: 2048 },
        { name: 'log', kind: 'log', sha256: DIGEST, sizeBytes: 10 },
      ],
    },
  ],
});

export const RUNNING: ItemStatus = item('edit-b', 'running', {
  progress: { block: 1, of: 2, label: 'script' },
  attempts: [{ attempt: 1, id: 'b1'.repeat(16), startedAt: at(2), outputs: [] }],
});

export const LOCKED: ItemStatus = item('edit-c', 'ready', {
  waiting: { locks: [{ name: 'repo:api', holders: [{ run: RUN_ID, item: 'edit-b' }] }] },
});

export const FAILED: ItemStatus = item('lint', 'failed', {
  reason: 'exit_nonzero',
  detail: 'block 1 ended with exit code 7',
  attempts: [
    {
      attempt: 1,
      id: 'c1'.repeat(16),
      startedAt: at(1),
      endedAt: at(2),
      outcome: 'failed',
      reason: 'exit_nonzero',
      exit: 7,
      outputs: [],
    },
  ],
});

export const SKIPPED: ItemStatus = item('publish', 'skipped', { reason: 'upstream_failed', cause: 'lint' });

export const PENDING: ItemStatus = item('verify', 'pending', {
  waiting: { deps: { first: ['edit-b', 'edit-c'], count: 2 } },
});

export function runOf(items: ItemStatus[], rest: Partial<RunStatus> = {}): RunStatus {
  const states = Object.fromEntries(
    ITEM_STATES.map((state) => [state, items.filter((one) => one.state === state).length]),
  ) as Record<ItemState, number>;
  const attempts = items.reduce((sum, one) => sum + one.attempts.length, 0);
  const retries = items.reduce((sum, one) => sum + Math.max(0, one.attempts.length - 1), 0);
  return {
    v: 1,
    run: RUN_ID,
    name: 'nightly',
    queue: 'default',
    principal: 'uid-0',
    submissionId: 'nightly-1',
    state: 'running',
    at: at(5),
    openedAt: OPENED_AT,
    counts: { ...states, items: items.length, attempts, retries },
    items,
    warnings: [],
    ...rest,
  };
}
