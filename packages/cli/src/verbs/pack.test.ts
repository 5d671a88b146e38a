import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { call, scratch } from '../../test/scratch.ts';

const PACK = `apiVersion: waybill/v1
kind: Pack
metadata: { name: mine, description: Mine. }
shapes:
  count:
    description: Counts words.
    inputs: { text.txt: { kind: text } }
    outputs: { count.txt: { kind: text } }
    files: { count.sh: count.sh }
    pipeline:
      - { block: script, run: sh "$WAYBILL_INPUTS/count.sh" }
      - { block: capture, what: outputs }
`;

function folderWith(t: TestContext, text: string): string {
  const folder = join(scratch(t), 'mine');
  mkdirSync(folder);
  writeFileSync(join(folder, 'pack.yaml'), text);
  writeFileSync(join(folder, 'count.sh'), 'wc -w "$WAYBILL_INPUTS/text.txt" > "$WAYBILL_OUTPUTS/count.txt"\n');
  return folder;
}

test('pack list: the packs that come with it, each with its shapes and its digest', async () => {
  const lines = (await call(['pack', 'list'])).out.trim().split('\n');
  const packs = lines.map((line) => JSON.parse(line) as { name: string; digest: string; shapes: string[] });
  const data = packs.find(({ name }) => name === 'data') ?? assert.fail();
  assert.ok(data.shapes.includes('split') && /^sha256:/.test(data.digest));
});

test('pack show: a shape says what it takes, what it leaves and what may be set', async (t) => {
  const { out } = await call(['pack', 'show', 'data/aggregate', '--plain']);
  assert.match(out, /^data\/aggregate {2}.*\nsha256:.* of pack sha256:.*\nparams\n {2}by .*a text; default ""/);
  assert.match(out, /inputs\n {2}table\.csv {3}csv\n {2}range\.json {2}json, with a schema, may be missing/);
  const folder = folderWith(t, PACK);
  const shown = JSON.parse((await call(['pack', 'show', `${folder}/count`])).out);
  assert.deepEqual(
    [shown.name, shown.shapes.length, shown.shapes[0].outputs],
    ['mine', 1, { 'count.txt': { kind: 'text' } }],
  );
  assert.equal(JSON.parse((await call(['pack', 'show', folder])).out).digest, shown.digest);
});

test('pack show: what is not there is refused, with what is', async () => {
  const shape = await call(['pack', 'show', 'data/nothing']);
  assert.deepEqual([shape.exit, JSON.parse(shape.err).error.problem], [4, 'the pack has no shape nothing']);
  const pack = await call(['pack', 'show', 'nothing']);
  assert.deepEqual([pack.exit, JSON.parse(pack.err).error.problem], [4, 'there is no pack nothing']);
});

test('pack: one that is registered is found by its name, and items use it by that', async (t) => {
  const folder = folderWith(t, PACK);
  const dir = ['--dir', join(scratch(t), 'state')];
  assert.equal((await call(['register', 'pack', folder, '--name', 'counting', ...dir])).exit, 0);
  const shown = JSON.parse((await call(['pack', 'show', 'counting/count', ...dir])).out);
  assert.equal(shown.digest, JSON.parse((await call(['pack', 'show', folder])).out).digest);
  const spec = join(folder, 'waybill.yaml');
  const item = { id: 'a', uses: 'counting/count', reads: { 'text.txt': { path: 'count.sh' } } };
  const document = { apiVersion: 'waybill/v1', kind: 'Run', metadata: { name: 'x' }, spec: { items: [item] } };
  writeFileSync(spec, JSON.stringify(document));
  const planned = JSON.parse((await call(['plan', spec, ...dir])).out);
  assert.deepEqual(planned.items[0].shape, {
    name: 'counting/count',
    pack: shown.digest,
    shape: shown.shapes[0].digest,
  });
  const elsewhere = await call(['validate', spec, '--dir', join(scratch(t), 'other')]);
  assert.deepEqual([elsewhere.exit, JSON.parse(elsewhere.err).error.path], [2, 'spec.items[0].uses']);
});

test('validate: a document that names a folder without a pack is refused as one that names no pack is', async (t) => {
  const folder = folderWith(t, PACK);
  mkdirSync(join(folder, 'part'));
  writeFileSync(join(folder, 'part', 'x'), 'x');
  const spec = join(folder, 'waybill.yaml');
  for (const kind of ['Run', 'Extension']) {
    for (const uses of ['./part/count', 'unknown/count']) {
      const metadata = kind === 'Run' ? { metadata: { name: 'x' } } : {};
      const items = [{ id: 'a', uses }];
      writeFileSync(spec, JSON.stringify({ apiVersion: 'waybill/v1', kind, ...metadata, spec: { items } }));
      assert.equal((await call(['validate', spec])).exit, 2, `${kind} ${uses}`);
    }
  }
});

test('pack validate: everything that is wrong with a folder is told at its line', async (t) => {
  const good = folderWith(t, PACK);
  assert.equal((await call(['pack', 'validate', good])).exit, 0);
  const wrong = PACK.replace('files: { count.sh: count.sh }', 'files: { a: none }').replace(
    'kind: text } }\n    files',
    'kind: csv, schema: {} } }\n    files',
  );
  writeFileSync(join(good, 'pack.yaml'), wrong);
  const { exit, err } = await call(['pack', 'validate', good, '--plain']);
  assert.equal(exit, 2);
  const places = [...err.matchAll(/^error \S+ at (\S+:\d+:\d+) /gm)].map(([, place]) => place);
  assert.deepEqual(places, [`${join(good, 'pack.yaml')}:8:40`, `${join(good, 'pack.yaml')}:9:14`]);
});

test('pack validate: a folder that is not there, or is a file, is named', async (t) => {
  const folder = folderWith(t, PACK);
  for (const [path, said] of [
    [join(folder, 'nope'), 'there is no such folder'],
    [join(folder, 'count.sh'), 'it is a file, no folder'],
  ] as const) {
    const { exit, err } = await call(['pack', 'validate', path]);
    const { code, file, problem } = JSON.parse(err).error;
    assert.deepEqual([exit, code, file, problem], [4, 'FILE_UNREADABLE', path, said]);
    assert.ok((await call(['pack', 'validate', path, '--plain'])).err.startsWith(`error FILE_UNREADABLE at ${path}: `));
  }
});

test('register: a pack whose folder has another name than its pack.yaml says is registered once somebody says which', async (t) => {
  const folder = folderWith(t, PACK.replace('name: mine', 'name: yours'));
  const dir = ['--dir', join(scratch(t), 'state')];
  const { exit, err } = await call(['register', 'pack', folder, ...dir]);
  const { code, problem, fix } = JSON.parse(err).error;
  assert.deepEqual([exit, code], [2, 'KEY_INVALID']);
  assert.equal(problem, 'the folder is called "mine", and its pack.yaml says "yours"');
  assert.match(fix, /waybill register pack <path> --name yours`\.$/);
  const valid = await call(['pack', 'validate', folder]);
  assert.deepEqual([valid.exit, JSON.parse(valid.out).warnings.length], [0, 1]);
  assert.match((await call(['pack', 'validate', folder, '--plain'])).out, /warning at .*mine.*pack\.yaml says "yours"/);
  for (const name of ['mine', 'yours'])
    assert.equal((await call(['register', 'pack', folder, '--name', name, ...dir])).exit, 0, name);
});
