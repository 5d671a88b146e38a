import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import type { Isolation } from '#core/mailbox-protocol.ts';
import { type TarEntry, tarOf } from '../../packages/client/src/tar.ts';
import { ISOLATIONS, type Isolations, openIsolations } from '../support/isolations.ts';
import type { AttemptSpec } from '../support/signed-lease.ts';

const script = (run: string): Block => ({ block: 'script', run });

function archive(files: Record<string, string>): Uint8Array {
  const entries = Object.entries(files).map(([path, text]): TarEntry => {
    const kind = text.startsWith('-> ') ? 'link' : path.startsWith('bin/') ? 'executable' : 'file';
    return { path, kind, bytes: Buffer.from(text.replace(/^-> /, '')) };
  });
  return Buffer.concat(tarOf(entries));
}

const BASE = archive({
  'bin/greet': '#!/bin/sh\necho hello from base\n',
  'bin/again': '-> greet',
  'settings.json': '{"model":"small","rules":{"indent":2}}',
  'setup.sh': 'echo base >> "$HOME/order"\n',
  'skills/review.md': 'Look twice.\n',
});
const TEAM = archive({
  'bin/greet': '#!/bin/sh\necho hello from team\n',
  'settings.json': '{"rules":{"width":100}}',
  'setup.sh': '#!/bin/sh\necho team >> "$HOME/order"\n',
});

const READS = [
  'set -e',
  'test "$(greet)" = "hello from team"',
  'test "$(again)" = "hello from team"',
  'test "$(cat "$HOME/order" | tr "\\n" " ")" = "base team "',
  'test "$(cat "$WAYBILL_CAPABILITIES/skills/review.md")" = "Look twice."',
  'grep -q small "$WAYBILL_CAPABILITIES/settings.json"',
  'grep -q indent "$WAYBILL_CAPABILITIES/settings.json"',
  'grep -q width "$WAYBILL_CAPABILITIES/settings.json"',
  'test -z "$(ls "$WAYBILL_INPUTS")"',
].join('\n');

const BOTH: Pick<AttemptSpec, 'capabilities' | 'inputs'> = {
  capabilities: ['base', 'team'],
  inputs: { 'capability.base': BASE, 'capability.team': TEAM },
};

function shared(isolation: Isolation, { run, test }: Isolations): void {
  test(
    isolation,
    `${isolation}: blocks find capabilities laid over each other, tools on the path, and their setups done`,
    async () => {
      const { result, log } = await run({ ...BOTH, isolation, pipeline: [script(READS)] });
      assert.equal(result?.outcome, 'succeeded', log);
      assert.deepEqual(
        result.setup?.map(({ capability, exit }) => [capability, exit]),
        [
          ['base', 0],
          ['team', 0],
        ],
      );
      assert.deepEqual(
        result.blocks.map(({ index, exit }) => [index, exit]),
        [[0, 0]],
      );
    },
  );

  test(isolation, `${isolation}: nothing runs after a setup that fails`, async () => {
    const inputs = { 'capability.base': archive({ 'setup.sh': 'exit 3\n' }), 'capability.team': TEAM };
    const { result, log } = await run({ ...BOTH, inputs, isolation, pipeline: [script('echo ran')] });
    assert.deepEqual([result?.outcome, result?.reason, result?.exit], ['failed', 'setup_failed', 3], log);
    assert.deepEqual([result?.blocks, result?.setup?.length], [[], 1]);
    assert.doesNotMatch(log, /^ran$/m);
  });

  test(isolation, `${isolation}: an archive that is not the one of the manifest starts nothing`, async () => {
    // Its digest is of this test alone: the bed serves the other bytes for it from now on.
    const inputs = { ...BOTH.inputs, 'capability.team': archive({ 'setup.sh': `echo ${isolation}\n` }) };
    const evil = Buffer.from(archive({ 'setup.sh': 'echo evil\n' })).toString();
    const spoofedInputs = { 'capability.team': evil };
    const { result, log } = await run({ ...BOTH, inputs, spoofedInputs, isolation, pipeline: [script('echo ran')] });
    assert.deepEqual([result?.outcome, result?.reason], ['contract_error', 'capability_mismatch'], log);
    assert.deepEqual([result?.blocks, result?.setup], [[], undefined]);
    assert.doesNotMatch(log, /^(?:ran|evil)$/m);
  });
}

describe('capabilities', () => {
  const places = openIsolations();
  for (const isolation of ISOLATIONS) shared(isolation, places);

  places.test('bubblewrap', 'bubblewrap: a block cannot change them; without the sandbox it can', async () => {
    const change = 'chmod -R u+w "$WAYBILL_CAPABILITIES" && echo echo evil > "$WAYBILL_CAPABILITIES/bin/greet"';
    const pipeline = [script(change)];
    assert.equal((await places.run({ ...BOTH, isolation: 'bubblewrap', pipeline })).result?.outcome, 'failed');
    assert.equal((await places.run({ ...BOTH, isolation: 'none', pipeline })).result?.outcome, 'succeeded');
  });

  it('an archive that was made otherwise than by registering is not unpacked, though its digest is right', async () => {
    const doctored = Buffer.from(BASE);
    doctored.write('../bin/greet', 0);
    for (const bytes of [doctored, Buffer.from('no archive'), archive({ 'settings.json': '{}' }).subarray(512)]) {
      const inputs = { 'capability.base': bytes };
      const { result } = await places.run({ capabilities: ['base'], inputs, pipeline: [script('true')] });
      assert.deepEqual([result?.outcome, result?.reason], ['contract_error', 'capability_invalid']);
    }
  });

  it('a job that names others than its inputs starts nothing', async () => {
    for (const capabilities of [['base'], ['base', 'team', 'third'], undefined]) {
      const { inputs = {} } = BOTH;
      const spec = { inputs, ...(capabilities === undefined ? {} : { capabilities }), pipeline: [script('true')] };
      assert.equal((await places.run(spec)).result?.reason, 'capability_invalid');
    }
  });
});
