/** What the guide tells people to write is taken as it stands. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDeployment } from '@waybill/client/deployment';
import { checkProps } from '../../lib/check-props.ts';
import type { WaybillProps } from '../../lib/waybill-props.ts';
import { ROOT } from './deployment.ts';

function jsonBlocks(page: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  return [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
}

test('deploy guide: its properties are those of a deployment, and a retention that nobody typed is none', () => {
  const [block = ''] = jsonBlocks('deploy.md');
  const props = JSON.parse(block) as WaybillProps;
  checkProps(props);
  assert.throws(() => checkProps({ ...props, retention: { mode: 'GOVERNANCE', days: 400 } }), /retention/);
});

test('deploy guide: the deployment file of its page reads as one', () => {
  const [block = ''] = jsonBlocks('formats/deployment.md');
  const parsed = parseDeployment(Buffer.from(block));
  assert.deepEqual(parsed.ok ? [] : parsed.refusals, []);
});
