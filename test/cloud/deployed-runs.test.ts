/** Runs in a deployment of all three stacks: from an object in the inbox to a bundle that the verifier accepts. */
import { after, before, test } from 'node:test';
import { openWorld, type World } from './deployed-world.ts';
import { RUNS } from './scenarios-of-runs.ts';
import { TROUBLE } from './scenarios-of-trouble.ts';

let world: World;
let failures = 1;

before(async () => {
  world = await openWorld();
  failures = 0;
});

after(async () => {
  // The logs of the bed say why.
  await world?.close({ keepLogs: failures > 0 });
});

for (const [name, body] of Object.entries({ ...RUNS, ...TROUBLE })) {
  test(`deployed: ${name}`, async () => {
    failures += 1;
    await body(world);
    failures -= 1;
  });
}
