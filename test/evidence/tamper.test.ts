import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_CHECKS } from '../../packages/verify/src/checks/all.ts';
import type { Check } from '../../packages/verify/src/checks/check.ts';
import { type Demands, renderReport, type VerifyReport, verifyBundle } from '../../packages/verify/src/index.ts';
import { STRICT_RULES } from '../../packages/verify/src/record/bundle-line.ts';
import type { RunEvent } from '../../packages/verify/src/record/events.ts';
import type { DispatchStatement } from '../../packages/verify/src/record/statement.ts';
import { suppliedBy, verifyWith } from '../../packages/verify/src/verdict/verify-bundle.ts';
import { branch } from './branching-story.ts';
import { goOn, goOnAfterTimeout } from './checkpoint-forgeries.ts';
import { HONEST_STEERING } from './control-forgeries.ts';
import { reachOut } from './egress-forgeries.ts';
import { HONEST_EXTENSIONS } from './extension-forgeries.ts';
import { type Forged, find, first } from './forged.ts';
import { putUpGates } from './gated-story.ts';
import { DISPATCHED, grown } from './grown-story.ts';
import { buildBundle, bundleLines, type Forgery, listedFor, trustFile } from './honest-bundle.ts';
import { judged, write } from './intent-story.ts';
import { secondLine, withSecondKey, withSecondKeyAlone } from './key-forgeries.ts';
import { denyTable, payFor, payFreely } from './paid-story.ts';
import { reviewed as aboutOneItem } from './plan-forgeries.ts';
import { vote } from './quorum-forgeries.ts';
import { byStranger, withStranger } from './reuse-forgeries.ts';
import { takeOver, takeOverMade } from './reused-story.ts';
import { putUpReview } from './review-forgeries.ts';
import { giveSecrets, giveSession, namingSecrets, namingSession, withholdSecrets } from './secret-forgeries.ts';
import { sendBack } from './sent-back-forgeries.ts';
import { retryLint, steer } from './steered-story.ts';
import { RUN } from './story.ts';
import { askAsOftenAsMayBe } from './talk-forgeries.ts';
import { TAMPER_SUITE } from './tamper-suite.ts';
import { declare } from './typed-forgeries.ts';

const FORGERIES: readonly Forged[] = Object.values(TAMPER_SUITE).flat();

/** The checks that stand against the verdict, each with its code. */
function failing(report: VerifyReport): string[] {
  const against = report.checks.filter(({ status }) => !['pass', 'skip'].includes(status));
  return against.map(({ id, code }) => `${id} ${code}`);
}

function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

async function verify(forged: Forged, checks: readonly Check[] = ALL_CHECKS): Promise<VerifyReport> {
  const lines = bundleLines(forged.forgery);
  const options = { ...forged.options, ...(await forged.material?.(lines)) };
  const trust = options.policy === undefined ? { trust: forged.trust ?? trustFile() } : {};
  return verifyWith(checks, STRICT_RULES, [bytesOf(lines)], suppliedBy({ ...trust, ...options }));
}

test('verify: an honest run with a retry, a failure, a skip, a cancel and hand-offs is verified', async () => {
  const report = await verifyBundle([buildBundle()], { trust: trustFile(), expectRun: RUN });
  assert.deepEqual(failing(report), []);
  assert.equal(report.verdict, 'verified');
  assert.equal(report.tier, 'signed');
  assert.equal(report.exitCode, 0);
  assert.equal(report.facts?.counts.retries, 1);
});

test('verify: honest runs with all that people may ask, one that branches, one with gates, two under a cap and one that uses results again are verified', async () => {
  const [branched, gated] = [(s: RunEvent[]): void => branch(s), (s: RunEvent[]): void => putUpGates(s)];
  const reviewed = (s: RunEvent[]): void => putUpReview(s);
  const reusing = (s: RunEvent[]): void => takeOver(s);
  const writing = (s: RunEvent[]): void => write(s);
  const writingOfOneKind = (s: RunEvent[]): void => {
    write(s);
    const { intents } = find(s, 'intents.judged');
    intents.splice(1, 1, { ...judged(1, 'allow'), kind: first(intents).kind });
  };
  for (const story of [
    steer,
    retryLint,
    sendBack,
    askAsOftenAsMayBe,
    goOnAfterTimeout,
    (s: RunEvent[]): void => goOn(s),
    reachOut,
    branched,
    gated,
    payFor,
    denyTable,
    payFreely,
    reusing,
    reviewed,
    (s: RunEvent[]): void => vote(s),
    writing,
    writingOfOneKind,
    (s: RunEvent[]): void => declare(s),
  ]) {
    const report = await verifyBundle([buildBundle({ story })], { trust: trustFile() });
    assert.deepEqual([failing(report), report.exitCode], [[], 0], story.name);
  }
  for (const [tell, manifest] of [
    [giveSecrets, namingSecrets],
    [withholdSecrets, namingSecrets],
    [giveSession, namingSession],
  ] as const) {
    const bundle = buildBundle({ story: (s) => tell(s), manifest });
    assert.equal((await verifyBundle([bundle], { trust: trustFile() })).exitCode, 0, tell.name);
  }
});

