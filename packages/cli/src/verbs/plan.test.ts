import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { call, scratch } from '../../test/scratch.ts';

function fileWith(t: TestContext, text: string): string {
  const file = join(scratch(t), 'waybill.yaml');
  writeFileSync(file, text);
  return file;
}

const EXTENSION = `apiVersion: waybill/v1
kind: Extension
spec:
  items:
    - id: more
      dependsOn: [split]
      pipeline: [{ block: script, run: make }]
    - id: last
      dependsOn: [more]
      pipeline: [{ block: script, run: make }]
`;

test('validate and plan: items for a run are judged as far as they can be, and whom they need of it is said', async (t) => {
  const file = fileWith(t, EXTENSION);
  const valid = await call(['validate', file]);
  const { path: _, ...said } = JSON.parse(valid.out);
  assert.deepEqual([valid.exit, said], [0, { ok: true, kind: 'Extension', named: ['split'], items: 2, edges: 2 }]);
  const shown = await call(['validate', file, '--plain']);
  assert.match(
    shown.out,
    /^valid {2}an extension: 2 items, 2 edges\nwith the run {2}it must have split; .*waybill extend/,
  );
  const planned = JSON.parse((await call(['plan', file])).out);
  assert.deepEqual([planned.kind, planned.named, planned.levels], ['Extension', ['split'], [['more'], ['last']]]);
  const tree = (await call(['plan', file, '--plain'])).out;
  assert.match(tree, /^extension {2}2 items, 1 edge, 2 levels, up to 1 side by side\n.*\n {2}last.*with the run/s);
  assert.match((await call(['plan', file, '--mermaid'])).out, /n0 --> n1\n$/);
});

test('validate: of a source it is said that nobody has looked at it', async (t) => {
  const file = join(scratch(t), 'waybill.yaml');
  const validated = async (source: object): Promise<[unknown, string]> => {
    const spec = { ...source, items: [{ id: 'a', pipeline: [{ block: 'script', run: 'true' }] }] };
    writeFileSync(file, JSON.stringify({ apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'x' }, spec }));
    return [
      JSON.parse((await call(['validate', file])).out).isSourceUnread,
      (await call(['validate', file, '--plain'])).out,
    ];
  };
  const [isUnread, said] = await validated({ source: { git: { url: './nogit', ref: 'main' } } });
  assert.equal(isUnread, true);
  assert.match(said, /its source is looked at when it is submitted/);
  const [none, silent] = await validated({});
  assert.equal(none, undefined);
  assert.doesNotMatch(silent, /source/);
});

test('validate: what is wrong with items for a run is told with its line, and who runs them what takes them', async (t) => {
  const file = fileWith(t, EXTENSION.replace('dependsOn: [more]', 'dependsOn: [last]'));
  const { exit, err } = await call(['validate', file, '--plain']);
  assert.equal(exit, 2);
  assert.ok(err.startsWith(`error SPEC_CYCLE at ${file}:9:19 spec.items[1].dependsOn[0]`), err);
  const run = await call(['run', file, '--dir', join(scratch(t), 'none')]);
  assert.deepEqual([run.exit, JSON.parse(run.err).error.path], [2, 'kind']);
  assert.match(JSON.parse(run.err).error.fix, /waybill extend <run> <file>/);
});

const ENDLESS = `apiVersion: waybill/v1
kind: Run
metadata: { name: x }
spec:
  openEnded: true
  items:
    - { id: a, pipeline: [{ block: script, run: make }] }
`;

test('validate and plan: a run that nothing ends but people is valid, and warned of with its line and what to set', async (t) => {
  const file = fileWith(t, ENDLESS);
  for (const verb of ['validate', 'plan']) {
    const { exit, out } = await call([verb, file]);
    const [{ path, line, column, fix }] = JSON.parse(out).warnings;
    assert.deepEqual([exit, path, line, column], [0, 'spec.openEnded', 5, 3], verb);
    assert.match(fix, /wallClock/);
    assert.match(
      (await call([verb, file, '--plain'])).out,
      /\nwarning at .*:5:3 spec\.openEnded: .*for ever.*\n {2}fix: /,
    );
    const bounded = fileWith(t, ENDLESS.replace('openEnded: true', 'openEnded: true\n  caps: { wallClock: 1h }'));
    assert.equal('warnings' in JSON.parse((await call([verb, bounded])).out), false, verb);
  }
});

