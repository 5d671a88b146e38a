import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemStatus, RunStatus } from '@waybill/client';
import {
  at,
  atMs,
  DONE,
  FAILED,
  HOSTILE,
  item,
  LOCKED,
  PENDING,
  RUN_ID,
  RUNNING,
  runOf,
  SKIPPED,
  UNSEEN,
} from '../../test/run-sample.ts';
import { explainLines } from './explain.ts';
import { noteOf } from './item-line.ts';
import { paintLines } from './styled.ts';

function explained(
  one: ItemStatus,
  { about = {}, ...rest }: { logTail?: string; engineRuns?: boolean; nowMs?: number; about?: Partial<RunStatus> } = {},
): string {
  const hints = { command: (verb: string) => `waybill ${verb}` };
  const lines = explainLines({ run: runOf([one], about), item: one, nowMs: atMs(6), engineRuns: true, hints, ...rest });
  return paintLines(lines, { colour: false });
}

test('explain: a failed item shows its reason, its detail, the end of its log, then the fix and its attempts', () => {
  assert.equal(
    explained(FAILED, { logTail: 'line 1\nno such file\n' }),
    `✗ lint: failed, in nightly 0123456789ab, 1.0 s since its first start
why     exit_nonzero
detail  block 1 ended with exit code 7
log     ends with
  line 1
  no such file
fix     Read its log; run the script by hand in a checkout of the same commit.

ATTEMPT  OUTCOME  REASON        EXIT  TOOK
1        failed   exit_nonzero  7     1.0 s
`,
  );
});

test('explain: of what something killed it is said that no limit was seen, and not that it had too little memory', () => {
  const text = explained({ ...FAILED, reason: 'killed' });
  assert.match(text, /\nwhy {5}killed \(137\); no limit was seen to be hit\n/);
  assert.match(text, /\nfix {5}Look whether the block kills itself/);
  assert.doesNotMatch(explained({ ...FAILED, reason: 'out_of_memory' }), /137|no limit/);
});

test('explain: a bound that an item did not fit under stands there in numbers, in every view', () => {
  const run = { cap: 'run' as const, neededMicroUsd: 500_000, leftMicroUsd: 120_000, limitMicroUsd: 5_000_000 };
  const short = item('a', 'denied', { reason: 'run_cap_exhausted', exceeded: run });
  const numbers = /needs 0\.50 USD, 0\.12 USD of 5\.00 USD left of the cap of the run/;
  assert.match(explained(short), /why {5}run_cap_exhausted\nbound {3}needs/);
  assert.match(explained(short), numbers);
  assert.match(noteOf(short, runOf([short]), atMs(6)), numbers);
  const many = item('a', 'failed', { reason: 'too_many_outputs', exceeded: { outputs: 120, max: 100 } });
  assert.match(explained(many), /bound {3}120 outputs, at most 100\n/);
});

test('explain: an item that waits for a lock names the holder', () => {
  const text = explained(LOCKED);
  assert.match(text, /why {5}waits for lock repo:api, held by edit-b\n/);
  assert.match(text, new RegExp(`holder {2}repo:api: edit-b of run ${RUN_ID}\n`));
});

test('explain: a lock that is kept for another names whom for, with its run, also while it is held', () => {
  const keptFor = { run: 'f'.repeat(32), item: 'patient' };
  const kept = (holders: { run: string; item: string }[]): string =>
    explained(item('a', 'ready', { waiting: { locks: [{ name: 'b', holders, keptFor }] } }));
  assert.match(
    kept([]),
    /why {5}waits for lock b, kept for patient of run ffffffff, which others have passed too often\n/,
  );
  assert.match(kept([]), /\nkept {4}b: patient of run f{32}\n/);
  assert.match(kept([{ run: RUN_ID, item: 'h' }]), /waits for lock b, held by h, kept for patient of run ffffffff/);
});

test('explain: a queue that is defined no more is what an item waits for, and the fix does not say that it starts by itself', () => {
  const queue = { name: 'old', concurrency: 0, held: 0, state: 'gone' as const };
  const text = explained(item('a', 'ready', { waiting: { queue } }));
  assert.match(text, /why {5}waits for queue old, which is defined no more\n/);
  assert.match(text, /\nfix {5}Define it again \(queues\.json\), or cancel the run: waybill cancel 0123456789ab\n/);
  const paused = explained(item('a', 'ready', { waiting: { paused: 'run', queue } }));
  assert.match(paused, /\nthen {4}waits for queue old, which is defined no more\nfix {5}waybill resume/);
});

