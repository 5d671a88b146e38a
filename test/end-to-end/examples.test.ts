import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ItemStatus, RunStatus } from '@waybill/client';
import { ROOT } from '../architecture/repository-files.ts';
import { copyRepository } from './readme-commands.ts';

interface Ended {
  exit: number | null;
  out: string;
  err: string;
}

interface RunLine {
  type: string;
  run: RunStatus;
  evidence: { verdict: string; tier: string };
}

const TIMEOUT_MS = 90_000;

describe('examples', () => {
  let copy = '';
  const engines = new Set<string>();

  before(() => {
    copy = copyRepository(ROOT);
  });

  after(() => {
    for (const directory of engines) stopEngine(directory);
    rmSync(copy, { recursive: true, force: true });
  });

  function node(...args: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
      delete env.NODE_TEST_CONTEXT;
      const child = spawn(process.execPath, args, { cwd: copy, env, timeout: TIMEOUT_MS });
      const said = { out: '', err: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said.out += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said.err += text;
      });
      child.on('close', (exit) => resolve({ exit, ...said }));
    });
  }

  const waybill = (...args: string[]): Promise<Ended> => node('packages/cli/bin/waybill.js', ...args);

  async function example(name: string, ...args: string[]): Promise<RunLine> {
    engines.add(join(copy, 'examples', name, '.waybill'));
    const { exit, out, err } = await node(`examples/${name}/run.ts`, '--json', ...args);
    assert.equal(exit, 0, `${out}\n${err}`);
    const last = out.split('\n').find((line) => line.startsWith('{"type":"run"'));
    return JSON.parse(last ?? '{}') as RunLine;
  }

  test('examples: the headline ends with verified evidence, a retry that succeeded, and its locks kept', async () => {
    const { run, evidence } = await example('headline');
    assert.deepEqual([run.state, evidence.verdict, evidence.tier], ['done', 'verified', 'signed']);
    assert.deepEqual(
      itemOf(run, 'changelog').attempts.map(({ outcome }) => outcome),
      ['failed', 'succeeded'],
    );
    const [polite, count, translate] = ['greet-politely', 'greet-count', 'translate'].map((id) =>
      spanOf(itemOf(run, id)),
    );
    assert.ok(!overlap(polite, count), 'two items held one exclusive lock at the same time');
    assert.ok(overlap(translate, polite) || overlap(translate, count), 'nothing ran side by side');
  });

  test('examples: the first flow of its guide ends as done, as it stands there', async () => {
    const guide = readFileSync(join(ROOT, 'docs/how-to/write-a-flow.md'), 'utf8');
    const [, flow = ''] = /^```yaml\n(.*?)^```$/ms.exec(guide) ?? [];
    const [file, dir] = [join(copy, 'guide', 'flow.yaml'), join(copy, 'guide', 'state')];
    mkdirSync(join(copy, 'guide'));
    writeFileSync(file, flow);
    engines.add(dir);
    const { exit, out, err } = await waybill('run', file, '--dir', dir, '--plain');
    assert.equal(exit, 0, `${out}\n${err}`);
  });

  test('examples: every patch of the headline applies to the repository that the run started from', async () => {
    const dir = 'examples/headline/.waybill';
    for (const id of ['greet-politely', 'greet-count', 'translate', 'changelog']) {
      const { exit, err } = await waybill('patch', 'latest', id, '--apply', 'examples/headline/repo', '--dir', dir);
      assert.equal(exit, 0, err);
    }
    assert.match(readFileSync(join(copy, 'examples/headline/repo/greet.sh'), 'utf8'), /Good day/);
    assert.match(readFileSync(join(copy, 'examples/headline/repo/CHANGES.md'), 'utf8'), /greets politely/);
  });

  test('examples: the headline does the same without a sandbox, and says so loudly', async () => {
    const { run, evidence } = await example('headline', '--no-sandbox');
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    assert.match(run.warnings.join(), /UNSANDBOXED/);
  });

  test('examples: the data run has an item for each part of its table, and adds up to the sum over all of it', async () => {
    const { run, evidence } = await example('data');
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    const ids = ['split', 'total', 'total~1', 'total~2', 'total~3', 'regions', 'check'];
    assert.deepEqual(run.items.map(({ id }) => id).sort(), ids.sort());
    assert.deepEqual([run.counts.items, run.counts.done, run.counts.attempts], [7, 7, 6]);
    const { out } = await waybill('outputs', 'latest', 'regions', 'result.csv', '--dir', 'examples/data/.waybill');
    const rows = readFileSync(join(copy, 'examples/data/input/orders.csv'), 'utf8').trim().split('\n').slice(1);
    const sold = rows.reduce((sum, row) => sum + Number(row.split(',')[2]), 0);
    const regions = out.trim().split('\n').slice(1);
    const quantities = regions.map((row) => Number(row.split(',')[2]));
    assert.deepEqual([quantities.length, quantities.reduce((a, b) => a + b)], [4, sold]);
  });

  test('examples: a pack from elsewhere is valid, runs beside ours, and is in the record by its hash', async () => {
    const pack = JSON.parse((await waybill('pack', 'validate', 'examples/own-pack/packs/words')).out) as {
      digest: string;
    };
    const { run, evidence } = await example('own-pack');
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    const ended = run.items.map(({ id, state, reason }) => [id, state, reason]);
    assert.deepEqual(ended, [
      ['count', 'done', undefined],
      ['line', 'done', undefined],
      ['table', 'done', undefined],
      ['many', 'skipped', 'condition_false'],
    ]);
    const dir = ['--dir', 'examples/own-pack/.waybill'];
    assert.equal((await waybill('outputs', 'latest', 'table', 'table.csv', ...dir)).out, 'words\n3\n');
    const bundle = await waybill('audit', 'export', 'latest', '-o', '-', ...dir);
    assert.ok(bundle.out.includes(`"shape":{"name":"words/count","pack":"${pack.digest}"`));
  });

  test('examples: the flow is shortened until it is short enough, and corrected until its gate is green', async () => {
    const { run, evidence } = await example('flow');
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    const happened = run.items.filter(({ state }) => state !== 'skipped').map(({ id, state }) => `${id} ${state}`);
    assert.deepEqual(happened.sort(), [
      'corrected done',
      'corrected~2 done',
      'draft done',
      'measured done',
      'measured~2 done',
      'published done',
      'shorter done',
      'shorter~2 done',
      'spelling failed',
      'spelling~2 failed',
      'spelling~3 done',
    ]);
    const { out } = await waybill('outputs', 'latest', 'published', 'published.txt', '--dir', 'examples/flow/.waybill');
    assert.equal(out, 'the first line\na second line\nthe third line\n');
  });

  test('examples: an agent of somebody else costs what its adapter says, and its evidence names its models', async () => {
    const { run, evidence } = await example('own-agent');
    assert.deepEqual([run.state, evidence.verdict], ['done', 'verified']);
    assert.equal(itemOf(run, 'summary').modelMicroUsd?.['example-model-2026-11'], 2_100);
    const { out } = await waybill(
      'outputs',
      'latest',
      'summary',
      'summary.txt',
      '--dir',
      'examples/own-agent/.waybill',
    );
    assert.equal(out, 'A waybill goes with what is carried.\n');
  });

  test('run: an engine that is killed while the run is watched is started again, and the run ends as it should', async () => {
    const dir = join(copy, 'killed');
    engines.add(dir);
    // It runs until its engine is killed, however slowly anybody looks, and then not for long.
    writeFileSync(join(copy, 'slow.yaml'), twoItems(`'[ "$WAYBILL_ATTEMPT" -gt 1 ] || sleep 60'`));
    const watched = waybill('run', 'slow.yaml', '--dir', dir);
    const pid = await until(() => runningEngine(dir));
    await until(async () => (await waybill('status', 'latest', '--dir', dir)).out.includes('"state":"running"'));
    process.kill(pid, 'SIGKILL');
    const { exit, out } = await watched;
    assert.equal(exit, 0, out);
    assert.notEqual(runningEngine(dir), pid);
    assert.match(out, /"verdict":"verified"/);
  });

  test('run: a run that fails, and one that is refused, say so with their exit codes', async () => {
    const dir = join(copy, 'killed');
    writeFileSync(join(copy, 'fails.yaml'), twoItems('exit 7'));
    const failed = await waybill('run', 'fails.yaml', '--dir', dir, '--plain');
    assert.equal(failed.exit, 1, failed.err);
    assert.match(failed.out, /first +✗ failed[\s\S]*second +- skipped[\s\S]*upstream_failed \(first\)/);
    const twice = await waybill('submit', 'fails.yaml', '--id', 'same', '--dir', dir);
    assert.equal(twice.exit, 0, twice.err);
    const conflict = await waybill('submit', 'slow.yaml', '--id', 'same', '--dir', dir);
    assert.equal(conflict.exit, 2, conflict.out);
    assert.match(conflict.out, /"status":"conflict"/);
  });
});

function twoItems(first: string): string {
  return `apiVersion: waybill/v1
kind: Run
metadata: { name: slow }
spec:
  items:
    - { id: first, pipeline: [{ block: script, run: ${first} }] }
    - { id: second, dependsOn: [first], pipeline: [{ block: script, run: 'true' }] }
`;
}

function itemOf(run: RunStatus, id: string): ItemStatus {
  const item = run.items.find((one) => one.id === id);
  assert.ok(item, `no item ${id}`);
  return item;
}

type Span = readonly [from: number, to: number];

function spanOf({ attempts }: ItemStatus): Span {
  return [Date.parse(attempts[0]?.startedAt ?? ''), Date.parse(attempts.at(-1)?.endedAt ?? '')];
}

function overlap(left: Span | undefined, right: Span | undefined): boolean {
  return left !== undefined && right !== undefined && left[0] < right[1] && right[0] < left[1];
}

function runningEngine(directory: string): number | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'engine.json'), 'utf8')).pid;
  } catch {
    return undefined;
  }
}

function stopEngine(directory: string): void {
  try {
    process.kill(runningEngine(directory) ?? Number.NaN, 'SIGTERM');
  } catch {
    // it has ended by itself
  }
}

async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail('it never came');
}
