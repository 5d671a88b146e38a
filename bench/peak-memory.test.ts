import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { peakMemoryBytes } from './peak-memory.ts';

const LARGE = 300e6;

test('bench: the peak of a process is its own, and not that of the larger one which started it', () => {
  // Held until the end, so that this process is as large when it starts the other.
  const held = Buffer.alloc(LARGE, 1);
  const small = `import { peakMemoryBytes } from ${JSON.stringify(import.meta.resolve('./peak-memory.ts'))};
    process.stdout.write(String(peakMemoryBytes('self')));`;
  const own = Number(execFileSync(process.execPath, ['--input-type=module', '-e', small], { encoding: 'utf8' }));
  assert.ok(own > 10e6 && own < LARGE, `${own}`);
  assert.ok(peakMemoryBytes(process.pid) >= held.length);
});
