import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conditions, type GroupRun, summarise } from './summary.ts';

const conditions: Conditions = { skipsAllowed: false, absent: [], elapsedMs: 1000, root: '/repo' };

function groupRun(change: Partial<GroupRun> = {}): GroupRun {
  return {
    group: 'unit',
    files: ['a.test.ts'],
    throughSuite: [],
    exit: 0,
    elapsedMs: 1000,
    totals: { passed: 2, failed: 0, skips: [], fileMs: { '/repo/a.test.ts': 5 } },
    output: '',
    ...change,
  };
}

function withSkip(reason: string): GroupRun {
  const totals = { passed: 1, failed: 0, skips: [{ title: 't', reason }], fileMs: { '/repo/a.test.ts': 5 } };
  return groupRun({ totals });
}

function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1);
}

test('summary: the totals over all groups are the last line', () => {
  const { ok, text } = summarise([groupRun(), groupRun({ group: 'flow' })], conditions);
  assert.equal(ok, true);
  assert.equal(lastLine(text), '4 passed, 0 failed, 0 skipped');
});

test('summary: a failed test makes the run red', () => {
  const totals = { passed: 2, failed: 1, skips: [], fileMs: { '/repo/a.test.ts': 5 } };
  const { ok, text } = summarise([groupRun({ exit: 1, totals })], conditions);
  assert.equal(ok, false);
  assert.equal(lastLine(text), '2 passed, 1 failed, 0 skipped');
});

test('summary: a process that died before its totals makes the run red, whatever else passed', () => {
  const { ok, text } = summarise([groupRun(), groupRun({ group: 'flow', exit: null, totals: null })], conditions);
  assert.equal(ok, false);
  assert.match(text, /fault: flow: the test process died/);
});

test('summary: an exit code that the tests do not explain makes the run red', () => {
  assert.equal(summarise([groupRun({ exit: 7 })], conditions).ok, false);
});

test('summary: a file that ran no test and a group without files make the run red', () => {
  const silent = groupRun({ files: ['a.test.ts', 'b.test.ts'] });
  assert.match(summarise([silent], conditions).text, /fault: unit: b\.test\.ts ran no test/);
  assert.equal(summarise([silent], conditions).ok, false);
  assert.equal(summarise([{ ...silent, throughSuite: ['b.test.ts'] }], conditions).ok, true);
  assert.equal(summarise([groupRun(), groupRun({ group: 'flow', files: [], totals: null })], conditions).ok, false);
});

test('summary: the budget is told where exactly the groups that it is for have run', () => {
  const quick = [groupRun(), groupRun({ group: 'flow' }), groupRun({ group: 'architecture' })];
  assert.match(summarise(quick, conditions).text, /wall clock: 1\.0 s of a budget of 15\.0 s/);
  assert.doesNotMatch(summarise([...quick, groupRun({ group: 'crash' })], conditions).text, /budget/);
});

test('summary: nothing run is not a success', () => {
  assert.equal(summarise([], conditions).ok, false);
});

test('summary: a skip is refused unless skips are allowed or its component really is absent', () => {
  const run = withSkip('needs the public test vectors');
  assert.equal(summarise([run], conditions).ok, false);
  assert.equal(summarise([run], { ...conditions, skipsAllowed: true }).ok, true);
  assert.equal(summarise([run], { ...conditions, absent: ['vectors'] }).ok, true);
  assert.equal(summarise([withSkip('flaky')], { ...conditions, absent: ['vectors'] }).ok, false);
});
