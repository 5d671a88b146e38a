import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '@waybill/verify';
import { lay, scratch, transportIn } from '../test/laid-files.ts';
import { packFiles, packOf, shapeOf } from '../test/pack-sample.ts';
import { DirectoryTransport } from './directory-transport.ts';
import { archiveFolder } from './folder-archive.ts';
import { readTar } from './read-tar.ts';
import { folderOf, historyOf, listRegistered, register, valuesOf } from './registry.ts';
import { contentOf } from './registry-content.ts';
import { contentKey } from './registry-entry.ts';
import { resolvePins } from './resolve-pins.ts';
import { SpecRefused } from './spec-refused.ts';
import { syncRegistry } from './sync-registry.ts';

const LINT = { 'setup.sh': 'true\n', 'bin/lint': '#!/bin/sh\necho clean\n', 'settings.json': '{"rules":{"a":1}}' };

async function problemsOf(act: Promise<unknown>): Promise<string[]> {
  const error = await act.then(
    () => null,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof SpecRefused, String(error));
  return error.refusals.map(({ code, path }) => `${code} ${path}`);
}

test('registry: the archive of a folder depends on names, contents and executable bits, and on nothing else', async (t) => {
  const [one, two] = [lay(scratch(t), LINT), lay(scratch(t), LINT)];
  chmodSync(join(two, 'settings.json'), 0o600);
  const before = await archiveFolder(one);
  assert.deepEqual((await archiveFolder(two)).bytes, before.bytes);
  chmodSync(join(two, 'bin/lint'), 0o755);
  assert.notDeepEqual((await archiveFolder(two)).bytes, before.bytes);
  const entries = readTar((await archiveFolder(two)).bytes);
  assert.deepEqual(
    entries.map(({ path, kind }) => [path, kind]),
    [
      ['bin/lint', 'executable'],
      ['settings.json', 'file'],
      ['setup.sh', 'file'],
    ],
  );
});

