import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { digestOf } from '@waybill/verify';
import { buildWorker } from './build.ts';

it('build: the same sources give the same bytes, which import nothing but Node', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-build-'));
  try {
    const [one, two] = [join(directory, 'one.mjs'), join(directory, 'deeper', 'two.mjs')];
    const digest = await buildWorker(one);
    assert.equal(await buildWorker(two), digest);
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
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
