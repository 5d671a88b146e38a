import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DirectoryTransport } from '@waybill/client';
import { deriveRunId } from '@waybill/verify';
import { at, DONE, PENDING, RUNNING, runOf } from '../../test/run-sample.ts';
import { call } from '../../test/scratch.ts';
import { pretendEngine, stateWith } from '../../test/state.ts';

const OPEN = runOf([DONE, RUNNING, PENDING]);
const SEALED = runOf([DONE], { state: 'done', completedAt: at(5), sealedAt: at(6) });
const GO_ON = /no engine is running on this state directory.*\ngo on +\S*waybill watch 0123456789ab/;

const SHOWN = [['status', 'latest'], ['runs'], ['explain', 'latest', 'edit-b']];

test('status, runs, explain: an open run that no engine works on is said to be stopped, and how it goes on', async (t) => {
  const dir = stateWith(t, OPEN);
  for (const verb of SHOWN) {
    const { exit, out } = await call([...verb, '--plain', '--dir', dir]);
    assert.equal(exit, 0);
    assert.match(out, GO_ON, verb.join(' '));
    assert.equal(JSON.parse((await call([...verb, '--dir', dir])).out).engineRuns, false, verb.join(' '));
  }
  const { out } = await call(['status', 'latest', '--plain', '--dir', dir]);
  assert.match(out, /running {2}5\.0 s/, 'its time stands still');
});

test('status, runs, explain: nothing of that is said while an engine works, or when nothing is left to do', async (t) => {
  const open = stateWith(t, OPEN);
  pretendEngine(open);
  for (const dir of [open, stateWith(t, SEALED)]) {
    for (const [verb = '', ...args] of SHOWN) {
      const words = [verb, ...args.map((word) => (dir === open ? word : word.replace('edit-b', 'edit-a')))];
      assert.doesNotMatch((await call([...words, '--plain', '--dir', dir])).out, /no engine/);
      assert.equal(JSON.parse((await call([...words, '--dir', dir])).out).engineRuns, true);
    }
  }
});

/** One in which a receipt is the last that an engine wrote; beside it what answers a control object, and what is no receipt. */
function acceptedOnly(t: TestContext): { dir: string; run: string } {
  const dir = stateWith(t, SEALED);
  const { principal } = new DirectoryTransport(dir);
  const [run, other] = ['full-disk', 'a-cancel'].map((id) => deriveRunId(principal, id));
  const put = (submissionId: string, name: string, text: string): void => {
    mkdirSync(join(dir, 'outbox', principal, submissionId), { recursive: true });
    writeFileSync(join(dir, 'outbox', principal, submissionId, name), text);
  };
  const receipt = { v: 1, status: 'accepted', principal, reasons: [], at: at(1) };
  put('full-disk', 'receipt-0.json', '{');
  put('full-disk', 'receipt-1.json', JSON.stringify({ ...receipt, submissionId: 'full-disk', run }));
  put('a-cancel', 'receipt-1.json', JSON.stringify({ ...receipt, submissionId: 'a-cancel', run }));
  put('refused', 'receipt-1.json', JSON.stringify({ ...receipt, status: 'conflict', run: other }));
  return { dir, run: run ?? '' };
}

test('runs: one that was accepted and has no status yet is known, and it is said how it goes on', async (t) => {
  const { dir, run } = acceptedOnly(t);
  const lines = (await call(['runs', '--dir', dir])).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((one) => [one.submissionId, one.state, one.engineRuns]).sort(), [
    ['full-disk', 'accepted', false],
    ['nightly-1', 'done', true],
  ]);
  const shown = (await call(['runs', '--plain', '--dir', dir])).out;
  assert.match(shown, new RegExp(`${run.slice(0, 12)} +accepted.*full-disk`));
  assert.match(shown, new RegExp(`go on +\\S*waybill watch ${run.slice(0, 12)}`));
  for (const name of ['full-disk', run, run.slice(0, 8)]) {
    const { out } = await call(['status', name, '--dir', dir]);
    const { principal: _owner, ...known } = JSON.parse(out);
    assert.deepEqual(known, { run, submissionId: 'full-disk', state: 'accepted', engineRuns: false });
    const told = (await call(['status', name, '--plain', '--dir', dir])).out;
    assert.match(
      told,
      new RegExp(`^accepted run ${run} from submission full-disk.*\\n[\\s\\S]*watch ${run.slice(0, 12)}`),
    );
    for (const verb of [
      ['explain', name, 'a'],
      ['cancel', name],
      ['patch', name, 'a'],
      ['audit', 'verify', name],
    ]) {
      const { exit, err } = await call([...verb, '--dir', dir]);
      const { code, problem, fix } = JSON.parse(err).error;
      assert.deepEqual([exit, code], [4, 'OBJECT_MISSING'], verb.join(' '));
      assert.match(`${problem} ${fix}`, new RegExp(`was accepted.*waybill watch ${run.slice(0, 12)}`));
    }
  }
  const broken = { WAYBILL_ENGINE: join(dir, 'no-engine.js') };
  const watched = await call(['watch', 'full-disk', '--dir', dir], broken);
  assert.deepEqual([watched.exit, JSON.parse(watched.err).error.code], [5, 'ENGINE_UNREACHABLE'], 'it starts one');
  for (const name of ['a-cancel', 'refused'])
    assert.match((await call(['status', name, '--dir', dir])).err, /no run has the id/);
});

test('status, runs: a run that was aborted is called so, and nothing goes on in it', async (t) => {
  const aborted = { at: at(8), reason: 'gave_up' };
  const dir = stateWith(t, { ...OPEN, state: 'cancelled', completedAt: at(8), aborted });
  const status = await call(['status', 'latest', '--plain', '--dir', dir]);
  assert.match(status.out, /^nightly 0123456789ab {2}aborted {2}8\.0 s.*\naborted {2}gave_up: .* never sealed/);
  assert.match(status.out, /edit-b +running +6\.0 s/);
  assert.doesNotMatch(status.out, /no engine/);
  const runs = await call(['runs', '--plain', '--dir', dir]);
  assert.match(runs.out, /nightly {2}aborted/);
});
