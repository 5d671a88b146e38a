import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RULES } from './arrows.ts';
import { type Files, packageManifests, withPlantedTree } from './planted-tree.ts';
import { readArrows } from './read-arrows.ts';
import { ROOT } from './repository-files.ts';

const MIN_MODULES = 50;

const empty = 'export const nothing = 0;\n';

/** A small tree in which every arrow is allowed. */
const honest: Files = {
  ...packageManifests(),
  'packages/verify/src/index.ts': "import '#crypto';\n",
  'packages/verify/src/crypto.node.ts': "import 'node:crypto';\n",
  'packages/verify/src/verdict/verdict.ts': 'export const verdict = 1;\n',
  'packages/verify/src/bin.ts': "import 'node:fs';\nimport './index.ts';\n",
  'packages/client/src/errors.ts': empty,
  'packages/client/src/index.ts':
    "import 'zod';\nimport './errors.ts';\nimport '@waybill/verify';\nimport 'node:fs';\n",
  'packages/client/src/aws.ts': "import './errors.ts';\nimport 'node:fs';\n",
  'packages/cli/src/main.ts': "import '@waybill/client';\n",
  'packages/witness/src/main.ts': "import '@waybill/verify';\nimport 'node:sqlite';\n",
  'src/core/run.ts': "import '@waybill/verify';\nimport '@waybill/client/errors';\n",
  'src/ports/store.ts': "import '#core/run.ts';\n",
  'src/flow/settle.ts': "import '#ports/store.ts';\nimport '#core/run.ts';\n",
  'src/adapters/local/store.ts': "import '#ports/store.ts';\nimport 'node:fs';\n",
  'src/composition/evidence.ts': "import '#flow/settle.ts';\nimport 'node:crypto';\n",
  'worker-image/src/main.ts': "import '#core/run.ts';\nimport 'node:http';\n",
  'worker-image/assemble-rootfs.ts': "import '../lib/worker-containers.ts';\nimport 'node:fs';\n",
  'lib/worker-containers.ts': empty,
  'lib/state-stack.ts': "import 'aws-cdk-lib';\nimport './worker-containers.ts';\n",
  'examples/own-app/app.ts': "import 'aws-cdk-lib';\nimport '../../lib/state-stack.ts';\n",
  'bin/app.ts': "import '../lib/state-stack.ts';\n",
  'lambdas/shared/told.ts': "import '#flow/settle.ts';\nimport 'zod';\n",
  'lambdas/settle/handler.ts': "import '#lambdas/shared/told.ts';\n",
  'lambdas/seal/handler.ts': "import '#flow/settle.ts';\n",
  'lambdas/build.ts': "import 'node:fs';\n",
  'embedded/main.ts': "import '#flow/settle.ts';\nimport '#adapters/local/store.ts';\n",
  'bench/run.ts': "import '#embedded/main.ts';\n",
  'examples/headline/run.ts': "import 'node:fs';\n",
  'test/fake.ts': empty,
};

