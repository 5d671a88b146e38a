import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunStatus } from '@waybill/client';
import { digestOf } from '@waybill/verify';
import { VERIFY_FLAGS } from '@waybill/verify/flags';
import { DONE, HOSTILE, RUN_ID, runOf, UNSEEN } from '../test/run-sample.ts';
import { call, callIn, scratch } from '../test/scratch.ts';
import { PATCH, patched, pretendEngine, stateWith } from '../test/state.ts';
import { EXIT } from './exit-codes.ts';
import { VERBS } from './verbs.ts';

/** What a program does that wants to rule the screen of whoever reads it, with a tab and a word that are to stay. */
const RAW = `+\tZoë ${HOSTILE}\n`;

/** The codes of a list such as `0 ok; 1 failed`. */
function numbersIn(text: string): number[] {
  return [...text.matchAll(/(?:^|[;,]\s)(\d+) /g)].map(([, code]) => Number(code));
}

test('program: every verb of the table has a handler, and every handler file a verb', async () => {
  for (const { name, load } of VERBS) assert.equal(typeof (await load()), 'function', name);
  const files = readdirSync(join(import.meta.dirname, 'verbs')).filter((file) => !file.endsWith('.test.ts'));
  const tables = ['verbs.ts', 'pack-verbs.ts', 'registry-verbs.ts', 'secret-verbs.ts'].map((file) =>
    readFileSync(join(import.meta.dirname, file), 'utf8'),
  );
  const table = tables.join('');
  assert.deepEqual(
    files.filter((file) => !table.includes(`'./verbs/${file}'`)),
    [],
  );
});

test('program: the help names every verb and the exit codes', async () => {
  const { exit, out } = await call(['--help']);
  assert.equal(exit, 0);
  for (const { name } of VERBS) assert.ok(out.includes(name.split(' ')[0] ?? name), name);
  const [, ofVerbs = '', ofVerify = ''] = /Exit codes: ([\s\S]*)\naudit verify: (.*)/.exec(out) ?? [];
  assert.deepEqual(
    numbersIn(ofVerbs),
    Object.values(EXIT).toSorted((left, right) => left - right),
  );
  assert.deepEqual(numbersIn(ofVerify), [0, 1, 2, 3, 4, 5, 70]);
});

test('program: wrong arguments are usage errors with a fix, as JSON where no person looks', async () => {
  for (const args of [['bogus'], ['plan'], ['plan', '--bogus', 'x'], ['runs', 'too', 'many']]) {
    const { exit, err } = await call(args);
    assert.equal(exit, 4, args.join(' '));
    assert.equal(JSON.parse(err).error.code, 'USAGE');
  }
});

test('program: status, runs and explain find a run by id, by its beginning, by submission and as latest', async (t) => {
  const dir = stateWith(t, patched());
  for (const name of [RUN_ID, RUN_ID.slice(0, 6), 'nightly-1', 'latest']) {
    const { exit, out } = await call(['status', name, '--dir', dir]);
    assert.deepEqual([exit, JSON.parse(out).run], [0, RUN_ID], name);
  }
  const listed = await call(['runs', '--plain'], { WAYBILL_HOME: dir });
  assert.match(listed.out, /0123456789ab {2}nightly {2}running/);
  const explained = await call(['explain', 'latest', 'lint', '--dir', dir]);
  assert.equal(JSON.parse(explained.out).item.reason, 'exit_nonzero');
  assert.equal(JSON.parse(explained.out).at, '2026-11-21T05:00:05.000Z', 'a program can tell how old it is, too');
});

test('program: an unknown run and an unknown item are usage errors that say where to look', async (t) => {
  const dir = stateWith(t, patched());
  const run = await call(['status', 'feed', '--dir', dir]);
  assert.deepEqual([run.exit, JSON.parse(run.err).error.code], [4, 'RUN_UNKNOWN']);
  const item = await call(['explain', 'latest', 'edit-x', '--dir', dir, '--plain']);
  assert.equal(item.exit, 4);
  assert.match(item.err, /ITEM_UNKNOWN at item: the run has no item "edit-x"\n {2}fix: It has edit-a/);
});

