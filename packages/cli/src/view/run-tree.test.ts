import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  at,
  atMs,
  DONE,
  FAILED,
  HOSTILE,
  item,
  LOCKED,
  PENDING,
  RUNNING,
  runOf,
  SKIPPED,
  UNSEEN,
} from '../../test/run-sample.ts';
import { changeLines, itemChanges } from './run-changes.ts';
import { summaryLines } from './run-summary.ts';
import { abortedLines, runTreeLines } from './run-tree.ts';
import { type Line, paintLines } from './styled.ts';

const ALL = [DONE, RUNNING, LOCKED, FAILED, SKIPPED, PENDING];
const DEPTHS = new Map([
  ['edit-a', 0],
  ['edit-b', 0],
  ['edit-c', 0],
  ['verify', 1],
  ['lint', 0],
  ['publish', 1],
]);

function plain(lines: readonly Line[]): string {
  return paintLines(lines, { colour: false });
}

test('run tree: a run that is being extended says so', () => {
  const head = plain(runTreeLines({ run: { ...runOf([DONE]), extending: true }, depths: DEPTHS, nowMs: atMs(6) }));
  assert.match(head, /^nightly \w+ {2}running, is being extended {2}/);
});

test('run tree: retries are those of failures; what else was tried again goes by its own word', () => {
  const run = runOf([DONE]);
  const counts = { ...run.counts, retries: 2, questions: 1, requeues: 3, lost: 2, putOff: 4 };
  const head = plain(runTreeLines({ run: { ...run, counts }, depths: DEPTHS, nowMs: atMs(6) })).split('\n')[0] ?? '';
  assert.ok(head.endsWith('1 done; 2 retries; 1 question; 3 sent back; 2 lost workers; 4 put off'), head);
});

test('run tree: every item on one line, under what it waits for, with what it does now', () => {
  const view = plain(runTreeLines({ run: runOf(ALL), depths: DEPTHS, nowMs: atMs(6) }));
  assert.equal(
    view,
    `nightly 0123456789ab  running  6.0 s  6 items: 1 done, 1 failed, 1 skipped, 1 running, 1 ready, 1 pending; 1 retry

✓ edit-a     done          3.5 s  attempt 2  patch 2.0 KiB
▶ edit-b     running       4.0 s             block 1 of 2: script
○ edit-c     ready                           waits for lock repo:api, held by edit-b
·   verify   pending                         waits for edit-b, edit-c
✗ lint       failed        1.0 s             exit_nonzero
-   publish  skipped                         upstream_failed (lint)
`,
  );
});

test('run tree: a screen too small for all items shows the failed and the running ones, and how many are hidden', () => {
  const many = Array.from({ length: 50 }, (_, n) => item(`done-${n}`, 'done'));
  const view = plain(
    runTreeLines({ run: runOf([...many, RUNNING, FAILED]), depths: new Map(), nowMs: atMs(6), rows: 6 }),
  );
  assert.equal(view.split('\n').length - 1, 6);
  assert.match(view, /▶ edit-b/);
  assert.match(view, /✗ lint/);
  assert.match(view, /… 49 more items/);
});

test('run tree: what waits for other runs is told with the age of the status, once, when that is not fresh', () => {
  const age = /what waits for other runs is as of 05:00:05 UTC, 12 s ago\n/g;
  const shown = (items: typeof ALL, nowMs: number): string =>
    plain(runTreeLines({ run: runOf(items), depths: DEPTHS, nowMs }));
  assert.equal(shown([LOCKED, LOCKED], atMs(17)).match(age)?.length, 1);
  assert.doesNotMatch(shown([LOCKED], atMs(6)), /as of/);
  assert.doesNotMatch(shown([RUNNING, PENDING], atMs(17)), /as of/);
});