const AGENT = `apiVersion: waybill/v1
kind: Run
metadata: { name: x }
spec:
  items:
    - { id: a, pipeline: [{ block: agent, adapter: command, command: [work] }] }
`;

test('plan: agents that say nothing are reckoned as the state directory says, and who reads no price says so', async (t) => {
  const file = fileWith(t, AGENT);
  const dir = scratch(t);
  const reckoned = async (...more: string[]): Promise<[number, string]> => {
    const { estimate } = JSON.parse((await call(['plan', file, ...more])).out);
    return [estimate.microUsd, (await call(['plan', file, '--plain', ...more])).out];
  };
  const [unsaid, open] = await reckoned('--dir', dir);
  assert.equal(unsaid, 1_000_000);
  assert.match(open, /1\.00 USD each, unless the engine has another price/);
  writeFileSync(join(dir, 'spending.json'), JSON.stringify({ prices: { version: 'own', agentMicroUsd: 2_500_000 } }));
  const [own, told] = await reckoned('--dir', dir);
  assert.equal(own, 2_500_000);
  assert.match(told, /2\.50 USD each, as spending\.json says/);
  assert.equal((await reckoned('--dir', dir, '--target', 'aws'))[0], 1_000_000);
  writeFileSync(join(dir, 'spending.json'), JSON.stringify({ prices: { version: 'own', agentMicroUsd: 1_000_000 } }));
  assert.match((await reckoned('--dir', dir))[1], /1\.00 USD each, as spending\.json says/);
  writeFileSync(join(dir, 'spending.json'), '{}');
  const [left, unless] = await reckoned('--dir', dir);
  assert.equal(left, 1_000_000);
  assert.match(unless, /1\.00 USD each, unless the engine has another price/);
});

test('a file that is not there: each verb says what it takes', async (t) => {
  const gone = join(scratch(t), 'gone.yaml');
  const dir = join(scratch(t), 'state');
  for (const [args, fix] of [
    [['validate', gone], /run spec or a flow/],
    [['extend', 'latest', gone], /kind: Extension/],
    [['schedule', 'add', gone], /kind: Schedule/],
  ] as const) {
    const { exit, err } = await call([...args, '--dir', dir]);
    const { error } = JSON.parse(err);
    assert.deepEqual([exit, error.code, error.path], [4, 'FILE_UNREADABLE', gone], args[0]);
    assert.match(error.fix, fix);
    assert.doesNotMatch(args[0] === 'validate' ? '' : error.fix, /waybill init/);
  }
});

test('validate: what is wrong in a file that a flow includes is told with that file and its line', async (t) => {
  const directory = scratch(t);
  const file = join(directory, 'flow.yaml');
  mkdirSync(join(directory, 'shared'));
  const part = join(directory, 'shared', 'part.yaml');
  writeFileSync(part, 'apiVersion: waybill/v1\nkind: FlowPart\nagents:\n  x: { run: make, times: 3 }\n');
  const flow = 'apiVersion: waybill/v1\nkind: Flow\nmetadata: { name: f }\ninclude: [shared/part.yaml, gone.yaml]\n';
  writeFileSync(file, `${flow}tasks:\n  - { id: a, agent: x }\n`);
  const told = (await call(['validate', file])).err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).error);
  assert.deepEqual(
    told.map(({ code, file: named, line, column, path }) => [code, named, line, column, path]),
    [
      ['SPEC_UNKNOWN_KEY', part, 4, 19, 'agents.x.times'],
      ['FILE_UNREADABLE', file, 4, 29, 'include[1]'],
    ],
  );
  writeFileSync(part, 'a: [');
  const [broken] = (await call(['validate', file])).err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).error);
  assert.deepEqual([broken.file, broken.line], [part, 1]);
});