/** One arrow that must not exist for every rule; the tests below refuse a rule without one. */
const planted: readonly { rule: string; path: string; source: string }[] = [
  { rule: 'worker-image-build', path: 'worker-image/assemble-rootfs.ts', source: "import '#core/run.ts';\n" },
  { rule: 'plain-data', path: 'lib/worker-containers.ts', source: "import '#core/run.ts';\n" },
  { rule: 'verify', path: 'packages/verify/src/planted.ts', source: "import 'node:crypto';\n" },
  {
    rule: 'formats-before-verdicts',
    path: 'packages/verify/src/log/planted.ts',
    source: "import '../verdict/verdict.ts';\n",
  },
  { rule: 'verify-on-node', path: 'packages/verify/src/crypto.node.ts', source: "import 'node:fs';\n" },
  { rule: 'verify', path: 'packages/verify/src/planted-zod.ts', source: "import 'zod';\n" },
  { rule: 'verify', path: 'packages/verify/src/planted-app.ts', source: "import '../../../src/core/run.ts';\n" },
  { rule: 'verify-bin', path: 'packages/verify/src/bin-planted.ts', source: "import 'node:child_process';\n" },
  { rule: 'verify-page', path: 'packages/verify/page/planted.ts', source: "import '../src/bin.ts';\n" },
  { rule: 'verify-build', path: 'packages/verify/build.ts', source: "import './src/index.ts';\n" },
  { rule: 'formats', path: 'packages/client/src/plan.ts', source: "import 'node:fs';\n" },
  { rule: 'client', path: 'packages/client/src/submit.ts', source: "import '../../../src/core/run.ts';\n" },
  { rule: 'client', path: 'packages/client/src/watch.ts', source: "import './aws.ts';\n" },
  { rule: 'client-aws', path: 'packages/client/src/s3-reader.ts', source: "import './index.ts';\n" },
  { rule: 'packs', path: 'packages/client/packs/data/planted.mjs', source: "import '../../src/spec.ts';\n" },
  { rule: 'cli', path: 'packages/cli/src/planted.ts', source: "import '../../../embedded/main.ts';\n" },
  { rule: 'cli-on-aws', path: 'packages/cli/src/deployed/planted.ts', source: "import '../main.ts';\n" },
  { rule: 'witness', path: 'packages/witness/src/planted.ts', source: "import '@waybill/client';\n" },
  { rule: 'witness', path: 'packages/witness/src/planted-node.ts', source: "import 'node:child_process';\n" },
  { rule: 'core', path: 'src/core/planted.ts', source: "import 'node:crypto';\n" },
  { rule: 'core', path: 'src/core/planted-type.ts', source: "import type { Store } from '#ports/store.ts';\n" },
  { rule: 'ports', path: 'src/ports/planted.ts', source: "import '#adapters/local/store.ts';\n" },
  { rule: 'flow', path: 'src/flow/planted.ts', source: "import '#adapters/local/store.ts';\n" },
  { rule: 'flow', path: 'src/flow/planted-node.ts', source: "export const late = import('node:fs');\n" },
  { rule: 'adapters', path: 'src/adapters/local/planted.ts', source: "import '#flow/settle.ts';\n" },
  { rule: 'adapters-aws', path: 'src/adapters/aws/planted.ts', source: "import '#adapters/local/store.ts';\n" },
  { rule: 'composition', path: 'src/composition/planted.ts', source: "import '#embedded/main.ts';\n" },
  { rule: 'worker', path: 'worker-image/src/planted.ts', source: "import '#flow/settle.ts';\n" },
  { rule: 'worker-bundle', path: 'worker-image/build.ts', source: "import '#core/run.ts';\n" },
  { rule: 'infrastructure', path: 'lib/planted.ts', source: "import '#core/run.ts';\n" },
  { rule: 'lambdas-shared', path: 'lambdas/shared/planted.ts', source: "import '#embedded/main.ts';\n" },
  { rule: 'lambdas', path: 'lambdas/seal/planted.ts', source: "import '#embedded/main.ts';\n" },
  { rule: 'lambdas-apart', path: 'lambdas/seal/planted-other.ts', source: "import '#lambdas/settle/handler.ts';\n" },
  { rule: 'lambdas-build', path: 'lambdas/planted.ts', source: "import './seal/handler.ts';\n" },
  { rule: 'embedded', path: 'embedded/planted.ts', source: "import '#worker/main.ts';\n" },
  { rule: 'bench-peers', path: 'bench/peers/planted.js', source: "import 'absent-engine';\n" },
  { rule: 'bench', path: 'bench/planted.ts', source: "import 'zod';\n" },
  { rule: 'own-app', path: 'examples/own-app/planted.ts', source: "import '#core/run.ts';\n" },
  { rule: 'examples', path: 'examples/headline/planted.ts', source: "import '#core/run.ts';\n" },
  { rule: 'no-cycles', path: 'src/core/planted-cycle.ts', source: "import './planted-half.ts';\n" },
  { rule: 'nothing-imports-tests', path: 'bench/planted-test.ts', source: "import '../test/fake.ts';\n" },
  { rule: 'every-import-resolves', path: 'src/flow/planted-gone.ts', source: "import '#core/gone.ts';\n" },
  { rule: 'across-folders-by-sub-path', path: 'src/flow/planted-path.ts', source: "import '../core/run.ts';\n" },
];

test('arrows: no module of the repository imports what its zone may not', async () => {
  const { modules, violations, unclaimed } = await readArrows(ROOT);
  assert.ok(modules.length > MIN_MODULES, `${modules.length} modules were read, which cannot be the repository`);
  assert.deepEqual(
    violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    [],
  );
  assert.deepEqual(unclaimed, [], 'files that no zone claims');
});

test('arrows: an honest tree has no violation', async () => {
  const folders = ['packages', 'src', 'worker-image', 'embedded', 'lambdas', 'bin', 'lib', 'bench', 'examples', 'test'];
  const { violations, modules } = await withPlantedTree(honest, (root) => readArrows(root, folders));
  assert.deepEqual(violations, []);
  assert.equal(modules.length, Object.keys(honest).length - Object.keys(packageManifests()).length);
});

test('arrows: every rule catches the violation planted for it', async () => {
  const otherHalf = { 'src/core/planted-half.ts': "import './planted-cycle.ts';\n" };
  const files = { ...honest, ...otherHalf, ...Object.fromEntries(planted.map(({ path, source }) => [path, source])) };
  const { violations } = await withPlantedTree(files, (root) => readArrows(root));
  const caught = new Set(violations.map(({ rule, from }) => `${rule.name}: ${from}`));
  const missed = planted.filter(({ rule, path }) => !caught.has(`${rule}: ${path}`));
  assert.deepEqual(missed, []);
  const unproved = RULES.filter(({ name }) => !planted.some(({ rule }) => rule === name));
  assert.deepEqual(unproved, [], 'rules without a planted violation');
});

test('arrows: a file in a folder that no zone claims is reported', async () => {
  const files = { ...honest, 'src/elsewhere/thing.ts': empty };
  const { unclaimed } = await withPlantedTree(files, (root) => readArrows(root));
  assert.deepEqual(unclaimed, ['src/elsewhere/thing.ts']);
});
