import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { digestOf } from '@waybill/verify';
import { buildRunner, buildWorker } from './build.ts';

/** What a runner has no use for: it holds no URL and checks no signature. */
const OUTWARD = ['node:http', 'node:https', 'node:http2', 'node:tls', 'node:dns', 'node:dgram', 'node:crypto'];

it('build: the same sources give the same worker, which imports nothing but Node', async () => {
  const { imported } = await importsOf(buildWorker);
  for (const one of ['node:http', 'node:https']) assert.ok(imported.includes(one));
});

it('build: neither bundle imports node:http, which loads a second client with it', async () => {
  for (const build of [buildWorker, buildRunner]) {
    const { bundle } = await importsOf(build);
    assert.doesNotMatch(bundle, /\bfrom "node:https?"/);
    assert.match(bundle, /getBuiltinModule\("node:http"\)/);
  }
});

it('build: the same sources give the same runner, which imports nothing but Node, and asks over a socket of the volume alone', async () => {
  const { imported, bundle } = await importsOf(buildRunner);
  assert.deepEqual(
    imported.filter((name) => OUTWARD.includes(name)),
    ['node:http'],
  );
  assert.match(bundle, /^var \{ request \} = process\.getBuiltinModule\("node:http"\);$/m);
  const asked = [...bundle.matchAll(/\brequest\((.{0,13})/g)].map(([, given]) => given);
  assert.deepEqual(asked, ['{ socketPath,']);
  assert.doesNotMatch(bundle, /\bfetch\(|\bWebSocket\b/);
});

async function importsOf(build: typeof buildWorker): Promise<{ imported: string[]; bundle: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-build-'));
  try {
    const [one, two] = [join(directory, 'one.mjs'), join(directory, 'deeper', 'two.mjs')];
    const digest = await build(one);
    assert.equal(await build(two), digest);
    const bundle = readFileSync(one, 'utf8');
    assert.equal(digestOf(bundle), digest);
    const got = /^import .*?from "([^"]+)";$|\bgetBuiltinModule\("([^"]+)"\)/gm;
    const imported = [...bundle.matchAll(got)].map(([, name, loaded]) => name ?? loaded ?? '');
    assert.equal(bundle.split('getBuiltinModule(').length, bundle.split('getBuiltinModule("').length);
    assert.ok(imported.length > 0);
    const loadedLater = [...bundle.matchAll(/\b(?:import|require)\((.*?)\)/g)].map(([, name = '']) =>
      name.slice(1, -1),
    );
    assert.deepEqual(
      [...imported, ...loadedLater].filter((name) => !isBuiltin(name)),
      [],
    );
    return { imported, bundle };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