test('registry: what cannot be registered is told all at once, by its place in the folder', async (t) => {
  const root = lay(scratch(t), { ...LINT, 'a\\b': '', '.git/HEAD': '', 'deep/file': '' });
  symlinkSync('/etc/passwd', join(root, 'absolute'));
  symlinkSync('../outside', join(root, 'above'));
  symlinkSync('../../outside', join(root, 'deep', 'above'));
  symlinkSync('bin/../../x', join(root, 'winding'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  assert.deepEqual((await problemsOf(archiveFolder(root))).toSorted(), [
    'SOURCE_INVALID .git',
    'SOURCE_INVALID a\\b',
    'SOURCE_INVALID above',
    'SOURCE_INVALID absolute',
    'SOURCE_INVALID deep/above',
    'SOURCE_INVALID pipe',
    'SOURCE_INVALID winding',
  ]);
  const sound = lay(scratch(t), LINT);
  symlinkSync('../settings.json', join(sound, 'bin', 'settings'));
  assert.deepEqual(readTar((await archiveFolder(sound)).bytes)[1]?.kind, 'link');
});

test('registry: an archive that was made otherwise is not unpacked', async (t) => {
  const { bytes } = await archiveFolder(lay(scratch(t), LINT));
  const changed = (at: number, to: number): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    copy[at] = to;
    return copy;
  };
  const doctored = {
    'another path': changed(0, 0x2f),
    'a device': changed(156, 0x33),
    'an owner': changed(108, 0x31),
    'a cut end': bytes.subarray(0, -512),
    'more behind it': Buffer.concat([bytes, Buffer.alloc(512)]),
  };
  for (const [what, archive] of Object.entries(doctored)) {
    assert.throws(() => readTar(archive), { code: 'SOURCE_INVALID' }, what);
  }
});

test('registry: a name means what was registered last, and what it meant before stays on record', async (t) => {
  const transport = transportIn(t);
  const folder = lay(join(scratch(t), 'lint'), LINT);
  const first = await register(transport, 'capability', folder);
  assert.deepEqual([first.how, first.entry.name, first.entry.files], ['new', 'lint', 3]);
  assert.equal((await register(transport, 'capability', folder)).how, 'same');
  lay(folder, { 'skills/review.md': 'Look twice.\n' });
  const second = await register(transport, 'capability', folder);
  assert.equal(second.how, 'changed');
  const history = await historyOf(transport.registry, 'capability', 'lint');
  assert.deepEqual(history, [first.entry, second.entry]);
  assert.deepEqual(
    (await folderOf(transport.registry, first.entry)).map(({ path }) => path),
    ['bin/lint', 'settings.json', 'setup.sh'],
  );
  // Back to what it was: a registration of its own.
  rmSync(join(folder, 'skills'), { recursive: true });
  assert.equal((await register(transport, 'capability', folder)).entry.number, 3);
});

test('registry: of many that register one name at once each is on record', async (t) => {
  const transport = transportIn(t);
  const folders = Array.from({ length: 6 }, (_, n) => lay(scratch(t), { 'a.txt': String(n) }));
  const done = await Promise.all(folders.map((folder) => register(transport, 'capability', folder, 'same-name')));
  assert.deepEqual(done.map(({ entry }) => entry.number).toSorted(), [1, 2, 3, 4, 5, 6]);
});

test('registry: bytes that are others than their digest says are not handed out', async (t) => {
  const root = scratch(t);
  const transport = new DirectoryTransport(root);
  const { entry } = await register(transport, 'capability', lay(scratch(t), LINT), 'lint');
  assert.ok(await contentOf(transport.registry, entry));
  writeFileSync(join(root, 'registry', contentKey(entry.sha256)), 'something else');
  await assert.rejects(contentOf(transport.registry, entry), { code: 'OBJECT_DIGEST_MISMATCH' });
});

test('registry: values hold no credential, and settings are JSON objects', async (t) => {
  const transport = transportIn(t);
  const folder = lay(scratch(t), {
    'staging.yaml': 'REGION: eu-central-1\nLEVEL: "3"\n',
    'leak.yaml': `TOKEN: ghp_${'a'.repeat(36)}\n`,
    'path.yaml': 'PATH: /tmp\n',
  });
  const { entry } = await register(transport, 'values', join(folder, 'staging.yaml'));
  assert.equal(entry.name, 'staging');
  assert.deepEqual(await valuesOf(transport.registry, entry), { LEVEL: '3', REGION: 'eu-central-1' });
  const refused = (file: string): Promise<string[]> => problemsOf(register(transport, 'values', join(folder, file)));
  assert.deepEqual(await refused('leak.yaml'), ['SPEC_CREDENTIAL TOKEN']);
  assert.deepEqual(await refused('path.yaml'), ['SPEC_INVALID PATH']);
  const broken = lay(scratch(t), { 'settings.json': '[1]', 'tool/settings.json': '{' });
  assert.deepEqual(await problemsOf(register(transport, 'capability', broken, 'broken')), [
    'SPEC_INVALID settings.json',
    'SPEC_INVALID tool/settings.json',
  ]);
});

test('registry: what the file system does not let one look at is not said to be absent', async (t) => {
  const path = join(scratch(t), `${'x'.repeat(300)}.yaml`);
  const told = { code: 'FILE_UNREADABLE', path, problem: 'it cannot be read (ENAMETOOLONG)' };
  await assert.rejects(register(transportIn(t), 'values', path, 'x'), told);
  // A file like any other, until somebody reads it; that is refused to root as well.
  const file = '/proc/self/mem';
  const unread = { code: 'FILE_UNREADABLE', path: file, problem: 'it cannot be read (EIO)' };
  await assert.rejects(register(transportIn(t), 'values', file, 'x'), unread);
});

test('registry: a name is judged before it becomes a key, and what to do about it fits where it came from', async (t) => {
  const transport = transportIn(t);
  const folder = lay(join(scratch(t), 'Lint'), LINT);
  for (const [act, fix] of [
    [
      () => register(transport, 'capability', folder),
      /^Rename it, or register it by itself with another name .*--name/,
    ],
    [() => register(transport, 'capability', folder, 'Other'), /^Names have lower-case letters/],
    [() => historyOf(transport.registry, 'capability', '../../x'), /^`waybill registry list` shows/],
  ] as const) {
    await assert.rejects(act(), { code: 'KEY_INVALID', path: 'name', problem: /is not a name$/, fix });
  }
});

test('registry: a folder that is no pack is not registered as one, and everything that is wrong with it is told', async (t) => {
  const transport = transportIn(t);
  const sample = Object.fromEntries([...packFiles()].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]));
  const broken = { one: shapeOf({ files: { 'look.sh': 'gone.sh' } }), two: shapeOf({ effect: 'odd' }) };
  const shapes = packOf({ ...broken, two: shapeOf({ outputs: { 'v.json': { kind: 'json', schema: 'gone.json' } } }) });
  const folder = lay(scratch(t), { ...sample, 'pack.yaml': JSON.stringify(shapes) });
  symlinkSync('look.md', join(folder, 'prompts', 'link.md'));
  assert.deepEqual(await problemsOf(register(transport, 'pack', folder, 'mine')), [
    'SOURCE_INVALID pack',
    'FILE_UNREADABLE shapes.one.files["look.sh"]',
    'FILE_UNREADABLE shapes.two.outputs["v.json"].schema',
  ]);
  rmSync(join(folder, 'pack.yaml'));
  assert.deepEqual(await problemsOf(register(transport, 'pack', folder, 'mine')), [
    'SOURCE_INVALID pack',
    'FILE_UNREADABLE document',
  ]);
  assert.deepEqual(await transport.registry.list('pack/'), []);
  assert.equal((await register(transport, 'pack', lay(scratch(t), sample), 'mine')).how, 'new');
});

