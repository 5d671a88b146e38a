/** What the guide tells people to write is taken as it stands. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDeployment } from '@waybill/client/deployment';
import { checkProps } from '../../lib/check-props.ts';
import type { WaybillProps } from '../../lib/waybill-props.ts';
import { ROOT, resources, templates } from './deployment.ts';

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

test('deploy guide: what it says stands there and costs money is what the templates have', () => {
  const guide = readFileSync(join(ROOT, 'docs', 'deploy.md'), 'utf8');
  const numberOf = (line: string): string | undefined =>
    new RegExp(`^\\| ${line}[^|]*\\| ([^|]+) \\|`, 'm').exec(guide)?.[1];
  const made = (type: string): number => resources(templates(), type).length;
  assert.equal(numberOf('alarms'), `${made('AWS::CloudWatch::Alarm')}`);
  assert.equal(numberOf('KMS keys'), `${made('AWS::KMS::Key')}`);
  const interfaces = resources(templates(), 'AWS::EC2::VPCEndpoint').filter(
    ({ properties }) => properties.VpcEndpointType === 'Interface',
  );
  assert.equal(numberOf('interface endpoints'), `${interfaces.length} × ${made('AWS::EC2::Subnet')} zones`);
});

test('deploy guide: the deployment file of its page reads as one', () => {
  const [block = ''] = jsonBlocks('formats/deployment.md');
  const parsed = parseDeployment(Buffer.from(block));
  assert.deepEqual(parsed.ok ? [] : parsed.refusals, []);
});

/** What a page would have the reader start with whatever Node the host has, which may be one that does not run TypeScript. */
function startedByTheHost(page: string): string[] {
  return [...page.matchAll(/(?<![\w./-])node [\w./-]+\.ts\b/g)].map(([command]) => command);
}

test('pages: commands run on the Node that npm install brings, and every script that they name is there', () => {
  const pages = globSync(['README.md', 'docs/**/*.md', 'worker-image/**/Dockerfile'], { cwd: ROOT });
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  let named = 0;
  for (const path of pages) {
    const page = readFileSync(join(ROOT, path), 'utf8');
    assert.deepEqual(startedByTheHost(page), [], path);
    for (const [, name = ''] of page.matchAll(/npm run (?:--silent )?([\w:]+)\b(?! -w )/g)) {
      assert.ok(Object.hasOwn(scripts, name), `${path}: npm run ${name}`);
      named += 1;
    }
  }
  assert.ok(named >= 4, `${named}`);
});

test('pages: a command that only some Node runs is noticed', () => {
  assert.deepEqual(startedByTheHost('```sh\nnode worker-image/build.ts\n```'), ['node worker-image/build.ts']);
  assert.deepEqual(startedByTheHost('`node_modules/.bin/node bin/app.ts`, or `node bin/waybill.js`'), []);
});
