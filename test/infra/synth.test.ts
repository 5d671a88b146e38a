import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from './deployment.ts';

const run = promisify(execFile);

/** Where the command line notes how long things took; no part of what is deployed. */
const TIMINGS = 'performance-counters.json';

/** Everything that is in the assembly, by path. */
function bytesOf(folder: string): Record<string, string> {
  const files = globSync('**/*', { cwd: folder }).filter(
    (path) => path !== TIMINGS && statSync(join(folder, path)).isFile(),
  );
  return Object.fromEntries(files.sort().map((path) => [path, readFileSync(join(folder, path), 'base64')]));
}

test('synth: the command line synthesizes the example twice to the same bytes, offline and without a finding', async (context) => {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-synth-'));
  context.after(() => rmSync(scratch, { recursive: true, force: true }));
  const synthesize = async (name: string): Promise<Record<string, string>> => {
    const folder = join(scratch, name);
    await run(join(ROOT, 'node_modules', '.bin', 'cdk'), ['synth', '--quiet', '--strict', '--output', folder], {
      cwd: ROOT,
      // Whatever asks somebody meets a closed port.
      env: {
        ...process.env,
        CDK_DISABLE_VERSION_CHECK: '1',
        HTTPS_PROXY: 'http://127.0.0.1:9',
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    });
    return bytesOf(folder);
  };
  const [first, second] = await Promise.all([synthesize('first'), synthesize('second')]);
  assert.deepEqual(Object.keys(first), Object.keys(second));
  const different = Object.keys(first).filter((path) => first[path] !== second[path]);
  assert.deepEqual(different, []);
  const report = Buffer.from(first['validation-report.json'] ?? '', 'base64').toString();
  const { pluginReports } = JSON.parse(report) as { pluginReports: unknown[] };
  assert.deepEqual(pluginReports, []);
  assert.equal(Object.keys(first).filter((path) => path.endsWith('.template.json')).length, 3);
});
