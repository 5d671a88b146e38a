import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lay, scratch, transportIn } from '../test/laid-files.ts';
import { packOf } from '../test/pack-sample.ts';
import type { DirectoryTransport } from './directory-transport.ts';
import { syncRegistry } from './sync-registry.ts';

async function refusalsOf(transport: DirectoryTransport, root: string): Promise<unknown[]> {
  const told = [];
  for await (const synced of syncRegistry(transport, root)) {
    const path = synced.path.slice(root.length + 1);
    told.push(synced.how === 'refused' ? [path, ...synced.refusals.map(({ problem }) => problem)] : [path, synced.how]);
  }
  return told;
}

test('sync: it registers what has changed, and one that is refused hides no other', async (t) => {
  const transport = transportIn(t);
  const root = lay(scratch(t), {
    'capabilities/lint/setup.sh': 'true\n',
    'capabilities/Bad Name/x': '',
    'packs/mine/pack.yaml': JSON.stringify(packOf({})),
    'packs/broken/pack.yaml': 'x: 1\n',
    'values/staging.yaml': 'A: b\n',
    'values/broken.yaml': '- 1\n',
  });
  const told = async (): Promise<string[]> => {
    const lines = [];
    for await (const { kind, how, path } of syncRegistry(transport, root))
      lines.push(`${how} ${kind} ${path.slice(root.length + 1)}`);
    return lines;
  };
  const refused = [
    'refused capability capabilities/Bad Name',
    'refused pack packs/broken',
    'refused values values/broken.yaml',
  ];
  assert.deepEqual((await told()).toSorted(), [
    'new capability capabilities/lint',
    'new pack packs/mine',
    'new values values/staging.yaml',
    ...refused,
  ]);
  lay(root, { 'values/staging.yaml': 'A: c\n' });
  assert.deepEqual((await told()).toSorted(), [
    'changed values values/staging.yaml',
    ...refused,
    'same capability capabilities/lint',
    'same pack packs/mine',
  ]);
  await assert.rejects(syncRegistry(transport, join(root, 'packs')).next(), { code: 'FILE_UNREADABLE' });
});

test('sync: it refuses what it cannot list by its path, and what is not there is none of it', async (t) => {
  const transport = transportIn(t);
  const root = lay(scratch(t), { 'capabilities/lint/setup.sh': 'true\n', values: 'a file' });
  symlinkSync('packs', join(root, 'packs'));
  assert.deepEqual(await refusalsOf(transport, root), [
    ['packs', 'the folder cannot be read (ELOOP)'],
    ['capabilities/lint', 'new'],
    ['values', 'it is a file, no folder'],
  ]);
  for (const [path, problem] of [
    [join(root, 'values'), 'it is a file, no folder'],
    [join(root, 'gone'), 'there is no such folder'],
  ] as const) {
    const told = { code: 'FILE_UNREADABLE', path, problem };
    await assert.rejects(syncRegistry(transport, path).next(), told);
  }
});

test('sync: of two files for one set of values the first is taken, each time', async (t) => {
  const transport = transportIn(t);
  const root = lay(scratch(t), { 'values/st.json': '{"A":"b"}', 'values/st.yaml': 'A: c\n', 'values/x.yml': 'A: b\n' });
  const second = ['values/st.yaml', '"st.json" is there for "st" already'];
  for (const how of ['new', 'same']) {
    assert.deepEqual(await refusalsOf(transport, root), [['values/st.json', how], second, ['values/x.yml', how]]);
  }
});

test('sync: a name that is no UTF-8 is said to be none, of files, folders and where links lead', async (t) => {
  const transport = transportIn(t);
  const root = lay(scratch(t), { 'capabilities/lint/setup.sh': 'true\n', 'values/x.yaml': 'A: b\n' });
  const odd = (path: string): Buffer => Buffer.from(join(root, path), 'latin1');
  writeFileSync(odd('capabilities/lint/caf\xe9'), '');
  mkdirSync(odd('capabilities/lint/d\xe9'));
  symlinkSync(Buffer.from('\xe9', 'latin1'), join(root, 'capabilities/lint/link'));
  mkdirSync(odd('capabilities/m\xe9'));
  writeFileSync(odd('values/caf\xe9.yaml'), 'A: b\n');
  assert.deepEqual(
    (await refusalsOf(transport, root)).map((one) => (one as string[]).toSorted()),
    [
      [
        '"caf\ufffd" has a name that is no UTF-8',
        '"d\ufffd" has a name that is no UTF-8',
        '"link" is a link whose target is no UTF-8',
        'capabilities/lint',
      ],
      ['capabilities/m\ufffd', 'the name is no UTF-8'],
      ['the name is no UTF-8', 'values/caf\ufffd.yaml'],
      ['new', 'values/x.yaml'],
    ],
  );
});
