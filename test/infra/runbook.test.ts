import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KEY_ARTICLES } from '../../lib/key-watch.ts';
import { ROOT, resources, templates } from './deployment.ts';

function headings(text: string): string[] {
  return [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading.trim());
}

function articlesOf(descriptions: readonly string[]): string[] {
  const named = descriptions.map((description) => /docs\/runbook\.md#([a-z-]+)$/.exec(description)?.[1] ?? description);
  return [...new Set(named)].sort();
}

test('runbook: every alarm and every rule that wakes somebody names an article, and there is no other article', () => {
  const runbook = readFileSync(join(ROOT, 'docs', 'runbook.md'), 'utf8');
  const alarms = resources(templates(), 'AWS::CloudWatch::Alarm').map(({ properties }) =>
    String(properties.AlarmDescription),
  );
  const rules = resources(templates(), 'AWS::Events::Rule')
    .map(({ properties }) => String(properties.Description))
    .filter((description) => KEY_ARTICLES.some((article) => description.endsWith(`#${article}`)));
  assert.ok(alarms.length > 30);
  assert.equal(rules.length, KEY_ARTICLES.length);
  assert.deepEqual(articlesOf([...alarms, ...rules]), headings(runbook).sort());
});

test('runbook: an alarm that names no article, and an article that nothing names, are told apart', () => {
  assert.deepEqual(articlesOf(['It rang. docs/runbook.md#a', 'It rang.', 'Again. docs/runbook.md#a']), [
    'It rang.',
    'a',
  ]);
  assert.deepEqual(headings('# Title\n\n## a\n\n### no\n\n## b\n'), ['a', 'b']);
});
