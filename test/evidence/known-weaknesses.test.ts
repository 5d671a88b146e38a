/** What the strongest verifier of this kind that we know gets wrong, each as a test of its own. */
import assert from 'node:assert/strict';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { writeBigBundle } from '../../bench/big-bundle.ts';
import { type VerifyOptions, type VerifyReport, verifyBundle } from '../../packages/verify/src/index.ts';
import { FAILED, finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { cancelOf, runOf } from '../support/run-spec.ts';
import { BUCKET, captureOf, policyFile } from './auditor-material.ts';
import { OTHER, OTHER_RUN } from './forged.ts';
import { bundleLines, type Forgery, trustFile } from './honest-bundle.ts';
import { jcs, leaf, treeRoot } from './naive-evidence.ts';
import { ORIGIN, PLAN, RUN } from './story.ts';
import { stamped, tsaTrust } from './time-forgeries.ts';

function judge(lines: readonly string[], options: VerifyOptions = { trust: trustFile() }): Promise<VerifyReport> {
  return verifyBundle([Buffer.from(lines.map((line) => `${line}\n`).join(''))], options);
}

async function mustRefuse(lines: readonly string[], what: string, options?: VerifyOptions): Promise<void> {
  const { exitCode } = await judge(lines, options);
  assert.ok(exitCode === 1 || exitCode === 3, `${what}: exit ${exitCode}`);
}

/** With an end record that counts these lines. */
function counted(lines: readonly string[]): string[] {
  return [...lines.slice(0, -1), `{"end":{"lines":${lines.length - 1}}}`];
}

test("weakness: another run's signed root, relabelled, does not verify", async () => {
  const own = bundleLines();
  const other = bundleLines({ run: OTHER_RUN, event: (line) => Object.assign(line, { salt: 'ab'.repeat(16) }) });
  const sealAt = own.findIndex((line) => line.includes('"record":"seal"'));
  assert.equal(own.length, other.length);
  await mustRefuse([...own.slice(0, sealAt), ...other.slice(sealAt)], 'the seal and the log entries of another run');
  await mustRefuse([...other.slice(0, sealAt), ...own.slice(sealAt)], 'the events of another run');
  await mustRefuse(own.toSpliced(sealAt, 1, other[sealAt] as string), 'the seal of another run');
  await mustRefuse(
    own.map((line) => line.replaceAll(RUN, OTHER_RUN)),
    'another run everywhere in the text',
  );
  await mustRefuse(own, 'another run than was asked for', { trust: trustFile(), expectRun: OTHER_RUN });
});

test('weakness: no value can move into another field of an event, whatever the two are', async () => {
  const lines = bundleLines();
  let moves = 0;
  for (const [at, line] of lines.entries()) {
    const event = JSON.parse(line) as { seq?: number; data?: Record<string, unknown> };
    if (event.seq === undefined || event.data === undefined) continue;
    const values = Object.entries(event.data).filter(([, value]) => typeof value === 'string');
    for (const [key, value] of values) {
      for (const other of ['note', ...Object.keys(event.data)].filter((name) => name !== key)) {
        const { [key]: _moved, ...data } = event.data;
        await mustRefuse(
          lines.toSpliced(at, 1, jcs({ ...event, data: { ...data, [other]: value } })),
          `${key} as ${other}`,
        );
        moves++;
      }
    }
  }
  assert.ok(moves > 100, `${moves} moves`);
});

test('weakness: a denial cannot be turned into something else by where it stands', async () => {
  const denied: Forgery = {
    story: (story) => {
      for (const { type, data } of story)
        if (type === 'item.closed') Object.assign(data.items[0] ?? {}, { state: 'denied' });
    },
  };
  const lines = bundleLines(denied);
  const at = lines.findIndex((line) => line.includes('"item.closed"'));
  const line = lines[at] as string;
  for (const [from, to] of [
    ['"reason":"upstream_failed","state":"denied"', '"reason":"denied","state":"skipped"'],
    ['"cause":"lint"', '"cause":"denied"'],
    ['"state":"denied"', '"state":"skipped"'],
  ] as const) {
    assert.ok(line.includes(from), line);
    await mustRefuse(lines.toSpliced(at, 1, line.replace(from, to)), `${from} as ${to}`);
  }
});

test('weakness: an empty log or an empty run does not pass', async () => {
  const lines = bundleLines();
  const isEvent = (line: string): boolean => line.includes('"seq":') || line.startsWith('{"payload"');
  await mustRefuse(counted(lines.filter((line) => !isEvent(line))), 'no events');
  await mustRefuse(counted(lines.filter((line) => !line.includes('"record":"log"'))), 'no log entries');
  await mustRefuse(counted([lines[0] as string, lines.at(-1) as string]), 'nothing at all');
  const empty = treeRoot([]).toString('base64');
  await mustRefuse(bundleLines({ checkpoint: () => `${ORIGIN}\n0\n${empty}\n` }), 'the checkpoint of an empty log');
  await mustRefuse(
    bundleLines({ proof: (text) => text.replace(/(index \d+)\n(?:[^\n]+\n)*\n/, '$1\n\n') }),
    'empty proofs',
  );
});

test('weakness: stripping any signature, or all of them, does not pass', async () => {
  const lines = bundleLines();
  for (const [at, line] of lines.entries()) {
    if (!line.includes('"signatures":')) continue;
    await mustRefuse(
      lines.toSpliced(at, 1, line.replace(/"signatures":\[[^\]]*\]/, '"signatures":[]')),
      `line ${at + 1}`,
    );
    await mustRefuse(lines.toSpliced(at, 1, line.replace(/"sig":"[^"]*"/, '"sig":""')), `line ${at + 1}, emptied`);
    await mustRefuse(counted(lines.toSpliced(at, 1)), `line ${at + 1}, dropped`);
  }
  await mustRefuse(bundleLines({ note: (note) => note.slice(0, note.lastIndexOf('\n\n') + 1) }), 'a bare checkpoint');
  await mustRefuse(bundleLines({ note: (note) => note.slice(0, note.lastIndexOf('\n\n') + 2) }), 'no signature line');
  const bare = lines.map((line) => line.replaceAll(/"signatures":\[[^\]]*\]/g, '"signatures":[]'));
  await mustRefuse(bare, 'all of them');
  await mustRefuse(bare, 'all of them, without keys', {});
});

test('weakness: an extra field anywhere, in any object of any line, does not pass', async () => {
  const lines = bundleLines();
  let objects = 0;
  for (const [at, line] of lines.entries()) {
    const value = JSON.parse(line) as object;
    for (const object of objectsIn(value)) {
      Object.assign(object, { zz: 'trust me' });
      await mustRefuse(lines.toSpliced(at, 1, jcs(value)), `line ${at + 1}`);
      Reflect.deleteProperty(object, 'zz');
      objects++;
    }
  }
  assert.ok(objects > 100, `${objects} objects`);
});

test('weakness: rewritten item rows do not pass', async () => {
  const lines = bundleLines();
  const rewrite = (from: string | RegExp, to: string): string[] => {
    const at = lines.findIndex((line) => line.includes('"run.planned"'));
    const line = (lines[at] as string).replace(from, to);
    assert.notEqual(line, lines[at]);
    return lines.toSpliced(at, 1, line);
  };
  await mustRefuse(rewrite(PLAN[0]?.spec ?? '', OTHER), 'another spec');
  await mustRefuse(rewrite('"id":"build"', '"id":"built"'), 'another id');
  await mustRefuse(rewrite('"maxAttempts":2', '"maxAttempts":9'), 'more attempts');
  await mustRefuse(rewrite('"mode":"exclusive"', '"mode":"shared"'), 'another lock');
  await mustRefuse(rewrite('"deps":["build"]', '"deps":[]'), 'a dependency less');
  const settled = lines.map((line) => line.replaceAll('"reason":"exit_nonzero"', '"reason":"timed_out"'));
  await mustRefuse(settled, 'another reason of every failure');
});

test('weakness: a revoked key does not pass with a good token of an unrelated checkpoint or time', async () => {
  const keys = trustFile();
  for (const key of keys.keys) key.to = 1;
  const policy = policyFile({ keys, tsa: tsaTrust() });
  await mustRefuse(bundleLines({ lines: stamped() }), 'a token of now', { policy });
  await mustRefuse(bundleLines({ lines: stamped({ message: Buffer.from('an older checkpoint\n') }) }), 'an old token', {
    policy,
  });
});

test('weakness: an honest run with a retry, a crash between anchor and marker, or a cancel after the seal is accepted', async () => {
  const retried = await judge(bundleLines());
  assert.deepEqual([retried.exitCode, retried.facts?.counts.retries], [0, 1]);
  // The anchor's receipt, and what comes after a seal, are later entries of the log.
  const frame = { v: 1, origin: ORIGIN, at: '2026-11-21T05:03:00.000Z' };
  const receipt = {
    ...frame,
    type: 'anchor.receipt',
    size: 4,
    object: OTHER,
    key: 'x',
    version: null,
    lockedUntil: null,
  };
  const late = { ...frame, type: 'run.addendum', runSeq: 7, run: RUN, kind: 'late-control', object: OTHER };
  for (const entries of [[], [receipt, receipt], [late], [late, late, receipt]]) {
    const lines = bundleLines({ log: (leaves) => leaves.push(...entries.map((entry) => leaf(jcs(entry)))) });
    const policy = policyFile({ anchor: { bucket: BUCKET } });
    const capture = captureOf(lines);
    const key = `checkpoints/${String(5 + entries.length).padStart(20, '0')}`;
    Object.assign(capture, { key, versions: { Versions: [{ Key: key, VersionId: capture.head.VersionId }] } });
    const { exitCode, tier } = await judge(lines, { policy, anchor: capture });
    assert.deepEqual([exitCode, tier], [0, 'anchored'], JSON.stringify(entries));
  }
});

test("weakness: the product's own exports verify, with a retry and with a cancel that comes after the seal", async () => {
  let attempts = 0;
  await withBed({ execute: async () => (attempts++ === 0 ? FAILED : SUCCEEDED) }, async (bed) => {
    bed.submit(
      'own',
      runOf([
        { id: 'a', retry: { maxAttempts: 2, backoff: '100ms' } },
        { id: 'b', dependsOn: ['a'] },
      ]),
    );
    const { status } = await finished(bed, 'own');
    bed.control('late', cancelOf(status.run));
    const path = join(bed.directory, 'ledger', 'runs', status.run, `run-${status.run}.audit.jsonl`);
    const report = await verifyBundle([readFileSync(path)], { trust: bed.deps.signer.trust, expectRun: status.run });
    assert.deepEqual([report.exitCode, report.facts?.counts.retries], [0, 1]);
  });
});

test('weakness: binding manifests takes time in proportion to them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-linear-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const signer = openLocalSigner(join(folder, 'keys'));
  const cpuMsOf = async (items: number): Promise<number> => {
    const path = join(folder, `${items}.jsonl`);
    await writeBigBundle(path, items, signer);
    const started = process.cpuUsage();
    const { exitCode } = await verifyBundle(createReadStream(path), { trust: signer.trust });
    const { user, system } = process.cpuUsage(started);
    assert.equal(exitCode, 0);
    return (user + system) / 1000;
  };
  await cpuMsOf(500);
  const [few, many] = [await cpuMsOf(1_000), await cpuMsOf(4_000)];
  t.diagnostic(`1,000 manifests ${few.toFixed(0)} ms of processor time, 4,000 ${many.toFixed(0)} ms`);
  assert.ok(many < 10 * few, `four times the manifests took ${(many / few).toFixed(1)} times as long`);
});

function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  const below = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? below : [value, ...below];
}
