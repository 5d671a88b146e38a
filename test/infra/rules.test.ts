import assert from 'node:assert/strict';
import { test } from 'node:test';
import { templates } from './deployment.ts';
import { ACCESS_RULES } from './rules/access.ts';
import { ATTEMPT_RULES } from './rules/attempts.ts';
import { FUNCTION_RULES } from './rules/functions.ts';
import { STORAGE_RULES } from './rules/storage.ts';

for (const rule of [...FUNCTION_RULES, ...STORAGE_RULES, ...ACCESS_RULES, ...ATTEMPT_RULES]) {
  test(rule.says, () => {
    assert.deepEqual(rule.broken(templates()), []);
    const broken = structuredClone(templates());
    rule.plant(broken);
    assert.notDeepEqual(rule.broken(broken), [], 'what was planted to break it was not noticed');
  });
}
