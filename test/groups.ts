import { globSync } from 'node:fs';

/**
 * The groups that tests run in, one process each. A test file belongs to exactly one group, told by its path alone, so
 * that no file can be forgotten: whatever no folder claims is a unit test beside its code.
 */
const GROUP_OF_FOLDER: readonly (readonly [prefix: string, group: string])[] = [
  ['packages/verify/', 'verifier'],
  ['packages/witness/', 'verifier'],
  // Tests that start git and workers by the dozen: they wait for processes and not for our code.
  ['packages/client/src/pack-', 'processes'],
  ['worker-image/', 'processes'],
  ['test/evidence/verify-script', 'processes'],
  ['test/evidence/', 'evidence'],
  ['test/vectors/', 'verifier'],
  ['test/conformance/', 'conformance'],
  ['test/flow/', 'flow'],
  ['test/behaviours/', 'flow'],
  ['test/simulation/', 'simulation'],
  ['test/architecture/', 'architecture'],
  ['test/infra/', 'infra'],
  ['test/sandbox/', 'sandbox'],
  ['test/crash/', 'crash'],
  ['test/end-to-end/', 'end-to-end'],
  ['test/browser/', 'browser'],
  ['test/cloud/', 'cloud'],
];

/** What `npm test` runs, in the order in which they start: the longest first, so that two cores stay busy to the end. */
export const GROUPS = [
  'evidence',
  'end-to-end',
  'flow',
  'simulation',
  'processes',
  'infra',
  'browser',
  'sandbox',
  'verifier',
  'crash',
  'unit',
  'conformance',
  'architecture',
] as const;

/** Run by name only: what they need is not on every machine. `cloud` needs the beds of test/cloud/install.ts. */
export const GROUPS_BY_NAME = ['cloud'] as const;

export type Group = (typeof GROUPS)[number] | (typeof GROUPS_BY_NAME)[number];

export function isGroup(name: string): name is Group {
  return [...GROUPS, ...GROUPS_BY_NAME].some((group) => group === name);
}

/** @param path relative to the repository, with forward slashes */
export function groupOf(path: string): Group {
  const folder = GROUP_OF_FOLDER.find(([prefix]) => path.startsWith(prefix));
  const group = folder?.[1] ?? 'unit';
  if (!isGroup(group)) throw new TypeError(`${path} is mapped to ${group}, which is no group`);
  return group;
}

/** Every test file under `root`, relative to it, sorted. */
export function testFiles(root: string): string[] {
  const skipped = new Set(['node_modules', 'build', 'coverage', 'dist', 'fixtures', '.git', '.waybill', '.beds']);
  return globSync('**/*.test.ts', { cwd: root, exclude: (name) => skipped.has(name) }).sort();
}