test('explain: of a paused run it says of a lock, a full queue and a paused one that they hold the item then', () => {
  const queue = { name: 'default', concurrency: 2, held: 2 };
  const then = (waiting: ItemStatus['waiting']): string =>
    explained(item('a', 'ready', { waiting: { paused: 'run', ...waiting } }));
  const locks = [{ name: 'l', holders: [{ run: RUN_ID, item: 'h' }] }];
  assert.match(then({ locks, queue }), /\nthen {4}waits for lock l, held by h\n/);
  assert.match(then({ queue }), /\nthen {4}waits for a slot of queue default \(2 of 2 taken\)\n/);
  assert.match(
    then({ queue: { ...queue, state: 'paused' } }),
    /\nthen {4}waits until the operator opens queue default/,
  );
});

test('explain: an item that waits for others points to the first of them', () => {
  assert.match(explained(PENDING), /why {5}waits for edit-b, edit-c\n[\s\S]*waybill explain 0123456789ab edit-b\n/);
});

test('explain: a full queue, a back-off and an imminent start are told apart', () => {
  const queue = { name: 'default', concurrency: 2, held: 2 };
  assert.match(explained(item('a', 'ready', { waiting: { queue } })), /slot of queue default \(2 of 2 taken\)/);
  assert.match(explained(item('a', 'ready', { waiting: { queue: { ...queue, held: 1 } } })), /about to start/);
  assert.match(explained(item('a', 'ready', { waiting: { notBefore: at(8) } })), /is not started for another 2\.0 s/);
});

test('explain: behind one that its queue waits for money for, an item waits for that one and not for money', () => {
  const queue = { name: 'default', concurrency: 2, held: 0 };
  const behind = (run: string): string =>
    explained(item('a', 'ready', { waiting: { queue, behind: { run, item: 'dear' } } }));
  assert.match(behind(RUN_ID), /why {5}waits behind dear, for which its queue waits for money\n/);
  assert.match(behind('f'.repeat(32)), /waits behind dear of run ffffffff, for which/);
});

test('explain: a pause says who ends it and what holds the item then; a rate says when the next one starts', () => {
  const queue = { name: 'default', concurrency: 2, held: 0 };
  const paused = explained(item('a', 'pending', { waiting: { paused: 'run', deps: { first: ['b'], count: 1 } } }));
  assert.match(
    paused,
    /why {5}waits until the run is resumed\nthen {4}waits for b\nfix {5}waybill resume 0123456789ab\n/,
  );
  const closed = explained(item('a', 'ready', { waiting: { paused: 'queue', queue } }));
  assert.match(closed, /why {5}waits until the operator opens queue default again\n/);
  const rate = { starts: 10, perSeconds: 60, next: at(9) };
  const paced = explained(item('a', 'ready', { waiting: { queue, rate } }));
  assert.match(paced, /the queue starts 10 in 1 m 00 s, the next in 3\.0 s\n/);
});

test('explain: a wait for what other runs do is told with the age of the status, any other and a fresh one without', () => {
  const queue = { name: 'default', concurrency: 2, held: 2 };
  const aged = (waiting: NonNullable<ItemStatus['waiting']>, nowMs = atMs(17)): string =>
    explained(item('a', 'ready', { waiting }), { nowMs });
  const age = /\nstatus {2}as of 05:00:05 UTC, 12 s ago: what other runs have done since is not in it\nfix/;
  const cap = { limitMicroUsd: 2, leftMicroUsd: 1 };
  const behind = { run: 'f'.repeat(32), item: 'dear' };
  const locks = [{ name: 'l', holders: [behind] }];
  const paused = { paused: 'run' as const, queue };
  for (const waiting of [{ queue }, { locks }, { behind }, { cap: { cap: 'day' as const, ...cap } }, paused])
    assert.match(aged(waiting), age);
  assert.doesNotMatch(aged({ queue }, atMs(6)), /as of/);
  const own = [{ cap: { cap: 'run' as const, ...cap } }, { notBefore: at(60) }, { deps: { first: ['b'], count: 1 } }];
  for (const waiting of own) assert.doesNotMatch(aged(waiting), /as of/);
});