test('program: a patch is printed as its own bytes, saved, and refused for an item without one', async (t) => {
  const dir = stateWith(t, patched());
  assert.deepEqual(await call(['patch', 'latest', 'edit-a', '--dir', dir]), { exit: 0, out: PATCH, err: '' });
  const file = join(scratch(t), 'a.patch');
  assert.equal((await call(['patch', 'latest', 'edit-a', '-o', file, '--dir', dir])).exit, 0);
  assert.equal(readFileSync(file, 'utf8'), PATCH);
  const none = await call(['patch', 'latest', 'lint', '--dir', dir]);
  assert.deepEqual([none.exit, JSON.parse(none.err).error.code], [4, 'OBJECT_MISSING']);
});

test('program: what a block wrote is escaped on every terminal, and its own bytes everywhere else', async (t) => {
  const run = patched(RAW);
  const [first] = run.items;
  first?.attempts.at(-1)?.outputs.push({ name: 'outputs/raw', kind: 'output', sha256: digestOf(RAW), sizeBytes: 1 });
  const dir = stateWith(t, run, RAW);
  for (const verb of [['logs'], ['patch'], ['outputs', 'outputs/raw']]) {
    const [name = '', ...rest] = verb;
    const args = [name, 'latest', 'edit-a', ...rest, '--dir', dir];
    for (const mode of [[], ['--plain'], ['--json']]) {
      assert.equal((await call([...args, ...mode])).out, RAW, args.join(' '));
      const shown = await callIn({ isTTY: true, env: { NO_COLOR: '1' } }, [...args, ...mode]);
      assert.doesNotMatch(shown.out.replaceAll('\t', ''), UNSEEN, [...args, ...mode].join(' '));
      assert.match(shown.out, /^\+\tZoë \\u\{1b\}\[31mred/);
    }
  }
});

test('program: the log of an earlier attempt can be asked for; one that was not tried has none', async (t) => {
  const dir = stateWith(t, patched());
  assert.equal((await call(['logs', 'latest', 'edit-a', '--attempt', '2', '--dir', dir])).out, PATCH);
  assert.equal((await call(['logs', 'latest', 'edit-a', '--attempt', 'x', '--dir', dir])).exit, 4);
  const untried = await call(['logs', 'latest', 'verify', '--dir', dir]);
  assert.match(untried.err, /verify has not been tried yet/);
});

test('program: what is no bundle is malformed, no keys are not enough, and no tier of that name is usage', async (t) => {
  const file = join(scratch(t), 'bundle.jsonl');
  writeFileSync(file, 'not a bundle\n');
  assert.equal((await call(['audit', 'verify', file])).exit, 3);
  assert.equal((await call(['audit', 'verify', file, '--require', 'blessed'])).exit, 4);
  assert.equal((await call(['audit', 'verify', file, '--keys', file])).exit, 4);
  const dir = stateWith(t, patched());
  assert.equal((await call(['audit', 'export', 'latest', '--dir', dir])).exit, 4);
});

test('program: keys that are not there yet, or were lost, are told with their path and what to do', async (t) => {
  const dir = scratch(t);
  const path = join(dir, 'keys', 'public.json');
  for (const verb of [['list'], ['export', '-o', '-'], ['fingerprint']]) {
    const { exit, err } = await call(['keys', ...verb, '--dir', dir]);
    const { error } = JSON.parse(err);
    assert.deepEqual([exit, error.code, error.path], [4, 'FILE_UNREADABLE', path]);
    assert.equal(error.problem, 'there is no such file or directory');
    assert.match(error.fix, /Submit a run first.*restore keys\/ from a backup/);
  }
  mkdirSync(join(dir, 'keys'));
  writeFileSync(path, '{}');
  assert.match((await call(['keys', 'list', '--plain', '--dir', dir])).err, /the keys cannot be used/);
});

test('program: a run without a bundle is no contradiction, and one that was aborted is not to be waited for', async (t) => {
  for (const [aborted, reason] of [
    [undefined, /no audit bundle yet/],
    [{ at: '2026-01-01T00:00:00.000Z', reason: 'gave_up' }, /never be sealed/],
  ] as const) {
    const dir = stateWith(t, { ...patched(), ...(aborted === undefined ? {} : { aborted }) });
    for (const verb of ['verify', 'export']) {
      const { exit, err } = await call(['audit', verb, 'latest', '--dir', dir]);
      assert.deepEqual([exit, JSON.parse(err).error.code], [4, 'OBJECT_MISSING'], verb);
      assert.match(err, reason);
    }
  }
});

test('program: audit verify takes every flag of the verifier, and what is wrong with one is usage', async (t) => {
  const directory = scratch(t);
  const file = join(directory, 'bundle.jsonl');
  writeFileSync(file, 'not a bundle\n');
  const exitOf = async (...args: string[]): Promise<number> => (await call(['audit', 'verify', file, ...args])).exit;
  assert.equal(await exitOf('--require', 'witnessed,tsa-attested', '--require', 'run', '--max-line-bytes', '5'), 3);
  assert.equal(await exitOf('--state', join(directory, 'seen.json')), 3);
  for (const { name, value } of VERIFY_FLAGS) {
    const wrong = value === '<directory>' ? [] : ['--require', 'signed'];
    assert.equal(await exitOf(`--${name}`, name === 'state' ? file : 'wrong', ...wrong), 4, name);
  }
  const { err } = await call(['audit', 'verify', file, '--policy', file]);
  assert.match(JSON.parse(err).error.problem, /policy file .*JSON/);
});

test('program: a bundle that is a directory, or is not there, is an unreadable file and no contradiction', async (t) => {
  const directory = scratch(t);
  for (const path of [directory, join(directory, 'absent.jsonl')]) {
    const { exit, err } = await call(['audit', 'verify', path]);
    const { code, fix } = JSON.parse(err).error;
    assert.deepEqual([exit, code, fix !== ''], [4, 'FILE_UNREADABLE', true], path);
  }
});

test('program: a bundle of another run than the promised one is found out, and a promise that is no run id is usage', async (t) => {
  const file = join(scratch(t), 'bundle.jsonl');
  writeFileSync(file, `{"format":"waybill-audit/v1","origin":"waybill.local/0123456789abcdef","run":"${RUN_ID}"}\n`);
  const identityWith = async (...args: string[]): Promise<string> => {
    const report = JSON.parse((await call(['audit', 'verify', file, ...args])).out);
    return report.checks.find(({ id }: { id: string }) => id === 'identity').detail;
  };
  assert.doesNotMatch(await identityWith(), /is about run/);
  assert.doesNotMatch(await identityWith('--run', RUN_ID), /is about run/);
  assert.match(await identityWith('--run', '0'.repeat(32), '--require', 'self-consistent'), /not 0{32}/);
  assert.equal((await call(['audit', 'verify', file, '--run', RUN_ID.slice(0, 6)])).exit, 4);
});

test('program: a file that is called like a run does not stand in for it; with a slash it is the file', async (t) => {
  const dir = stateWith(t, patched());
  const here = process.cwd();
  t.after(() => process.chdir(here));
  process.chdir(scratch(t));
  for (const name of ['latest', RUN_ID, RUN_ID.slice(0, 6), 'nightly-1', 'other']) writeFileSync(name, 'no bundle\n');
  for (const name of ['latest', RUN_ID, RUN_ID.slice(0, 6), 'nightly-1']) {
    const run = await call(['audit', 'verify', name, '--dir', dir]);
    assert.deepEqual([run.exit, JSON.parse(run.err).error.path], [4, RUN_ID], name);
    assert.equal((await call(['audit', 'verify', `./${name}`, '--dir', dir])).exit, 3, name);
  }
  assert.equal((await call(['audit', 'verify', 'other', '--dir', dir])).exit, 3);
  const neither = await call(['audit', 'verify', 'neither', '--dir', dir]);
  const { code, path, problem } = JSON.parse(neither.err).error;
  assert.deepEqual([neither.exit, code, path], [4, 'RUN_UNKNOWN', 'neither']);
  assert.match(problem, /neither a run of that name in .* nor such a file/);
});

test('program: an unforeseen error is one line without a stack, exit 70, and with a stack when asked for', async (t) => {
  t.mock.method(Date, 'now', () => {
    throw new RangeError(`no luck ${HOSTILE}`);
  });
  const dir = stateWith(t, patched());
  pretendEngine(dir);
  const args = ['explain', 'latest', 'lint', '--plain', '--dir', dir];
  const { exit, err } = await call(args);
  assert.equal(exit, 70);
  assert.match(err, /^error INTERNAL: no luck \\u\{1b\}.*WAYBILL_DEBUG=1.*\n$/);
  assert.doesNotMatch(err, UNSEEN);
  assert.match((await call(args, { WAYBILL_DEBUG: '1' })).err, /\n {4}at /);
});

test('program: init writes a spec that validates, for a plain directory and for a repository, and replaces none', async (t) => {
  for (const isRepository of [false, true]) {
    const directory = scratch(t);
    if (isRepository) mkdirSync(join(directory, '.git'));
    assert.equal((await call(['init', directory])).exit, 0);
    const { exit, out } = await call(['validate', join(directory, 'waybill.yaml')]);
    assert.deepEqual([exit, JSON.parse(out).items], [0, 2]);
    assert.equal((await call(['init', directory])).exit, 4);
    assert.equal((await call(['init', directory, '--force'])).exit, 0);
  }
});

test('program: a spec with several mistakes gets one error for each, and exit 2; what is no YAML gets exit 3', async (t) => {
  const file = join(scratch(t), 'waybill.yaml');
  writeFileSync(file, 'apiVersion: waybill/v1\nkind: Run\nmetadata: { name: X }\nspec: { items: [], extra: 1 }\n');
  const refused = await call(['validate', file]);
  assert.equal(refused.exit, 2);
  const paths = refused.err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).error.path);
  assert.deepEqual(paths, ['metadata.name', 'spec.items', 'spec.extra']);
  const plain = await call(['validate', file, '--plain']);
  assert.ok(plain.err.startsWith(`error SPEC_INVALID at ${file}:3:13 metadata.name: "X"`), plain.err);
  const { file: named, line, column } = JSON.parse(refused.err.split('\n')[2] ?? '').error;
  assert.deepEqual([named, line, column], [file, 4, 20]);
  writeFileSync(file, 'a: [');
  const broken = await call(['validate', file, '--plain']);
  assert.equal(broken.exit, 3);
  assert.ok(broken.err.startsWith(`error SPEC_SYNTAX at ${file}:1:5: `), broken.err);
  assert.equal((await call(['validate', join(file, 'absent')])).exit, 4);
});

