import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTILE, UNSEEN } from '../test/run-sample.ts';
import { refusalLines } from './error-report.ts';
import { paintLines } from './view/styled.ts';

function told(problem: string, fix = 'Mend it.'): string {
  return paintLines(refusalLines({ code: 'USAGE', path: 'a.json', problem, fix }), { colour: false });
}

test('errors: all that is said of many mistakes is shown, and its lines as lines', () => {
  const many = Array.from({ length: 20 }, (_, n) => `queues.json.queue-${n}.concurrency is missing`).join('; ');
  assert.equal(told(many, many), `error USAGE at a.json: ${many}\n  fix: ${many}\n`);
  assert.equal(told('first\n\tsecond'), 'error USAGE at a.json: first\n  |  second\n  fix: Mend it.\n');
  assert.ok(told('a'.repeat(100_000)).length < 5_000);
});

test('errors: no text reaches the terminal unescaped, and none passes for a line of its own', () => {
  const text = told(`a${HOSTILE}\nerror b`, `c${HOSTILE}\nd`);
  assert.doesNotMatch(text, UNSEEN);
  assert.doesNotMatch(text, /^error b|^d/m);
});
