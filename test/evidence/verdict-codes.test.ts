import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VERIFY_FLAGS } from '../../packages/verify/src/modes/verify-flags.ts';
import { VERDICTS } from '../../packages/verify/src/verdict/verdict-code.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/formats/verify-report.md'), 'utf8');

test('docs: the page of the report lists every code with its status and meaning, and no other', () => {
  const rows = [...PAGE.matchAll(/^\| `([A-Z_]+)` \| (\w+) \| (.+) \|$/gm)].map(([, ...row]) => row);
  assert.deepEqual(
    rows,
    Object.entries(VERDICTS).map(([code, [status, meaning]]) => [code, status, meaning]),
  );
});

test('docs: the page of the report lists every flag of a limit', () => {
  const listed = [...PAGE.matchAll(/^\| `--(max-[a-z-]+)`/gm)].map(([, flag]) => flag);
  assert.deepEqual(
    listed,
    VERIFY_FLAGS.map(({ name }) => name).filter((name) => name.startsWith('max-')),
  );
});
