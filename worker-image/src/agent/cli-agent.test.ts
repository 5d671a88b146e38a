/** Tools of the command line that end before what they started does. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { it } from 'node:test';
import { runCliAgent } from './cli-agent.ts';
import type { EventReader } from './cli-events.ts';

it('cli agent: a process that holds the output of a tool keeps nobody waiting, and all that the tool said is read', {
  timeout: 30_000,
}, async () => {
  const taken: unknown[] = [];
  const events: EventReader = {
    take: (event) => {
      taken.push(event);
      return [];
    },
    end: (exit) => ({ reply: `exit ${exit}`, usage: null }),
    usage: () => null,
  };
  const leave = `setsid sleep 100 & printf '{"left":%d}\\n{"said":1}' $!; exit 3`;
  const command = { argv: ['/bin/sh', '-c', leave], env: {}, cwd: tmpdir(), prompt: '' };
  const { reply } = await runCliAgent(command, events);
  const [first, second] = taken as [{ left: number }, object];
  process.kill(first.left, 'SIGKILL');
  assert.deepEqual([reply, second], ['exit 3', { said: 1 }]);
});
