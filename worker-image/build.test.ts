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

for (const [name, build, mayReachOut] of [
  ['worker', buildWorker, true],
  ['runner', buildRunner, false],
] as const) {
  it(`build: the same sources give the same ${name}, which imports nothing but Node`, async () => {
    const imported = await importsOf(build);
    assert.equal(
      imported.some((name) => OUTWARD.includes(name)),
      mayReachOut,
    );
  });
}

async function importsOf(build: typeof buildWorker): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-build-'));
  try {
    const [one, two] = [join(directory, 'one.mjs'), join(directory, 'deeper', 'two.mjs')];
    const digest = await build(one);
    assert.equal(await build(two), digest);
    const bundle = readFileSync(one, 'utf8');
    assert.equal(digestOf(bundle), digest);
    const imported = [...bundle.matchAll(/^import .*?from "([^"]+)";$/gm)].map(([, name]) => name ?? '');
    assert.ok(imported.length > 0);
    const loadedLater = [...bundle.matchAll(/\b(?:import|require)\((.*?)\)/g)].map(([, name = '']) =>
      name.slice(1, -1),
    );
    assert.deepEqual(
      [...imported, ...loadedLater].filter((name) => !isBuiltin(name)),
      [],
    );
    return imported;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
