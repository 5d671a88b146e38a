import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

/** What people read about a synthesis; the templates, the manifest and the assets are what is deployed. */
const REPORT = 'validation-report.json';

interface Report {
  pluginReports: { pluginName: string; violations?: { ruleName: string }[] }[];
}

async function synthesize(folder: string, ...options: string[]): Promise<Record<string, string>> {
  const cdk = join(ROOT, 'node_modules', '.bin', 'cdk');
  // Whatever asks somebody meets a closed port.
  const offline = { HTTPS_PROXY: 'http://127.0.0.1:9', AWS_EC2_METADATA_DISABLED: 'true' };
  await run(cdk, ['synth', '--quiet', '--strict', '--output', folder, ...options], {
    cwd: ROOT,
    env: { ...process.env, CDK_DISABLE_VERSION_CHECK: '1', ...offline },
  });
  return bytesOf(folder);
}

test('synth: the command line synthesizes the example twice to the same bytes, offline and without a finding', async (context) => {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-synth-'));
  context.after(() => rmSync(scratch, { recursive: true, force: true }));
  const startedMs = performance.now();
  const { [REPORT]: report = '', ...first } = await synthesize(join(scratch, 'first'));
  context.diagnostic(`bundled, synthesized and judged in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  // What was valid once is the same bytes now, so it need not be judged again, nor bundled.
  const { [REPORT]: _, ...second } = await synthesize(join(scratch, 'second'), '--no-validation', '--build', 'true');
  assert.deepEqual(Object.keys(first), Object.keys(second));
  assert.deepEqual(
    Object.keys(first).filter((path) => first[path] !== second[path]),
    [],
  );
  assert.equal(Object.keys(first).filter((path) => path.endsWith('.template.json')).length, 3);

  const { pluginReports } = JSON.parse(Buffer.from(report, 'base64').toString()) as Report;
  const findings = pluginReports.flatMap(({ pluginName, violations = [] }) =>
    violations.map(({ ruleName }) => `${pluginName} ${ruleName}`),
  );
  assert.deepEqual(findings, []);
  assert.ok(pluginReports.some(({ pluginName }) => pluginName === 'CloudFormation Validate'));
});

test('synth: what CloudFormation would refuse fails the synthesis', async (context) => {
  const scratch = mkdtempSync(join(ROOT, 'build', 'synth-'));
  context.after(() => rmSync(scratch, { recursive: true, force: true }));
  const app = join(scratch, 'app.ts');
  const source = [
    "import { App, Stack } from 'aws-cdk-lib';",
    "import { CfnQueue } from 'aws-cdk-lib/aws-sqs';",
    'const app = new App();',
    "new CfnQueue(new Stack(app, 'Planted'), 'Queue', { tags: [{ key: 'k'.repeat(200), value: 'too long a key' }] });",
    'app.synth();',
  ];
  writeFileSync(app, source.join('\n'));
  const { context: settings } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as { context: object };
  const env = { ...process.env, CDK_OUTDIR: join(scratch, 'out'), CDK_CONTEXT_JSON: JSON.stringify(settings) };
  await assert.rejects(run(process.execPath, [app], { cwd: ROOT, env }), (error: { stderr: string }) => {
    assert.match(error.stderr, /ERROR .*Tags/);
    return true;
  });
});
