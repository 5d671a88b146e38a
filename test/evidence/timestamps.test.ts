import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { serialize } from 'node:v8';
import { EvidenceError } from '../../packages/verify/src/evidence-error.ts';
import { bareTimestamp } from '../../packages/verify/src/rfc3161/bare-timestamp.ts';
import { PATH_CHECKS } from '../../packages/verify/src/rfc3161/certificate-path.ts';
import { STRICT_DER } from '../../packages/verify/src/rfc3161/der.ts';
import { TimestampError } from '../../packages/verify/src/rfc3161/timestamp-error.ts';
import { TOKEN_CHECKS } from '../../packages/verify/src/rfc3161/token-checks.ts';
import {
  STRICT_TIMESTAMPS,
  type TimestampRules,
  verifyTimestamp,
  verifyTimestampWith,
} from '../../packages/verify/src/rfc3161/verify-timestamp.ts';
import { ROOT } from '../architecture/repository-files.ts';
import { badEncodings, badTimes } from './bad-encodings.ts';
import { badPaths, leftOver } from './bad-paths.ts';
import type { BadStamp } from './bad-stamp.ts';
import { badAnswers, badAttributes, badInfos, badSignerSets, badSigners } from './bad-tokens.ts';
import { type GoodStamp, goodStamps, inputOf } from './good-stamps.ts';
import { MESSAGE, stampingBed } from './stamping-bed.ts';

const GOOD = goodStamps();
/** They are made when the file is loaded; how long the other tests take says nothing about them. */
const MADE_MS = Date.now();
const BAD: readonly BadStamp[] = [
  ...[
    ...badEncodings(),
    ...badTimes(),
    ...badAnswers(),
    ...badSignerSets(),
    ...badAttributes(),
    ...badSigners(),
    ...badInfos(),
  ],
  ...[...badPaths(), ...leftOver()],
];

after(() => stampingBed().close());

for (const { title, tsr, roots, certificates, options, says = {}, ...good } of GOOD) {
  test(`timestamp: accepted, and by openssl too: ${title}`, async () => {
    const { accepted, output } = stampingBed().openssl.verify(tsr, MESSAGE, roots, certificates, options);
    assert.ok(accepted, output);
    const said = await verifyTimestamp(inputOf({ ...good, tsr, roots, ...(certificates ? { certificates } : {}) }));
    for (const [key, value] of Object.entries(says)) assert.equal(said[key as keyof typeof said], value, key);
    assert.ok(Math.abs(said.genTimeMs - MADE_MS) < 60_000 || says.genTimeMs !== undefined);
  });
}

for (const { title, input, check, reason, roots, certificates, passesOpenssl = false } of BAD) {
  test(`timestamp: refused by ${check}: ${title}`, async () => {
    await assert.rejects(verifyTimestamp(input), (error) => {
      assert.ok(error instanceof TimestampError, String(error));
      assert.deepEqual([error.code, error.check], ['TIMESTAMP', check], error.message);
      assert.match(error.message, reason);
      return true;
    });
    const { accepted, output } = stampingBed().openssl.verify(input.tsr, MESSAGE, roots, certificates);
    assert.ok(passesOpenssl || !accepted, `openssl: ${output}`);
  });
}

function rulesWithout({ check, der }: BadStamp): TimestampRules {
  return {
    token: TOKEN_CHECKS.filter(({ id }) => id !== check),
    path: PATH_CHECKS.filter(({ id }) => id !== check),
    der: der === undefined ? STRICT_DER : { ...STRICT_DER, [der]: false },
  };
}

test('negative control: every bad time stamp passes once what refuses it is gone, for every check and every rule', async () => {
  const shown = new Set<string>();
  for (const bad of BAD) {
    const judged = verifyTimestampWith(rulesWithout(bad), bad.input);
    if (bad.always !== undefined) {
      await assert.rejects(judged, TimestampError, `${bad.title}: not refused always`);
      continue;
    }
    await assert.doesNotReject(judged, `${bad.title}: still refused`);
    shown.add(bad.der ?? bad.check);
  }
  const all = [...TOKEN_CHECKS, ...PATH_CHECKS].map(({ id }) => id);
  assert.deepEqual(
    [...all, ...Object.keys(STRICT_DER)].filter((id) => !shown.has(id)),
    [],
    'checks and rules without a time stamp that only they refuse',
  );
  assert.equal(STRICT_TIMESTAMPS.token, TOKEN_CHECKS);
});

test('timestamp: what evidence keeps of an answer is its token without leftovers, and openssl verifies it as before', async () => {
  for (const { title, input, roots, certificates } of leftOver()) {
    const tsr = await bareTimestamp(input);
    await assert.doesNotReject(verifyTimestamp({ ...input, tsr }), title);
    const { accepted, output } = stampingBed().openssl.verify(tsr, MESSAGE, roots, certificates);
    assert.ok(accepted, `${title}: ${output}`);
    assert.deepEqual(await bareTimestamp({ ...input, tsr }), tsr);
  }
  for (const { title, tsr, roots, certificates, options } of GOOD) {
    const input = inputOf({ tsr, roots, ...(certificates ? { certificates } : {}) });
    const bare = await bareTimestamp(input);
    await assert.doesNotReject(verifyTimestamp({ ...input, tsr: bare }), title);
    const { accepted, output } = stampingBed().openssl.verify(bare, MESSAGE, roots, certificates, options);
    assert.ok(accepted, `${title}: ${output}`);
  }
});

test('timestamp: keeping less of an answer makes no bad one good', async () => {
  const kept = new Set(leftOver().map(({ title }) => title));
  for (const { title, input } of BAD) {
    if (kept.has(title)) continue;
    const judged = bareTimestamp(input).then((tsr) => verifyTimestamp({ ...input, tsr }));
    await assert.rejects(judged, TimestampError, title);
  }
});

test('timestamp: a root that is no certificate is the fault of the policy and not of the evidence', async () => {
  const { root } = stampingBed();
  const [good] = GOOD;
  const input = inputOf(good as GoodStamp);
  for (const broken of [
    Buffer.of(),
    Buffer.from('-----BEGIN'),
    root.der.subarray(1),
    Buffer.concat([root.der, root.der]),
  ]) {
    const isFault = (error: unknown): boolean => error instanceof EvidenceError && error.code === 'POLICY';
    await assert.rejects(verifyTimestamp({ ...input, roots: [root.der, broken] }), isFault);
    await assert.rejects(verifyTimestamp({ ...input, certificates: [broken] }), isFault);
  }
});

test('timestamp: the page lists every check in its order, with its claim', () => {
  const page = readFileSync(join(ROOT, 'docs', 'formats', 'time.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(([, id, claim]) => ({ id, claim }));
  assert.deepEqual(
    listed,
    [...TOKEN_CHECKS, ...PATH_CHECKS].map(({ id, claim }) => ({ id, claim })),
  );
});

test('timestamp: over the functions of browsers the same tokens are accepted and refused', () => {
  const cases = [
    ...GOOD.map(({ tsr, roots, certificates = [], policies }) => ({
      input: inputOf({ tsr, roots, certificates, ...(policies ? { policies } : {}) }),
      check: null,
    })),
    ...BAD.map(({ input, check }) => ({ input, check })),
  ];
  const script = join(ROOT, 'test', 'support', 'judge-timestamps.ts');
  const judged = execFileSync(process.execPath, ['--conditions=browser', script], {
    input: serialize(cases.map(({ input }) => input)),
    encoding: 'utf8',
  });
  assert.deepEqual(
    JSON.parse(judged),
    cases.map(({ check }) => check),
  );
});
