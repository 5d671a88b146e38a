/**
 * `waybill-verify log` over the ledger of a real engine: what the operator could do to it afterwards, keys in hand, and
 * how each shows: a run deleted, the log rolled back, a fork, a run that is not sealed.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { composeOffline } from '#embedded/compose-offline.ts';
import { rotateKey } from '#flow/keys.ts';
import type { LogAuditReport } from '../../packages/verify/src/audit/log-report.ts';
import { main } from '../../packages/verify/src/bin.ts';
import { openFlowBed } from '../support/embedded-flow.ts';
import { Gate, SUCCEEDED } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-log-'));
const directory = join(root, 'deployment');
const KEYS = join(root, 'keys.json');
after(() => rmSync(root, { recursive: true }));

const runs: string[] = [];

async function sealRuns(at: string, ...names: string[]): Promise<void> {
  const bed = await openFlowBed({ directory: at, execute: () => SUCCEEDED });
  for (const name of names) {
    bed.submit(name, runOf([{ id: 'x' }, { id: 'y', dependsOn: ['x'] }]));
    runs.push((await bed.sealed(name)).status.run);
  }
  await bed.halt();
}

before(async () => {
  await sealRuns(directory, 'first', 'second');
  cpSync(join(directory, 'keys', 'public.json'), KEYS);
});

interface Ran {
  exit: number;
  report: LogAuditReport;
  codes: string[];
}

async function audit(ledger: string, ...args: string[]): Promise<Ran> {
  const out: string[] = [];
  const io = { out: (text: string) => void out.push(text), err: () => {}, stdin: (async function* () {})() };
  const exit = await main(['log', ledger, '--json', ...args], io);
  const report = JSON.parse(out.join('')) as LogAuditReport;
  const codes = report.findings.filter(({ kind }) => kind !== 'notice').map(({ code }) => code);
  return { exit, report, codes: [...new Set(codes)].sort() };
}

function copy(name: string): { path: string; ledger: string } {
  const path = join(root, name);
  cpSync(directory, path, { recursive: true });
  return { path, ledger: join(path, 'ledger') };
}

const LEDGER = join(directory, 'ledger');

test('log: the ledger of an engine is verified with the keys it began with, bundles and all', async () => {
  const { exit, report, codes } = await audit(LEDGER, '--keys', KEYS);
  assert.deepEqual([exit, codes], [0, []]);
  assert.equal(report.bundles, 2);
  assert.equal(report.read, report.head?.size);
  assert.deepEqual(report.runs.unsealed, []);
});

describe('log: after the fact', () => {
  test('a deleted bundle is missed, and an edited one refused', async () => {
    const { ledger } = copy('deleted');
    const bundle = join(ledger, 'runs', runs[0] as string, `run-${runs[0]}.audit.jsonl`);
    const bytes = readFileSync(bundle);
    rmSync(bundle);
    const gone = await audit(ledger, '--keys', KEYS);
    assert.deepEqual([gone.exit, gone.codes], [2, ['BUNDLE_MISSING']]);
    assert.equal(gone.report.findings[0]?.run, runs[0]);
    writeFileSync(bundle, bytes.toString().replace('"x"', '"z"'));
    const edited = await audit(ledger, '--keys', KEYS);
    assert.deepEqual([edited.exit, edited.codes], [1, ['BUNDLE_REFUSED']]);
    rmSync(join(ledger, 'runs', runs[0] as string), { recursive: true });
    assert.equal((await audit(ledger, '--keys', KEYS)).exit, 2);
    assert.equal((await audit(ledger, '--keys', KEYS, '--no-bundles')).exit, 0);
  });

  test('a log that was rolled back shows to whoever has seen its head', async () => {
    const state = join(root, 'state.json');
    assert.equal((await audit(LEDGER, '--keys', KEYS, '--state', state)).exit, 0);
    assert.ok(existsSync(state));
    assert.equal((await audit(LEDGER, '--keys', KEYS, '--state', state)).exit, 0, 'the same log again');
    const { ledger } = copy('rolled-back');
    const sizes = readdirSync(join(ledger, 'checkpoints'))
      .filter((name) => /^\d+$/.test(name))
      .sort();
    rmSync(join(ledger, 'checkpoints', sizes.at(-1) as string));
    const { exit, codes } = await audit(ledger, '--keys', KEYS, '--state', state, '--no-bundles');
    assert.deepEqual([exit, codes], [1, ['STATE_ROLLBACK']]);
    assert.equal((await audit(ledger, '--keys', KEYS, '--no-bundles')).exit, 0, 'nobody else can tell');
  });

  test('a log that was forked shows to whoever has seen the other one, and by its bundles', async () => {
    const state = join(root, 'fork-state.json');
    const [left, right] = [copy('left'), copy('right')];
    await sealRuns(left.path, 'third');
    await sealRuns(right.path, 'other');
    assert.equal((await audit(left.ledger, '--keys', KEYS, '--state', state)).exit, 0);
    assert.equal((await audit(right.ledger, '--keys', KEYS)).exit, 0, 'each alone is a good log');
    const { exit, codes } = await audit(right.ledger, '--keys', KEYS, '--state', state);
    assert.deepEqual([exit, codes.some((code) => code.startsWith('STATE_'))], [1, true]);
    const mixed = await audit(right.ledger, '--keys', KEYS, '--bundles', join(left.ledger, 'runs', runs[2] as string));
    assert.deepEqual([mixed.exit, mixed.codes.includes('BUNDLE_UNLOGGED')], [1, true]);
  });

  test('a bundle of the same run from another history is no bundle of this log', async () => {
    const [left, right] = [copy('same-left'), copy('same-right')];
    for (const { path } of [left, right]) await sealRuns(path, 'same');
    const run = runs.pop() as string;
    assert.equal(run, runs.pop());
    for (const { ledger } of [left, right]) assert.equal((await audit(ledger, '--keys', KEYS)).exit, 0);
    const elsewhere = join(root, 'elsewhere');
    cpSync(join(left.ledger, 'runs', run), elsewhere, { recursive: true });
    const { report, exit } = await audit(right.ledger, '--keys', KEYS, '--bundles', elsewhere);
    const about = report.findings.filter((finding) => finding.run === run).map(({ code }) => code);
    assert.deepEqual([exit, about], [1, ['BUNDLE_MISMATCH']]);
  });

  test('the bundle of a run that lived long has every prefix that the log saw on the way', async () => {
    const { path, ledger } = copy('long');
    const gate = new Gate();
    const execute = ({ item }: { item: string }) => (item < 'i5' ? SUCCEEDED : gate.opened.then(() => SUCCEEDED));
    const bed = await openFlowBed({ directory: path, execute, concurrency: 100 });
    bed.submit('long', runOf(Array.from({ length: 100 }, (_, n) => ({ id: `i${String(n).padStart(2, '0')}` }))));
    await bed.until(async () => (await audit(ledger, '--keys', KEYS)).report.entries['run.checkpoint']);
    gate.open();
    await bed.sealed('long');
    await bed.halt();
    const { exit, codes, report } = await audit(ledger, '--keys', KEYS);
    assert.deepEqual([exit, codes, report.bundles], [0, [], 3]);
    assert.ok((report.entries['run.checkpoint'] ?? 0) > 0, JSON.stringify(report.entries));
  });

  test('a run that is not sealed is listed with its age, and refused when it has been open too long', async () => {
    const { path, ledger } = copy('unsealed');
    const gate = new Gate();
    const bed = await openFlowBed({ directory: path, execute: () => gate.opened.then(() => SUCCEEDED) });
    const run = bed.submit('open', runOf([{ id: 'x' }]));
    await bed.until(async () => (await audit(ledger, '--keys', KEYS)).report.runs.unsealed.length > 0);
    const { exit, report } = await audit(ledger, '--keys', KEYS);
    assert.deepEqual([exit, report.runs.unsealed[0]?.run], [0, run]);
    const overdue = await audit(ledger, '--keys', KEYS, '--max-open', '0s');
    assert.deepEqual([overdue.exit, overdue.codes], [2, ['RUN_OVERDUE']]);
    gate.open();
    await bed.sealed('open');
    await bed.halt();
    assert.deepEqual((await audit(ledger, '--keys', KEYS, '--max-open', '0s')).codes, []);
  });
});

test('log: keys that were rotated are followed and saved, and are good for what comes after', async () => {
  const { path, ledger } = copy('rotated');
  const { deps, close } = composeOffline(path);
  await rotateKey(deps, 'log', 'ed25519');
  await rotateKey(deps, 'attest', 'ecdsa-p256-sha256');
  await close();
  await sealRuns(path, 'after');
  const saved = join(root, 'saved.json');
  const first = await audit(ledger, '--keys', KEYS, '--save-keys', saved);
  assert.deepEqual([first.exit, first.codes, first.report.bundles], [0, [], 3]);
  assert.deepEqual(
    JSON.parse(readFileSync(saved, 'utf8')),
    JSON.parse(readFileSync(join(path, 'keys', 'public.json'), 'utf8')),
  );
  assert.equal((await audit(ledger, '--keys', saved)).exit, 0);
  const refusedKeys = join(root, 'refused.json');
  const { exit } = await audit(
    ledger,
    '--keys',
    join(directory, 'keys', 'public.json'),
    '--save-keys',
    refusedKeys,
    '--checkpoint',
    KEYS,
  );
  assert.deepEqual([exit, existsSync(refusedKeys)], [3, false]);
});

describe('log: over HTTP', () => {
  let server: Server;
  let base = '';
  let status = 0;
  before(async () => {
    server = createServer((request, response) => {
      const path = join(LEDGER, decodeURI(request.url ?? ''));
      if (status !== 0) response.writeHead(status).end();
      else if (existsSync(path)) response.end(readFileSync(path));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => new Promise((resolve) => void server.close(resolve)));

  test('a served ledger is audited from a checkpoint that the auditor has; a server that fails is exit 5', async () => {
    const newest =
      readdirSync(join(LEDGER, 'checkpoints'))
        .filter((name) => /^\d+$/.test(name))
        .sort()
        .at(-1) ?? '';
    const checkpoint = join(LEDGER, 'checkpoints', newest);
    const online = ['--online', '--keys', KEYS, '--checkpoint', checkpoint];
    const { exit, codes, report } = await audit(base, ...online);
    assert.deepEqual([exit, codes, report.bundles], [0, [], 2]);
    status = 503;
    const away = await audit(base, ...online);
    assert.deepEqual([away.exit, away.codes], [5, ['LEDGER_UNREACHABLE']]);
  });
});

test('log: wrong arguments exit 4', async () => {
  const io = { out: () => {}, err: () => {}, stdin: (async function* () {})() };
  const cases = [
    [],
    [LEDGER, LEDGER],
    [join(root, 'absent')],
    ['http://127.0.0.1:9'],
    [LEDGER, '--online'],
    [LEDGER, '--keys', join(root, 'absent')],
    [LEDGER, '--keys', KEYS, '--policy', KEYS],
    [LEDGER, '--max-open', 'long'],
    [LEDGER, '--bundles', join(root, 'absent')],
    [LEDGER, '--checkpoint', join(root, 'absent')],
  ];
  for (const args of cases) assert.equal(await main(['log', ...args], io), 4, args.join(' '));
});
