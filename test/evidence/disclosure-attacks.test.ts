/** Disclosures by somebody who holds an honest bundle and shows only what suits him. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discloseItem, type ItemReport, verifyDisclosure } from '../../packages/verify/src/verdict/disclosure.ts';
import { renderItemReport } from '../../packages/verify/src/verdict/item-report.ts';
import type { VerifyOptions } from '../../packages/verify/src/verdict/verify-bundle.ts';
import { policyFile } from './auditor-material.ts';
import { buildBundle, trustFile } from './honest-bundle.ts';
import { jcs } from './naive-evidence.ts';
import { stamped, tsaTrust } from './time-forgeries.ts';

async function disclosed(item: string, bundle: Uint8Array = buildBundle()): Promise<string[]> {
  return (await discloseItem([bundle], item)).trimEnd().split('\n');
}

function judge(lines: readonly string[], options: VerifyOptions = { trust: trustFile() }): Promise<ItemReport> {
  return verifyDisclosure([Buffer.from(lines.map((line) => `${line}\n`).join(''))], options);
}

function failing({ checks }: ItemReport): string[] {
  return checks.filter(({ status }) => status === 'fail').map(({ id, code }) => `${id} ${code}`);
}

/** With an end record that is right again. */
function counted(lines: readonly string[]): string[] {
  const body = lines.filter((line) => !line.startsWith('{"end"'));
  return [...body, jcs({ end: { lines: body.length } })];
}

test('disclosure: a time stamp raises the time when it holds, and one that does not is refused', async () => {
  const options = { policy: policyFile({ tsa: tsaTrust() }) };
  const good = await judge(await disclosed('build', buildBundle({ lines: stamped() })), options);
  assert.deepEqual([good.exitCode, good.facets.time.tier], [0, 'tsa-attested'], failing(good).join());
  for (const [title, tsr] of [
    ['of another message', stamped({ message: Buffer.from('another') })],
    ['that is none', stamped({}, () => Buffer.alloc(300, 1))],
  ] as const) {
    const bad = await judge(await disclosed('build', buildBundle({ lines: tsr })), options);
    assert.deepEqual([bad.exitCode, failing(bad)], [1, ['timestamp TIMESTAMP_INVALID']], `a token ${title}`);
  }
});

test('disclosure: a dispatch with its manifest cannot be left out where the attempt has a result', async () => {
  const lines = await disclosed('lint');
  const without = counted(
    lines.filter((line) => !line.includes('attempt.dispatched') && !line.includes('"record":"dsse"')),
  );
  assert.equal(without.length, lines.length - 2);
  const report = await judge(without);
  assert.deepEqual([report.exitCode, failing(report)], [1, ['disclosed-attempts TRANSITION_IMPOSSIBLE']]);
});

test('disclosure: an attempt that led to another one is not shown as the end of its item', async () => {
  const lines = await disclosed('build');
  const second = lines.findIndex((line) => line.includes('\\"attempt\\":2'));
  const seal = lines.findIndex((line) => line.includes('"record":"seal"'));
  const report = await judge(counted([...lines.slice(0, second), ...lines.slice(seal)]));
  assert.deepEqual([report.exitCode, report.facets.completeness], [2, 'none'], failing(report).join());
  assert.deepEqual(
    report.shortfalls.map(({ code }) => code),
    ['COMPLETENESS_BELOW'],
  );
  assert.match(renderItemReport(report), /How the item ended: its last attempt shown led to another one/);
  const whole = await judge(lines);
  assert.deepEqual([whole.exitCode, whole.facets.completeness], [0, 'item']);
  assert.deepEqual(
    whole.facts?.attempts.map(({ next }) => next),
    ['retry', 'done'],
  );
});
