import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderReport, type VerifyOptions, type VerifyReport, verifyBundle } from '../../packages/verify/src/index.ts';
import { loadPolicy } from '../../packages/verify/src/verdict/policy.ts';
import { BUCKET, COSIGNED_SECONDS, captureOf, cosigned, policyFile, witnessPolicy } from './auditor-material.ts';
import { bundleLines, type Forgery, LOG } from './honest-bundle.ts';
import { sha256 } from './naive-evidence.ts';
import { timeText } from './naive-tsa.ts';
import { STAMPED_MS, stamped, tsaTrust } from './time-forgeries.ts';

const ANCHOR = { bucket: BUCKET, minRetentionDays: 365 };

async function judge(forgery: Forgery, options: VerifyOptions): Promise<VerifyReport> {
  const bytes = Buffer.from(
    bundleLines(forgery)
      .map((line) => `${line}\n`)
      .join(''),
  );
  return verifyBundle([bytes], options);
}

function codeOf(report: VerifyReport, id: string): string | null | undefined {
  return report.checks.find((check) => check.id === id)?.code;
}

const SEEN_BY_TWO: Forgery = { note: (note) => cosigned(cosigned(note, 2, COSIGNED_SECONDS + 60), 0) };

test('tiers: a quorum of the policy makes it witnessed, k of n, and the time is that of the last one needed', async () => {
  const policy = policyFile({ witnesses: witnessPolicy(2), require: { integrity: 'witnessed', time: 'witnessed' } });
  const { exitCode, tier, facets } = await judge(SEEN_BY_TWO, { policy });
  assert.deepEqual([exitCode, tier], [0, 'witnessed']);
  assert.deepEqual(facets.integrity.witnesses, { k: 2, n: 3, names: ['w0', 'w2'] });
  assert.equal(facets.time.tier, 'witnessed');
  assert.deepEqual(facets.time.from, { at: '2026-11-21T05:00:00.000Z', by: 'operator' });
  assert.deepEqual(facets.time.to, { at: '2026-11-21T05:02:00.999Z', by: 'witnesses' });
  assert.deepEqual(facets.freshness.attested, { at: '2026-11-21T05:01:00.000Z', by: 'witnesses' });
});

test('tiers: witnessed satisfies anchored', async () => {
  const policy = policyFile({ witnesses: witnessPolicy(2), require: { integrity: 'anchored' } });
  assert.equal((await judge(SEEN_BY_TWO, { policy })).exitCode, 0);
});

test('tiers: too few witnesses are no contradiction; they raise nothing and are not enough where they are required', async () => {
  const policy = policyFile({ witnesses: witnessPolicy(3) });
  const enough = await judge(SEEN_BY_TWO, { policy });
  assert.deepEqual([enough.exitCode, enough.tier, codeOf(enough, 'witnesses')], [0, 'signed', 'QUORUM_NOT_MET']);
  assert.equal(enough.facets.time.tier, 'asserted');
  const required = await judge(SEEN_BY_TWO, { policy, require: { integrity: 'witnessed' } });
  assert.equal(required.exitCode, 2);
  assert.deepEqual(
    required.shortfalls.map(({ code }) => code),
    ['INTEGRITY_BELOW'],
  );
});

test('tiers: cosignatures raise nothing without a policy, with quorum none, and by witnesses that are not in it', async () => {
  const unknown = await judge(SEEN_BY_TWO, { policy: policyFile() });
  assert.deepEqual([unknown.exitCode, unknown.tier, codeOf(unknown, 'witnesses')], [0, 'signed', 'NO_WITNESS_POLICY']);
  for (const witnesses of [
    'quorum none\n',
    witnessPolicy(1)
      .replaceAll(/^witness w[02].*\n/gm, '')
      .replace('1 w0 w1 w2', '1 w1'),
  ]) {
    const report = await judge(SEEN_BY_TWO, { policy: policyFile({ witnesses }), require: { integrity: 'witnessed' } });
    assert.deepEqual([report.exitCode, report.tier, codeOf(report, 'witnesses')], [2, 'signed', 'QUORUM_NOT_MET']);
  }
});

