import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { adviceOnOutcome, adviceOnReason } from './advice.ts';

const ROOT = join(import.meta.dirname, '../../../..');
/** Told by nobody: one is no failure, the other is settled as `interrupted`. */
const NEVER_SHOWN = new Set(['ok', 'engine_gone']);

function sourceOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The words that a source gives as a reason; what it only compares with is none. */
function reasonsIn(source: string): string[] {
  const given = [...source.matchAll(/\breason(?::| =)([^;,}]*)/g)].map(([, value = '']) => value);
  const constants = [...source.matchAll(/^export const [A-Z_]+ = ('[a-z_]+');$/gm)].map(([, value = '']) => value);
  return [...given, ...constants]
    .map((value) => value.replace(/[!=]== '\w+'/g, ''))
    .flatMap((value) => [...value.matchAll(/'([a-z_]+)'/g)].map(([, word = '']) => word));
}

/** The worker's closed lists: the keys of its tables. */
function closedListOf(source: string): string[] {
  const [, table = ''] = /const (?:FIXES|ENDINGS) = \{\n([\s\S]*?)\n\} as const;/.exec(source) ?? [];
  return [...table.matchAll(/^ {2}([a-z_]+):/gm)].map(([, reason = '']) => reason);
}

function codesIn(source: string): string[] {
  return [...source.matchAll(/(?:code: |failed\(|refusal\()'([A-Z_]+)'/g)].map(([, code = '']) => code.toLowerCase());
}

test('advice: every reason that the engine and the worker settle with has its own', () => {
  const flow = globSync('src/flow/*.ts', { cwd: ROOT });
  const said = [...flow, 'src/core/attempt.ts', 'worker-image/src/pipeline.ts', 'worker-image/src/attempt-ended.ts'];
  const closed = ['attempt-ended', 'agent-endings'].flatMap((name) =>
    closedListOf(sourceOf(`worker-image/src/${name}.ts`)),
  );
  const reasons = new Set([...said.flatMap((path) => reasonsIn(sourceOf(path))), ...closed]);
  for (const known of [
    'lease_lapsed',
    'engine_restarted',
    'gate_red',
    'output_symlink',
    'turn_limit',
    'wrapper_failed',
    'no_result',
  ]) {
    assert.ok(reasons.has(known), `${known} was not read from the sources, so others may be missing too`);
  }
  const silent = [...reasons].filter((reason) => !NEVER_SHOWN.has(reason) && adviceOnReason(reason) === undefined);
  assert.deepEqual(silent, []);
});

test('advice: every error code that ends an attempt has its own', () => {
  const paths = ['git', 'mailbox-client'].map((name) => `worker-image/src/${name}.ts`);
  const codes = [...paths, 'src/flow/collect.ts', 'src/adapters/local/artifacts.ts'].flatMap((path) =>
    codesIn(sourceOf(path)),
  );
  assert.ok(codes.includes('git_failed') && codes.includes('result_invalid'));
  assert.deepEqual(
    codes.filter((code) => adviceOnReason(code) === undefined),
    [],
  );
});

test('advice: a reason from elsewhere has none of its own, whatever word it is, and its outcome stands in', () => {
  for (const reason of ['from_the_future', 'constructor', 'isolation_required']) {
    assert.equal(adviceOnReason(reason), undefined, reason);
  }
  assert.match(adviceOnOutcome('contract_error'), /file contract/);
  assert.equal(adviceOnOutcome(undefined), 'Read its log.');
});

test('advice: nothing points to a place on the screen where there may be nothing', () => {
  const outcomes = ['failed', 'timed_out', 'contract_error', 'lost', 'policy_blocked'];
  for (const text of [...outcomes.map(adviceOnOutcome), adviceOnReason('exit_nonzero')]) {
    assert.doesNotMatch(text ?? '', /above|below/);
  }
});
