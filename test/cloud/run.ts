/**
 * Runs the tests that need a bed: `node test/cloud/run.ts`. Installs the beds first, then runs the group `cloud` as every
 * other group is run; the last line printed is its totals. A bed that cannot be installed is a failure, not a skip.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installBeds } from './install.ts';

const problems = installBeds([], (line) => process.stdout.write(`bed ${line}\n`));
if (problems.length > 0) {
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(`0 passed, ${problems.length} failed, 0 skipped\n`);
  process.exitCode = 1;
} else {
  const run = spawnSync(process.execPath, [join(import.meta.dirname, '..', 'run.ts'), 'cloud'], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
}
