import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSURES, type Closure, readBundle } from './bundle-closures.ts';
import { type Files, packageManifests, withPlantedTree } from './planted-tree.ts';
import { ROOT } from './repository-files.ts';

/** For each artefact, an import that its entry must not reach, and what the report must then name. */
const planted: Readonly<Record<string, { imports: string; intruder: string }>> = {
  verify: { imports: 'node:fs', intruder: 'node:fs' },
  'verify-web': { imports: 'node:crypto', intruder: 'node:crypto' },
  'verify-bin': { imports: 'node:child_process', intruder: 'node:child_process' },
  'verify-page': { imports: '../src/bin.ts', intruder: 'packages/verify/src/bin.ts' },
  client: { imports: '../../../src/core/run.ts', intruder: 'src/core/run.ts' },
  cli: { imports: '../../../embedded/main.ts', intruder: 'embedded/main.ts' },
  witness: { imports: 'node:child_process', intruder: 'node:child_process' },
  worker: { imports: '#flow/settle.ts', intruder: 'src/flow/settle.ts' },
};

const tree: Files = {
  ...packageManifests(),
  'packages/verify/src/index.ts': "export { createHash } from '#crypto';\n",
  'packages/verify/src/crypto.node.ts': "export { createHash } from 'node:crypto';\n",
  'packages/verify/src/crypto.web.ts': 'export const createHash = () => crypto.subtle;\n',
  'packages/verify/src/bin.ts': 'export const bin = globalThis;\n',
  'src/core/run.ts': 'export const core = globalThis;\n',
  'src/flow/settle.ts': 'export const flow = globalThis;\n',
  'embedded/main.ts': 'export const embedded = globalThis;\n',
};

function withEntry({ entry }: Closure, imported: string): Files {
  return { ...tree, [entry]: `import * as all from '${imported}';\nexport const bundled = () => all;\n` };
}

for (const closure of CLOSURES) {
  const { artefact } = closure;

  test(`bundle closure: ${artefact} holds only what it may`, async () => {
    const { inputs, intruders } = await readBundle(ROOT, closure);
    assert.ok(inputs.includes(closure.entry));
    assert.deepEqual(intruders, []);
  });

  test(`bundle closure: what ${artefact} must not hold is caught`, async () => {
    const plant = planted[artefact];
    assert.ok(plant, `${artefact} has no planted violation`);
    const { intruders } = await withPlantedTree(withEntry(closure, plant.imports), (root) => readBundle(root, closure));
    assert.deepEqual(intruders, [plant.intruder]);
  });
}

test('bundle closure: what is loaded when it is needed is left out, and caught where it is always loaded', async () => {
  const closure = CLOSURES.find(({ artefact }) => artefact === 'cli');
  assert.ok(closure);
  const loads = async (source: string): Promise<string[]> => {
    const files = {
      ...tree,
      [closure.entry]: source,
      'packages/client/src/aws.ts': "export { z } from 'zod';\nexport * from '../../../src/core/run.ts';\n",
    };
    return (await withPlantedTree(files, (root) => readBundle(root, closure))).intruders;
  };
  assert.deepEqual(await loads("export const later = () => import('@waybill/client/aws');\n"), []);
  assert.ok((await loads("export * from '@waybill/client/aws';\n")).includes('src/core/run.ts'));
});

test('bundle closure: a forbidden module is caught through a package that may be imported', async () => {
  const closure = CLOSURES.find(({ artefact }) => artefact === 'worker');
  assert.ok(closure);
  const files = {
    ...withEntry(closure, '@waybill/client/compile'),
    'packages/client/src/compile.ts': "export { z } from 'zod';\n",
  };
  const { intruders } = await withPlantedTree(files, (root) => readBundle(root, closure));
  assert.notEqual(intruders.length, 0);
  assert.ok(intruders.every((path) => path.includes('zod')));
});
