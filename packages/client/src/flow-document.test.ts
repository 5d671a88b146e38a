/** What the reference of flows lists is what the code takes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SETTING_KEYS } from './flow.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/formats/flow.md'), 'utf8');

test('flow reference: its list of settings is that of the code', () => {
  const [, list = ''] = /^\*\*Settings\*\* are (.*?), each as in an item$/ms.exec(PAGE) ?? [];
  const listed = [...list.matchAll(/`([^`]+)`/g)].map(([, key]) => key);
  assert.deepEqual(listed.sort(), [...SETTING_KEYS].sort());
});