test('explain: no time that has passed is told as one to come', () => {
  const queue = { name: 'default', concurrency: 2, held: 0 };
  const late = (waiting: NonNullable<ItemStatus['waiting']>): string =>
    explained(item('a', 'ready', { waiting }), { nowMs: atMs(17) });
  const rate = { starts: 10, perSeconds: 60, next: at(9) };
  assert.match(late({ queue, rate }), /why {5}waits for its turn: the queue starts 10 in 1 m 00 s\n/);
  assert.match(late({ notBefore: at(9) }), /why {5}about to line up\n/);
  const cap = { cap: 'day' as const, limitMicroUsd: 2_000_000, leftMicroUsd: 0, turns: at(9) };
  assert.match(late({ queue, cap }), /why {5}waits for the cap of the day: 0\.00 USD of 2\.00 USD left\n/);
  const gate = { approved: 0, rejected: 0, approvals: 1, reviewers: ['ann'], expires: at(9) };
  assert.match(late({ gate }), /why {5}waits for the gate: 0 of 1 approve, by ann\n/);
});

test('explain: what waits in a run with a wall clock is told how long that lasts', () => {
  const run = { ...runOf([PENDING]), deadlineAt: at(66) };
  const hints = { command: (verb: string) => `waybill ${verb}` };
  const lines = explainLines({ run, item: PENDING, nowMs: atMs(6), engineRuns: true, hints });
  assert.match(paintLines(lines, { colour: false }), /\nuntil {3}1 m 00 s from now, when the wall clock/);
  assert.doesNotMatch(explained(PENDING), /\nuntil/);
});

test('explain: without an engine nothing moves, and the fix starts one', () => {
  for (const one of [PENDING, RUNNING]) {
    const text = explained(one, { engineRuns: false });
    assert.match(text, /no engine is running on this state directory.*\ngo on {3}waybill watch 0123456789ab\n/);
    assert.doesNotMatch(text, /\nnow|\n1 +running/);
  }
});

test('explain: a skipped item points to its cause; a done one to what it yielded; a running one to what it does', () => {
  assert.match(explained(SKIPPED), /upstream_failed, because of lint\n[\s\S]*waybill explain 0123456789ab lint\n/);
  assert.match(explained(DONE), /yield {3}patch 2\.0 KiB\n/);
  assert.match(explained(RUNNING), /now {5}block 1 of 2: script\n/);
});

test('explain: an item that was not in the plan says what it came from', () => {
  assert.match(explained(item('map~1', 'done', { addedBy: { item: HOSTILE } })), /\nfrom {4}one of those that /);
  const control = `sha256:${'0'.repeat(64)}` as const;
  assert.match(
    explained(item('late', 'done', { addedBy: { control } })),
    new RegExp(`\nfrom {4}added by ${control}\n`),
  );
  assert.doesNotMatch(explained(DONE), /\nfrom/);
});

test('explain: a usage file that could not be read says why, whatever became of the item', () => {
  const usageProblem = `block 1: usage.v is missing ${HOSTILE}`;
  for (const state of ['done', 'failed', 'ready'] as const) {
    const text = explained(item('a', state, { usageProblem }));
    assert.match(text, /\nusage {3}what it used is not known, .*: block 1: usage\.v is missing .*cap-the-spend\.md/s);
    assert.doesNotMatch(text, UNSEEN);
  }
  assert.doesNotMatch(explained(DONE), /\nusage/);
});

test('explain: an intent that is none is told with its file, and with what to do', () => {
  const detail = 'outputs/.waybill/intents/a.json: intent.v: is none of 1 (INTENT_INVALID). Write it.';
  const text = explained({ ...FAILED, reason: 'intent_invalid', detail });
  assert.match(text, /\ndetail {2}outputs\/\.waybill\/intents\/a\.json: intent\.v: is none of 1/);
  assert.match(text, /\nfix {5}Write the intent that the detail names/);
});

test('explain: while items are written into a run, what waits in it is told so', () => {
  const busy = explained({ ...item('a', 'ready'), waiting: {} }, { about: { extending: true } });
  assert.match(busy, /\nbusy {4}items that were added to the run are being written\n/);
  assert.doesNotMatch(explained({ ...item('a', 'ready'), waiting: {} }), /\nbusy/);
});

test('explain: an unknown reason still gets the advice of its outcome', () => {
  assert.match(explained({ ...FAILED, reason: 'from_the_future' }), /fix {5}Read its log/);
});