test('verify: what was used again may be older than the run: a key that is retired by now is good, and the report says what stays open', async () => {
  const forgery = { story: (s: RunEvent[]) => takeOver(s), reusedEnvelope: byStranger };
  const report = await verifyBundle([buildBundle(forgery)], { trust: withStranger({ from: 0, to: 1 }) });
  assert.deepEqual([failing(report), report.exitCode], [[], 0]);
  assert.match(
    renderReport(report),
    /2 of the done took over[\s\S]*Where a result was used again: that the run which made it/,
  );
  assert.doesNotMatch(renderReport(await verifyBundle([buildBundle()], { trust: trustFile() })), /used again: that/);
});

test('verify: a run that grew, by the outputs of an item and by what was added to it, is verified', async () => {
  const withGate = { story: (s: RunEvent[]): void => aboutOneItem(s, 'split'), dispatchedAs: DISPATCHED };
  for (const honest of [grown(), withGate]) {
    const report = await verifyBundle([buildBundle(honest)], { trust: trustFile() });
    assert.deepEqual([failing(report), report.exitCode], [[], 0]);
  }
});

test('verify: whatever the owner of a run asks for is verified, as no stranger may ask for it', async () => {
  for (const [title, honest] of HONEST_STEERING) {
    const report = await verifyBundle([buildBundle(honest)], { trust: trustFile() });
    assert.deepEqual([failing(report), report.exitCode], [[], 0], title);
  }
});

test('verify: what is added is verified when it came before the stop, and when one item takes two parts', async () => {
  for (const [title, honest] of HONEST_EXTENSIONS) {
    const report = await verifyBundle([buildBundle(honest)], { trust: trustFile() });
    assert.deepEqual([failing(report), report.exitCode], [[], 0], title);
  }
});

test('verify: how the bytes are cut into chunks changes nothing', async () => {
  const bytes = buildBundle();
  for (const sizeBytes of [1, 7, 4096]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / sizeBytes) }, (_, n) =>
      bytes.subarray(n * sizeBytes, (n + 1) * sizeBytes),
    );
    assert.equal((await verifyBundle(chunks, { trust: trustFile() })).exitCode, 0);
  }
});

test('verify: without keys an honest bundle is self-consistent, insufficient and never exit 0', async () => {
  for (const required of ['self-consistent', 'signed'] as const) {
    const report = await verifyBundle([buildBundle()], { require: { integrity: required } });
    assert.equal(report.tier, 'self-consistent');
    assert.equal(report.verdict, 'insufficient');
    assert.equal(report.exitCode, 2);
    const skipped = report.checks.filter(({ status }) => status === 'skip').map(({ id }) => id);
    const keyed = [
      'reuse-signatures',
      'manifest-signatures',
      'attestation-signatures',
      'seal-signature',
      'checkpoint-signature',
    ];
    assert.deepEqual(skipped, [...keyed, 'witnesses', 'timestamp', 'anchor', 'freshness', 'state']);
  }
});

test('verify: a tier that was not reached is insufficient, and one that is unknown is refused before reading', async () => {
  const exitOf = async (require: Partial<Demands>): Promise<number> =>
    (await verifyBundle([buildBundle()], { trust: trustFile(), require })).exitCode;
  assert.equal(await exitOf({ integrity: 'self-consistent' }), 0);
  assert.equal(await exitOf({ integrity: 'signed', time: 'asserted', completeness: 'run' }), 0);
  for (const integrity of ['anchored', 'witnessed'] as const) assert.equal(await exitOf({ integrity }), 2);
  for (const time of ['witnessed', 'tsa-attested'] as const) assert.equal(await exitOf({ time }), 2);
  assert.equal(await exitOf({ completeness: 'log' }), 2);
  assert.equal(await exitOf({ maxAgeMs: 1e15 }), 2, 'the age of a time that is only asserted is unknown');
  for (const unknown of ['anchored', { integrity: 'none' }, { integrity: '' }, { tier: 'signed' }, { maxAgeMs: -1 }]) {
    await assert.rejects(exitOf(unknown as object), { code: 'SHAPE' }, JSON.stringify(unknown));
  }
});