test('tiers: one witness who signs twice is one witness', async () => {
  const twice: Forgery = { note: (note) => cosigned(cosigned(note, 0), 0, COSIGNED_SECONDS + 9) };
  const { tier } = await judge(twice, { policy: policyFile({ witnesses: witnessPolicy(2) }) });
  assert.equal(tier, 'signed');
});

test('tiers: an anchor makes it anchored, and its facts stand in the report', async () => {
  const lines = bundleLines();
  const policy = policyFile({ anchor: ANCHOR, require: { integrity: 'anchored' } });
  const { exitCode, tier, facets } = await judge({}, { policy, anchor: captureOf(lines) });
  assert.deepEqual([exitCode, tier], [0, 'anchored']);
  assert.equal(facets.integrity.anchor?.lockedUntil, '2027-11-21T05:01:00.000Z');
  assert.equal(facets.time.tier, 'asserted', 'a storage is no clock');
  assert.equal((await judge({}, { policy })).exitCode, 2);
});

test('tiers: an anchor whose list names other keys with the same beginning is judged by its own', async () => {
  const capture = captureOf(bundleLines());
  capture.versions.Versions?.push({ Key: `${capture.key}.tsr`, VersionId: 'x' });
  capture.versions.DeleteMarkers = [{ Key: `${capture.key}.tsr`, VersionId: 'y' }];
  const { tier } = await judge({}, { policy: policyFile({ anchor: ANCHOR }), anchor: capture });
  assert.equal(tier, 'anchored');
});

test('tiers: a capture without a bucket in the policy is not judged and raises nothing', async () => {
  const report = await judge({}, { policy: policyFile(), anchor: captureOf(bundleLines()) });
  assert.deepEqual([report.exitCode, report.tier, codeOf(report, 'anchor')], [0, 'signed', 'NO_ANCHOR_POLICY']);
});

test('tiers: policy and what is required on top both hold, whichever is stricter', async () => {
  const strict = policyFile({ require: { integrity: 'witnessed' } });
  assert.equal((await judge({}, { policy: strict, require: { integrity: 'self-consistent' } })).exitCode, 2);
  assert.equal((await judge({}, { policy: policyFile(), require: { integrity: 'anchored' } })).exitCode, 2);
  const both = await judge({}, { policy: strict, require: { integrity: 'signed', time: 'tsa-attested' } });
  assert.deepEqual(
    both.shortfalls.map(({ code }) => code),
    ['INTEGRITY_BELOW', 'TIME_BELOW'],
  );
});

test('tiers: a token under a root of the auditor attests the time, as an interval that ends with its accuracy', async () => {
  const policy = policyFile({ tsa: tsaTrust(), require: { time: 'tsa-attested', maxAgeMs: 2_000 } });
  const forgery: Forgery = { lines: stamped({ genTime: timeText(new Date(STAMPED_MS)) }) };
  const { exitCode, tier, facets } = await judge(forgery, { policy, nowMs: STAMPED_MS });
  assert.deepEqual([exitCode, tier, facets.time.tier], [0, 'signed', 'tsa-attested']);
  assert.deepEqual(facets.time.to, { at: new Date(STAMPED_MS + 1000).toISOString(), by: 'tsa' });
  assert.deepEqual(facets.freshness, {
    attested: { at: new Date(STAMPED_MS - 1000).toISOString(), by: 'tsa' },
    ageMs: 1000,
  });
  assert.equal((await judge(forgery, { policy, nowMs: STAMPED_MS + 1001 })).exitCode, 2);
});

test('tiers: a token is not counted without roots, and the report says so; without a token nothing is attested', async () => {
  const time = { time: 'tsa-attested' } as const;
  const unjudged = await judge({ lines: stamped() }, { policy: policyFile() });
  assert.deepEqual([unjudged.exitCode, unjudged.facets.time.tier], [0, 'asserted']);
  assert.equal(codeOf(unjudged, 'timestamp'), 'NO_TSA_ROOTS');
  assert.match(renderReport(unjudged), /it was not judged, because no roots were supplied/);
  assert.equal((await judge({ lines: stamped() }, { policy: policyFile(), require: time })).exitCode, 2);
  const absent = await judge({}, { policy: policyFile({ tsa: tsaTrust() }), require: time });
  assert.deepEqual([absent.exitCode, codeOf(absent, 'timestamp')], [2, 'NO_TIMESTAMP']);
});