test('program: outputs are listed, printed by name and saved, and never outside the directory', async (t) => {
  const sha256 = digestOf(PATCH);
  const named = (name: string): RunStatus => {
    const [, last] = DONE.attempts;
    const outputs = [{ name, kind: 'output' as const, sha256, sizeBytes: PATCH.length }];
    return runOf([{ ...DONE, attempts: last === undefined ? [] : [{ ...last, outputs }] }]);
  };
  const dir = stateWith(t, named('outputs/a/b.txt'));
  const target = scratch(t);
  assert.equal(JSON.parse((await call(['outputs', 'latest', 'edit-a', '--dir', dir])).out).sha256, sha256);
  assert.equal((await call(['outputs', 'latest', 'edit-a', 'a/b.txt', '--dir', dir])).out, PATCH);
  assert.equal((await call(['outputs', 'latest', 'edit-a', '-o', target, '--dir', dir])).exit, 0);
  assert.equal(readFileSync(join(target, 'a', 'b.txt'), 'utf8'), PATCH);
  assert.equal((await call(['outputs', 'latest', 'edit-a', 'c', '--dir', dir])).exit, 4);
  const inFile = await call(['outputs', 'latest', 'edit-a', '-o', join(target, 'a', 'b.txt'), '--dir', dir]);
  assert.deepEqual([inFile.exit, JSON.parse(inFile.err).error.code], [4, 'FILE_UNWRITABLE']);
  const hostile = stateWith(t, named('outputs/../../evil'));
  const { exit, err } = await call(['outputs', 'latest', 'edit-a', '-o', target, '--dir', hostile]);
  assert.deepEqual([exit, JSON.parse(err).error.code], [2, 'KEY_INVALID']);
});