test('verify: a key that is listed for two ranges of the log is good in either', async () => {
  for (const use of ['attest', 'log'] as const) {
    for (const ranges of [
      [{ from: 0, to: 1 }, { from: 1 }],
      [{ from: 1 }, { from: 0, to: 1 }],
    ]) {
      const report = await verifyBundle([buildBundle()], { trust: listedFor(use, ranges) });
      assert.deepEqual([report.exitCode, failing(report)], [0, []], `${use} ${JSON.stringify(ranges)}`);
    }
  }
});

test('verify: a second line under the checkpoint counts when it is trusted, and either key is enough', async () => {
  const two = buildBundle({ note: secondLine });
  for (const trust of [withSecondKey(), withSecondKeyAlone(), trustFile(), withSecondKey({ from: 0, to: 1 })]) {
    assert.equal((await verifyBundle([two], { trust })).exitCode, 0);
  }
  assert.equal((await verifyBundle([buildBundle()], { trust: withSecondKey() })).exitCode, 0, 'it is optional');
});

test('report: attempts without a sandbox or in the process of the engine are said loudly, the others are not', async () => {
  const inProcess = {
    story: (story: RunEvent[]): void => {
      for (const { type, data } of story) if (type === 'attempt.dispatched') data.isolation = 'in-process';
      for (const { type, data } of story) if (type === 'run.completed') data.counts.unsandboxed = 0;
    },
    manifest: ({ predicate }: DispatchStatement): void => {
      predicate.executable = 'in-process';
    },
  };
  const shown = async (forgery: Forgery): Promise<string> =>
    renderReport(await verifyBundle([buildBundle(forgery)], { trust: trustFile() }));
  const sandboxed = await shown({});
  assert.match(sandboxed, /WARNING +1 attempt ran without a sandbox/);
  assert.doesNotMatch(sandboxed, /inside the engine/);
  const inside = await shown(inProcess);
  assert.match(inside, /^VERIFIED/);
  assert.match(inside, /WARNING +6 attempts ran inside the engine's own process/);
  assert.doesNotMatch(inside, /ran without a sandbox/);
});

test('report: what was taken over from an attempt without a sandbox, or inside of an engine, is said as loudly', async () => {
  const told = async (isolation?: 'none' | 'in-process'): Promise<[number[], string]> => {
    const story = (s: RunEvent[]): void => (isolation === undefined ? takeOver(s) : takeOverMade(s, isolation));
    const report = await verifyBundle([buildBundle({ story })], { trust: trustFile() });
    assert.deepEqual([failing(report), report.exitCode], [[], 0]);
    const { reusedUnsandboxed = -1, reusedInProcess = -1, counts } = report.facts ?? {};
    return [[counts?.reused ?? 0, reusedUnsandboxed, reusedInProcess], renderReport(report)];
  };
  const [sandboxed, none, inProcess] = [await told(), await told('none'), await told('in-process')];
  assert.deepEqual(
    [sandboxed[0], none[0], inProcess[0]],
    [
      [2, 0, 0],
      [2, 1, 0],
      [2, 0, 1],
    ],
  );
  assert.doesNotMatch(sandboxed[1], /WARNING.*took over/);
  assert.match(none[1], /WARNING +1 item took over what an attempt without a sandbox had made/);
  assert.match(inProcess[1], /WARNING +1 item took over what an attempt inside an engine's own process had made/);
});

for (const [kind, cases] of Object.entries(TAMPER_SUITE)) {
  for (const forged of cases) {
    test(`tamper: ${kind}: exit ${forged.exit}: ${forged.title}`, async () => {
      const report = await verify(forged);
      const against = JSON.stringify(report.checks.filter((check) => check.status !== 'pass'));
      assert.deepEqual(failing(report), forged.failing, against);
      assert.equal(report.exitCode, forged.exit);
      if (forged.exit === 2) return;
      assert.equal(report.facts, null);
      assert.equal(report.tier, 'none');
    });
  }
}

test('tamper: the suite has no class without cases, no case twice, and none that names no check', (t) => {
  const counts = Object.entries(TAMPER_SUITE).map(([kind, cases]) => `${kind} ${cases.length}`);
  t.diagnostic(`${FORGERIES.length} cases: ${counts.join(', ')}`);
  for (const [kind, cases] of Object.entries(TAMPER_SUITE)) assert.ok(cases.length >= 5, `${kind} has ${cases.length}`);
  assert.ok(FORGERIES.length >= 120, `${FORGERIES.length} cases`);
  assert.equal(new Set(FORGERIES.map(({ title }) => title)).size, FORGERIES.length);
  for (const { title, exit, failing } of FORGERIES) assert.ok(exit === 2 || failing.length > 0, title);
});

test('negative control: every forgery that one check refuses passes once that check is gone', async () => {
  const shown = new Set<string>();
  for (const forged of FORGERIES) {
    const [only, ...others] = forged.failing.map((refusal) => refusal.split(' ')[0]);
    if (only === undefined || others.length > 0 || only === 'well-formed') continue;
    // Too few witnesses are no contradiction: there the facet decides, and not the check.
    if (forged.exit === 2 && only !== 'freshness') continue;
    const report = await verify(
      forged,
      ALL_CHECKS.filter(({ id }) => id !== only),
    );
    assert.equal(report.exitCode, 0, `${forged.title}: still refused without ${only}`);
    shown.add(only);
  }
  assert.deepEqual(
    ALL_CHECKS.map(({ id }) => id).filter((id) => !shown.has(id)),
    [],
    'checks without a forgery that only they refuse',
  );
});

test('negative control: strict reading refuses what lenient reading lets through', async () => {
  const lenient = { parse: (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString()) };
  const open = { requireShape(): void {} };
  const cases = [
    { title: 'white space', edit: (text: string) => text.replace('"seq":4', '"seq": 4'), rules: lenient },
    { title: 'a key twice', edit: (text: string) => text.replace('"seq":4', '"seq":4,"seq":4'), rules: lenient },
    { title: 'a needless escape', edit: (text: string) => text.replace('"lint"', '"\\u006cint"'), rules: lenient },
    {
      title: 'an unknown key',
      edit: (text: string) => text.replace('"type":', '"trust":"me","type":'),
      rules: open,
      code: 'SHAPE',
    },
  ];
  for (const { title, edit, rules, code = 'JSON_NOT_CANONICAL' } of cases) {
    const bundle = buildBundle({ eventText: (text, line) => (line.seq === 4 ? edit(text) : text) });
    const strict = await verifyBundle([bundle], { trust: trustFile() });
    assert.deepEqual([strict.exitCode, failing(strict)], [3, [`well-formed ${code}`]], title);
    const loose = await verifyWith(
      ALL_CHECKS,
      { ...STRICT_RULES, ...rules },
      [bundle],
      suppliedBy({ trust: trustFile() }),
    );
    assert.equal(loose.exitCode, 0, title);
  }
});

test('verify: deleting, doubling or swapping any line is refused', async () => {
  const honest = bundleLines();
  for (let n = 0; n < honest.length; n++) {
    const line = honest[n] as string;
    const edits = {
      deleted: honest.toSpliced(n, 1),
      doubled: honest.toSpliced(n, 0, line),
      swapped: n === 0 ? honest.toReversed() : honest.toSpliced(n - 1, 2, line, honest[n - 1] as string),
      inserted: honest.toSpliced(n, 0, honest[5] as string),
    };
    for (const [edit, lines] of Object.entries(edits)) {
      const { exitCode } = await verifyBundle([bytesOf(lines)], { trust: trustFile() });
      // The first and the last line are how a bundle is told from something else.
      const expected =
        lines[0] === honest[0] && lines.indexOf(honest.at(-1) as string) === lines.length - 1 ? [1] : [1, 3];
      assert.ok(expected.includes(exitCode), `line ${n + 1} ${edit}: exit ${exitCode}`);
    }
  }
});

test('verify: cutting the file anywhere is refused as malformed or contradictory', async () => {
  const bytes = buildBundle();
  for (let at = 0; at < bytes.length; at += 97) {
    const { exitCode } = await verifyBundle([bytes.subarray(0, at)], { trust: trustFile() });
    assert.equal(exitCode, 3, `cut at byte ${at}`);
  }
});

test('verify: a limit is exact: one byte less refuses the file or the line', async () => {
  const bytes = buildBundle();
  // Of these bytes: the length of an ECDSA signature differs from one making to the next.
  const longest = Math.max(
    ...bytes
      .toString()
      .split('\n')
      .map((line) => Buffer.byteLength(line)),
  );
  const trust = trustFile();
  const exit = async (limits: object): Promise<number> => (await verifyBundle([bytes], { trust, limits })).exitCode;
  assert.equal(await exit({ fileBytes: bytes.length, lineBytes: longest }), 0);
  assert.equal(await exit({ fileBytes: bytes.length - 1 }), 3);
  assert.equal(await exit({ lineBytes: longest - 1 }), 3);
});