test('freshness: the age is counted from a third party and never from the operator', async () => {
  const policy = policyFile({ witnesses: witnessPolicy(1), require: { maxAgeMs: 60_000 } });
  const seen: Forgery = { note: (note) => cosigned(note, 0) };
  const at = (seconds: number): number => (COSIGNED_SECONDS + seconds) * 1000;
  const exitAt = async (forgery: Forgery, nowMs: number): Promise<number> =>
    (await judge(forgery, { policy, nowMs })).exitCode;
  assert.equal(await exitAt(seen, at(60)), 0);
  assert.equal(await exitAt(seen, at(60) + 1), 2);
  assert.equal(await exitAt(seen, at(-300)), 0, 'a clock may be a little behind');
  assert.equal(await exitAt(seen, at(-300) - 1), 2, 'what is still to come has no age');
  const operatorSaysNow = Date.parse('2026-11-21T05:00:25.000Z');
  const unseen = await judge({}, { policy, nowMs: operatorSaysNow });
  assert.deepEqual([unseen.exitCode, codeOf(unseen, 'freshness')], [2, 'AGE_UNKNOWN']);
  const late = await judge(
    { note: (note) => cosigned(cosigned(note, 0), 1, COSIGNED_SECONDS + 3600) },
    { policy, nowMs: at(3600) },
  );
  assert.equal(codeOf(late, 'freshness'), 'TOO_OLD', 'of several witnesses the earliest counts');
});

test('report: a seal that the operator dates later than others saw it is warned of, and is no contradiction', async () => {
  const early: Forgery = { note: (note) => cosigned(note, 0, Date.UTC(2026, 10, 21, 4, 0, 0) / 1000) };
  const policy = policyFile({ witnesses: witnessPolicy(1) });
  const report = await judge(early, { policy });
  assert.equal(report.exitCode, 0);
  const warning =
    /WARNING +the operator's clock was ahead: it says 2026-11-21T05:00:25.000Z for a seal that was seen by 2026-11-21T04:00:00.999Z/;
  assert.match(renderReport(report), warning);
  const right: Forgery = { note: (note) => cosigned(note, 0) };
  assert.doesNotMatch(renderReport(await judge(right, { policy })), /clock was ahead/);
});

test('options: keys and a policy together, or a capture that is none, are refused before anything is read', async () => {
  const policy = policyFile({ anchor: ANCHOR });
  const capture = captureOf(bundleLines());
  const broken: VerifyOptions[] = [
    { policy, trust: policy.keys },
    { policy, anchor: { ...capture, format: 'waybill-anchor-capture/v2' } },
    { policy, anchor: { ...capture, head: null } },
    { policy, anchor: { ...capture, body: '%' } },
    { policy, anchor: { ...capture, versions: { Versions: {} } } },
    { policy, anchor: { ...capture, versions: { ...capture.versions, NextToken: 'x' } } },
    { policy, anchor: { ...capture, body: Buffer.alloc(131_073).toString('base64') } },
    { policy, limits: { jsonDepth: 33 } },
  ];
  for (const options of broken) await assert.rejects(judge({}, options), { name: 'EvidenceError' });
});

test('tiers: a log that cosigns with its own key is refused in the policy: nobody witnesses themselves', () => {
  const key = Buffer.concat([Buffer.of(4), LOG.spki.subarray(-32)]);
  const hash = sha256('self\n', key).subarray(0, 4).toString('hex');
  const witnesses = `witness w0 self+${hash}+${key.toString('base64')}\nquorum w0\n`;
  assert.throws(() => loadPolicy(policyFile({ witnesses })), {
    code: 'POLICY',
    message: /nobody witnesses themselves/,
  });
});