test('registry: bytes that were lost are put back by registering them again, and others in their place are not taken for them', async (t) => {
  const root = scratch(t);
  const transport = new DirectoryTransport(root);
  const folder = lay(scratch(t), LINT);
  const { entry } = await register(transport, 'capability', folder, 'lint');
  const file = join(root, 'registry', contentKey(entry.sha256));
  rmSync(file);
  const told = async (code: string): Promise<void> => {
    const about = { code, path: 'capability/lint' };
    await assert.rejects(contentOf(transport.registry, entry), about);
    const { entries, damaged } = await listRegistered(transport.registry, 'capability');
    assert.deepEqual([entries, damaged.map((one) => ({ code: one.code, path: one.path }))], [[], [about]]);
  };
  await told('OBJECT_MISSING');
  const again = await register(transport, 'capability', folder, 'lint');
  assert.deepEqual(again, { entry, how: 'restored' });
  assert.equal((await register(transport, 'capability', folder, 'lint')).how, 'same');
  assert.equal((await folderOf(transport.registry, entry)).length, 3);
  writeFileSync(file, 'other');
  await told('OBJECT_DIGEST_MISMATCH');
  for (const name of ['lint', 'another']) {
    const about = { code: 'OBJECT_DIGEST_MISMATCH', path: `capability/${name}` };
    await assert.rejects(register(transport, 'capability', folder, name), about);
  }
});

test('registry: others of the same size are not taken for the bytes either, nor those that came first in a race', async (t) => {
  const root = scratch(t);
  const transport = new DirectoryTransport(root);
  const folder = lay(join(scratch(t), 'capabilities', 'lint'), LINT);
  const { entry } = await register(transport, 'capability', folder);
  const file = join(root, 'registry', contentKey(entry.sha256));
  writeFileSync(file, Buffer.alloc(entry.sizeBytes, 'x'));
  const about = { code: 'OBJECT_DIGEST_MISMATCH', path: 'capability/lint' };
  await assert.rejects(register(transport, 'capability', folder), about);
  for await (const { how } of syncRegistry(transport, dirname(dirname(folder)))) assert.equal(how, 'refused');
  const { registry } = transport;
  const { entries, damaged } = await listRegistered(registry, 'capability');
  assert.deepEqual([entries, damaged.map(({ code }) => code)], [[], ['OBJECT_DIGEST_MISMATCH']]);
  const late = { get: registry.get.bind(registry), list: registry.list.bind(registry) };
  const raced = { ...late, sizeOf: async () => null, putOnce: async () => false };
  await assert.rejects(register({ registry: raced, principal: 'me' }, 'capability', folder), about);
  writeFileSync(file, Buffer.alloc(40 * 1024 * 1024));
  await assert.rejects(register(transport, 'capability', folder), about);
});

test('registry: an entry that is damaged does not hide the others', async (t) => {
  const root = scratch(t);
  const transport = new DirectoryTransport(root);
  for (const name of ['a', 'b']) await register(transport, 'capability', lay(scratch(t), { x: name }), name);
  writeFileSync(join(root, 'registry/capability/a/000001.json'), '{}');
  const { entries, damaged } = await listRegistered(transport.registry, 'capability');
  assert.deepEqual([entries.map(({ name }) => name), damaged.length], [['b'], 1]);
});

test('registry: no pack is registered under the name of one that comes with the client, where nobody would find it', async (t) => {
  const transport = transportIn(t);
  const texts = [...packFiles()].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)]);
  const folder = lay(join(scratch(t), 'data'), Object.fromEntries(texts));
  const refused = { code: 'KEY_INVALID', path: 'name' };
  await assert.rejects(register(transport, 'pack', folder), refused);
  await assert.rejects(register(transport, 'pack', folder, 'dev'), refused);
  assert.equal((await register(transport, 'pack', folder, 'data-2')).how, 'new');
  assert.equal((await register(transport, 'capability', lay(scratch(t), LINT), 'data')).how, 'new');
});

test('registry: what a run names is read once for it, and uploaded only where all of it is whole', async (t) => {
  const transport = transportIn(t);
  await register(transport, 'capability', lay(scratch(t), LINT), 'lint');
  await register(transport, 'values', join(lay(scratch(t), { 'v.yaml': 'A: b\n' }), 'v.yaml'), 'v');
  const reads: string[] = [];
  const uploads: string[] = [];
  const { registry } = transport;
  const counting = {
    registry: {
      putOnce: registry.putOnce.bind(registry),
      sizeOf: registry.sizeOf.bind(registry),
      list: registry.list.bind(registry),
      get: (key: string, maxBytes: number) => {
        if (key.startsWith('sha256/')) reads.push(key);
        return registry.get(key, maxBytes);
      },
    },
    putUpload: async (digest: string, path: string) => {
      assert.equal(digestOf(readFileSync(path)), digest);
      uploads.push(digest);
    },
  };
  const items = [
    { id: 'a', capabilities: ['lint'], values: ['v'], pipeline: [{ block: 'script' as const, run: 'true' }] },
  ];
  const { pins } = await resolvePins(counting, { items, pins: undefined } as Parameters<typeof resolvePins>[1]);
  assert.deepEqual([reads.length, uploads.length, pins?.values?.v?.env], [2, 1, { A: 'b' }]);
  assert.equal(pins?.capabilities?.lint?.sha256, uploads[0]);
  await problemsOf(
    resolvePins(counting, { items: [...items, { ...items[0], id: 'b', values: ['none'] }] as typeof items }),
  );
  assert.equal(uploads.length, 1);
});
