import assert from 'node:assert/strict';
import { test } from 'node:test';
import { templates } from './deployment.ts';
import { ACCESS_RULES } from './rules/access.ts';
import { ATTEMPT_RULES } from './rules/attempts.ts';
import { DELIVERY_RULES } from './rules/delivery.ts';
import { FUNCTION_RULES } from './rules/functions.ts';
import { KEPT_RULES } from './rules/kept.ts';
import { KEY_RULES } from './rules/keys.ts';
import { NETWORK_RULES } from './rules/network.ts';
import { RESOURCE_POLICY_RULES } from './rules/resource-policies.ts';
import { STORAGE_RULES } from './rules/storage.ts';

const RULES = [
  FUNCTION_RULES,
  DELIVERY_RULES,
  STORAGE_RULES,
  KEPT_RULES,
  KEY_RULES,
  ACCESS_RULES,
  RESOURCE_POLICY_RULES,
  ATTEMPT_RULES,
  NETWORK_RULES,
].flat();

for (const rule of RULES) {
  test(rule.says, () => {
    assert.deepEqual(rule.broken(templates()), []);
    const broken = structuredClone(templates());
    rule.plant(broken);
    assert.notDeepEqual(rule.broken(broken), [], 'what was planted to break it was not noticed');
  });
}