test('run tree: names and warnings from a document cannot move the cursor or hide anything', () => {
  const run = runOf([item(HOSTILE, 'failed', { reason: HOSTILE, cause: HOSTILE })], {
    name: HOSTILE,
    warnings: [HOSTILE],
  });
  const view = plain([
    ...runTreeLines({ run, depths: new Map(), nowMs: atMs(1) }),
    ...changeLines(itemChanges(run, null), run),
    ...summaryLines({ run, nowMs: atMs(1), hints: { command: (verb) => verb } }),
  ]);
  assert.match(view, /\\u\{1b\}\[31mred/);
  assert.doesNotMatch(view, UNSEEN);
});

test('run tree: an unknown state of a newer engine is shown, not thrown at', () => {
  const odd = item('a', 'paused' as 'done');
  assert.match(plain(runTreeLines({ run: runOf([odd]), depths: new Map(), nowMs: 0 })), /\? a +paused/);
});

test('run changes: only what changed since the status before is said', () => {
  const before = runOf([RUNNING, PENDING]);
  const after = runOf([{ ...RUNNING, state: 'done' }, PENDING]);
  assert.deepEqual(
    itemChanges(after, before).map(({ id }) => id),
    ['edit-b'],
  );
  assert.deepEqual(itemChanges(before, before), []);
  assert.equal(plain(changeLines([FAILED], after)), '   5.0 s  ✗ lint                  failed     exit_nonzero\n');
});

test('run summary: a table of items, the loud warnings, and the commands that come next', () => {
  const run = runOf([DONE, FAILED, SKIPPED], {
    state: 'failed',
    completedAt: '2026-11-21T05:00:05.000Z',
    warnings: ['UNSANDBOXED: 3 attempts'],
  });
  assert.equal(
    plain(summaryLines({ run, nowMs: atMs(99), hints: { command: (verb) => `waybill ${verb}` } })),
    `nightly 0123456789ab  failed  5.0 s  3 items: 1 done, 1 failed, 1 skipped; 1 retry
WARNING  UNSANDBOXED: 3 attempts

ITEM     STATE      TRY        FROM    TOOK   YIELD
edit-a   ✓ done     attempt 2  +1.0 s  3.5 s  patch 2.0 KiB
lint     ✗ failed              +1.0 s  1.0 s  exit_nonzero
publish  - skipped                            upstream_failed (lint)

why       waybill explain 0123456789ab lint
patch     waybill patch 0123456789ab edit-a
audit     waybill audit verify 0123456789ab
`,
  );
});

test('run summary: it asks why of an item that ended what came behind it, and of none where the run is done', () => {
  const shown = (run: Parameters<typeof summaryLines>[0]['run']): string =>
    plain(summaryLines({ run, nowMs: atMs(99), hints: { command: (verb) => verb } }));
  const optional = { ...FAILED, id: 'optional' };
  const denied = item('gate', 'denied', { reason: 'rejected' });
  assert.match(shown(runOf([optional, FAILED, SKIPPED], { state: 'failed' })), /why {7}explain 0123456789ab lint\n/);
  assert.match(shown(runOf([optional, denied], { state: 'failed' })), /why {7}explain 0123456789ab gate\n/);
  assert.match(shown(runOf([optional], { state: 'failed' })), /why {7}explain 0123456789ab optional\n/);
  const passed = { ...optional, isLetPass: true as const };
  assert.match(shown(runOf([passed, FAILED], { state: 'failed' })), /why {7}explain 0123456789ab lint\n/);
  const causing = { ...SKIPPED, cause: 'optional' };
  assert.match(shown(runOf([passed, FAILED, causing], { state: 'failed' })), /why {7}explain 0123456789ab lint\n/);
  assert.doesNotMatch(shown(runOf([DONE, optional], { state: 'done' })), /why/);
});

test('tree: of a run that no store knows no log is called to witness', () => {
  const lineOf = (reason: string): string =>
    JSON.stringify(abortedLines(runOf([], { aborted: { at: at(1), reason } })));
  assert.match(lineOf('not_in_store'), /does not know this run/);
  assert.match(lineOf('store_lost'), /the log says/);
});