test('explain: an attempt without a log is said to have none, and an item without an attempt has nothing to say', () => {
  assert.match(explained(FAILED), /\nlog {5}its last attempt left none\nfix/);
  for (const one of [SKIPPED, RUNNING]) assert.doesNotMatch(explained(one), /\nlog/);
});

test('explain: nothing from documents and logs reaches the terminal unescaped', () => {
  const hostile = item(HOSTILE, 'failed', { reason: HOSTILE, detail: HOSTILE, cause: HOSTILE });
  assert.doesNotMatch(explained(hostile, { logTail: HOSTILE }), UNSEEN);
});

test('explain: an item that waits for people says for how many of whom, until when, and how to decide', () => {
  const gate = { approved: 1, rejected: 1, approvals: 2, reviewers: ['ada', 'bob', HOSTILE], expires: at(66) };
  const text = explained(item('go', 'suspended', { waiting: { gate } }));
  assert.match(text, /why {5}waits for the gate: 1 of 2 approve, 1 against, by ada, bob, .*; denied in 1 m 00 s\n/);
  assert.match(text, /fix {5}waybill approve 0123456789ab go\n/);
  assert.equal(text.includes(HOSTILE), false);
  const about = { ...gate, reviews: ['a'], reviewed: `sha256:${'0a'.repeat(32)}` as const };
  const reviewing = explained(item('go', 'suspended', { waiting: { gate: about } }));
  assert.match(reviewing, /about {3}outputs of a: sha256:(0a){32}\n/);
  assert.match(reviewing, /fix {5}waybill approve 0123456789ab go --reviewed sha256:0a0a0a0a0a0a0a0a\n/);
});

test('explain: what an item asks is shown whole, without what would steer a terminal, and how to answer it', () => {
  const asking = (text: string): string =>
    explained(
      item('a', 'suspended', { waiting: { question: { text, sha256: `sha256:${'0'.repeat(64)}`, attempt: 1 } } }),
    );
  assert.match(asking('Which region?\n'), /asks: Which region\?\n[\s\S]*waybill answer \w+ a --text/);
  const long = asking(`First, ${'a'.repeat(90)}\n\u001b[31mthen the last?\n`);
  assert.match(long, /asks: First, a+~ …/);
  assert.match(long, /then the last\?/);
  assert.doesNotMatch(long, UNSEEN);
});

test('explain: of an item that asked and ran out of time it is said how to answer it the next time', () => {
  const [attempt] = FAILED.attempts;
  assert.ok(attempt);
  const asked = { ...attempt, outcome: 'deferred' as const, reason: 'needs_input', exit: 20 };
  const late = { ...FAILED, reason: 'deadline_exceeded' };
  assert.match(
    explained({ ...late, attempts: [asked] }),
    /\nfix {5}It asked, and nobody answered in time: .* \(waybill answer <run> lint --text "…"\)\. Raise `spec\.caps\.wallClock`/,
  );
  assert.doesNotMatch(explained(late), /nobody answered/);
});

test('explain: what an item has kept is shown while it waits and when it has failed', () => {
  const checkpoint = { attempt: 2, sizeBytes: 2048 };
  for (const state of ['ready', 'failed'] as const)
    assert.match(
      explained(item('a', state, { checkpoint })),
      /\nkept {4}by attempt 2: 2\.0 KiB, from which its next/,
      state,
    );
  assert.doesNotMatch(explained(item('a', 'ready', {})), /kept/);
});

test('explain: what an item reached outside, and what it was refused', () => {
  const counts = { connections: 2, sentBytes: 300, receivedBytes: 4_096 };
  const seen = [
    { block: 0, host: 'a.example.org', port: 443, ...counts },
    { block: 1, host: HOSTILE, port: 80, refused: 'address' as const, ...counts, connections: 1 },
    { block: 1, refused: 'malformed' as const, ...counts },
  ];
  const more = { connections: 1, refused: 7, sentBytes: 0, receivedBytes: 0 };
  const text = explained({ ...DONE, egress: { seen, more } });
  assert.match(text, /^outside block 1, a\.example\.org port 443, 2 connections: 300 B sent, 4\.0 KiB received$/m);
  assert.match(text, /^ {8}block 2, .* port 80, 1 connection: refused: address$/m);
  assert.match(text, /^ {8}block 2, what cannot be read, 2 connections: refused: malformed$/m);
  assert.match(text, /^ {8}and 1 connection more, and 7 more that were refused$/m);
  assert.doesNotMatch(text, UNSEEN);
  assert.doesNotMatch(explained(DONE), /outside/);
});
