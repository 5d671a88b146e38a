import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';

it('CL-01 time never runs backwards, even when the machine’s clock is set back', () => {
  const clock = createLocalClock();
  const before = clock.nowMs();
  mock.method(Date, 'now', () => before - 60_000);
  const after = clock.nowMs();
  assert.ok(after >= before && after < before + 1_000, `${before} to ${after}`);
  mock.restoreAll();
});

it('CL-05 time does not stand still until a clock that was set back has come up again', async () => {
  const clock = createLocalClock();
  const before = clock.nowMs();
  mock.method(Date, 'now', () => before - 60_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const passedMs = clock.nowMs() - before;
  mock.restoreAll();
  assert.ok(passedMs >= 20, `${passedMs} ms`);
});

it('CL-02 a timer calls once and not before its time, and a cancelled one never', async () => {
  const clock = createLocalClock();
  const startedMs = performance.now();
  let cancelled = 0;
  clock.after(5, () => (cancelled += 1))();
  const waitedMs = await new Promise<number>((resolve) => {
    clock.after(20, () => resolve(performance.now() - startedMs));
    setTimeout(() => {}, 100);
  });
  assert.ok(waitedMs >= 19, `${waitedMs} ms`);
  assert.equal(cancelled, 0);
});

it('CL-03 random hex has the asked length and does not repeat, over many blocks', () => {
  const chance = createLocalChance();
  const drawn = Array.from({ length: 2_000 }, () => chance.hex(16));
  assert.ok(drawn.every((hex) => /^[0-9a-f]{32}$/.test(hex)));
  assert.equal(new Set(drawn).size, drawn.length);
  assert.equal(chance.hex(5_000).length, 10_000);
});

it('CL-04 fractions lie in [0, 1) and fill it', () => {
  const chance = createLocalChance();
  const drawn = Array.from({ length: 1_000 }, () => chance.fraction());
  assert.ok(drawn.every((value) => value >= 0 && value < 1));
  assert.ok(Math.min(...drawn) < 0.1 && Math.max(...drawn) > 0.9);
});
