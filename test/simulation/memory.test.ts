import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Container } from './container.ts';
import { liveSeed } from './world.ts';

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** One with deaths between two effects, after which others wait for an answer that never comes. */
const SEED = 5;

async function containersOf(seed: number): Promise<{ died: number; left: WeakRef<Container>[] }> {
  const seen = new Set<Container>();
  await liveSeed({ seed, watch: ({ by }) => void seen.add(by as Container) });
  return { died: [...seen].filter(({ isDead }) => isDead).length, left: [...seen].map((each) => new WeakRef(each)) };
}

it('nothing of a seed is kept when it is over, however many follow', async () => {
  const { died, left } = await containersOf(SEED);
  // A reference holds what it names until the turn in which it was made is over.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  assert.ok(died > 0, 'nothing has died in this seed');
  assert.equal(left.filter((each) => each.deref() !== undefined).length, 0);
});
