/** What somebody reads whose deployment file is wrong: every problem, once, and nothing of how it was found. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exampleProps, ROOT } from './deployment.ts';

function scratchOf(context: TestContext): string {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-config-'));
  context.after(() => rmSync(scratch, { recursive: true, force: true }));
  return scratch;
}

const LIMIT_MS = 120_000;

interface Said {
  status: number | null;
  stdout: string;
  stderr: string;
  /** Whether anything was synthesized. */
  made: boolean;
}

/** Runs the app as the command line does. */
function runApp(scratch: string, config: string | undefined): Said {
  const out = join(scratch, 'out');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/app.ts'], {
    cwd: ROOT,
    env: { ...process.env, CDK_OUTDIR: out, CDK_CONTEXT_JSON: JSON.stringify({ config }) },
    timeout: LIMIT_MS,
    encoding: 'utf8',
  });
  return { status, stdout, stderr, made: existsSync(join(out, 'manifest.json')) };
}

const BROKEN = {
  ...exampleProps(),
  env: { account: 'ours', region: 'us-east-1' },
  mode: 'prod',
  retention: { mode: 'NONE', days: '1' },
  network: { vpc: 'vpc-1' },
  wrapperimage: 'x',
  environments: { default: { image: 'node:24' } },
};

const PROBLEMS = [
  /^- network: is an object of the CDK, which no file can hold; use the construct in an app of your own \(docs\/\S+\)$/,
  /^- mode: is "prod"; it has to be "production" or "test"$/,
  /^- retention\.mode: is "NONE"; it has to be "COMPLIANCE" or "GOVERNANCE"$/,
  /^- retention\.days: is "1"; it has to be a number$/,
  /^- wrapperimage: is no property; there are .*\bwrapperImage\b/,
  /^- env\.account: is "ours"; it has to be twelve digits, typed out$/,
  /^- environments\.default\.image: is "node:24"; it has to be an image by digest, /,
];

test('deployment file: all that is wrong with it is said once, in plain text, and the app ends with 1', (context) => {
  const scratch = scratchOf(context);
  const config = join(scratch, 'broken.json');
  writeFileSync(config, JSON.stringify(BROKEN));
  const { status, stdout, stderr, made } = runApp(scratch, config);
  assert.deepEqual([status, stdout, made], [1, '', false]);
  const [first, ...lines] = stderr.trimEnd().split('\n');
  assert.equal(first, `${config} cannot be deployed like this:`);
  assert.equal(lines.pop(), 'lib/waybill-props.ts describes every property.');
  assert.equal(lines.length, PROBLEMS.length, stderr);
  for (const [n, problem] of PROBLEMS.entries()) assert.match(lines[n] ?? '', problem);
});

const UNREADABLE: readonly [title: string, content: string | undefined, problem: RegExp][] = [
  [
    'one that is not there',
    undefined,
    /^- the file: cannot be read \(ENOENT\); name one that is there with -c config=<file>$/m,
  ],
  [
    'one that is no JSON',
    '{"env": {},}',
    /^- the file: is no JSON \(.*line 1 column 12\)\); begin with the one in docs\/deploy\.md$/m,
  ],
  [
    'one that says a thing twice',
    '{"origin": "a",\n "origin": "b"}',
    /^- origin: stands twice, again at 2:2; keep one of them$/m,
  ],
  ['one that is a list', '[]', /^- the properties: is \[\]; it has to be an object$/m],
];

for (const [title, content, problem] of UNREADABLE) {
  test(`deployment file: ${title} is refused with one problem`, (context) => {
    const scratch = scratchOf(context);
    const config = join(scratch, 'deployment.json');
    if (content !== undefined) writeFileSync(config, content);
    const { status, stderr, made } = runApp(scratch, config);
    assert.deepEqual([status, made], [1, false]);
    assert.match(stderr, problem);
    assert.equal(stderr.split('\n').length, 4, stderr);
  });
}

test('deployment file: without one, it is said how to name it', (context) => {
  const { status, stderr } = runApp(scratchOf(context), undefined);
  assert.equal(status, 1);
  assert.match(stderr, /^- config: names no file; run cdk with -c config=<file>$/m);
});

test('deployment file: the command line shows the same, and no trace of the stack', (context) => {
  const scratch = scratchOf(context);
  const config = join(scratch, 'broken.json');
  writeFileSync(config, JSON.stringify(BROKEN));
  const cdk = join(ROOT, 'node_modules', '.bin', 'cdk');
  // What is bundled is no part of this.
  const options = ['synth', '--quiet', '--build', 'true', '-c', `config=${config}`, '--output', join(scratch, 'out')];
  const { status, stdout, stderr } = spawnSync(cdk, options, {
    cwd: ROOT,
    env: { ...process.env, CDK_DISABLE_VERSION_CHECK: '1', HTTPS_PROXY: 'http://127.0.0.1:9' },
    timeout: LIMIT_MS,
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  const said = `${stdout}${stderr}`.split('\n');
  for (const problem of PROBLEMS) assert.equal(said.filter((line) => problem.test(line)).length, 1, `${problem}`);
  assert.deepEqual(
    said.filter((line) => /^\s+at |Error\b.*:\d+:\d+|node:internal/.test(line)),
    [],
  );
});
