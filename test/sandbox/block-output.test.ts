/** What a sandboxed block says, and that it says it over pipes: those it can open by the names that shells know, sockets it cannot. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { openIsolations } from '../support/isolations.ts';

const script = (run: string): Block => ({ block: 'script', run });
/** A handle without the number of the attempt. */
const processOf = (handle: string): string => handle.slice(0, handle.lastIndexOf(':'));

describe('block output:', () => {
  const places = openIsolations();
  const said = (...runs: string[]) => places.bed.run({ isolation: 'bubblewrap', pipeline: runs.map(script) });

  places.test('bubblewrap', 'it can be written to by name, as scripts do', async () => {
    const names = 'echo one > /dev/stderr; echo two > /dev/stdout; echo three | tee /dev/stderr >> /proc/self/fd/1';
    const { result, log } = await said(`set -e; ${names}`, 'test -p /dev/stdout && test -p /dev/stderr && echo pipes');
    assert.equal(result?.outcome, 'succeeded', log);
    for (const line of ['one', 'two', 'three', 'pipes']) assert.match(log, new RegExp(`^${line}$`, 'm'));
    const control = await places.bed.run({ isolation: 'none', pipeline: [script(`set -e; ${names}`)] });
    assert.match(control.log, /No such device or address/, 'what Node makes by itself has no such name');
  });

  places.test('bubblewrap', 'it comes whole, however much it is and however it ends', async () => {
    const much = `head -c 1000000 /dev/zero | tr '\\0' x; echo; head -c 500000 /dev/zero | tr '\\0' y >&2; kill -9 $$`;
    const pipeline = [script(much)];
    const { result, log } = await places.bed.run({
      isolation: 'bubblewrap',
      pipeline,
      limits: { logBytes: 3_000_000 },
    });
    assert.deepEqual([result?.exit, log.split('x').length, log.split('y').length > 500_000], [137, 1_000_001, true]);
  });

  places.test(
    'bubblewrap',
    'what one leaves behind is heard neither in the next one nor in the next attempt of its process',
    async () => {
      const leave = '(sleep 0.3; echo late; echo late > /dev/stderr) & echo begun';
      const first = await said(leave, 'sleep 0.6; echo done');
      const second = await said('sleep 0.3; echo second');
      assert.match(first.log, /begun[\s\S]*done/);
      for (const { log } of [first, second]) assert.doesNotMatch(log, /late/);
      assert.match(second.log, /second/);
      assert.equal(processOf(second.handle), processOf(first.handle), 'one process has served both');
    },
  );

  places.test(
    'bubblewrap',
    'what one does to its pipes, the next attempt of its process neither sees nor suffers',
    async () => {
      const state = 'stat -Lc "is %a %Y" /dev/stdout /dev/stderr';
      const spoil = 'chmod 0 /dev/stdout /dev/stderr; touch -d @1234567 /dev/stdout /dev/stderr';
      const first = await said(`${spoil}; ${state}`, 'echo still');
      assert.match(first.log, /is 0 1234567\n[\s\S]*still/, 'a block can, and the next one is heard');
      for (const run of [
        `${state}; set -e; echo one > /dev/stderr; echo two > /dev/stdout`,
        'echo three > /dev/stderr',
      ]) {
        const { result, log, handle } = await said(run);
        assert.equal(result?.outcome, 'succeeded', log);
        assert.doesNotMatch(log, /is 0|1234567/);
        assert.equal(processOf(handle), processOf(first.handle), 'one process has served them');
      }
    },
  );
});
