/** One round of OpenWorkflow on SQLite, which it opens with a write-ahead log and full syncs. It allows 1,000 steps a run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OpenWorkflow } from 'openworkflow';
import { BackendSqlite } from 'openworkflow/sqlite';
import { chain, fanOutFanIn, grid, IN_FLIGHT, printRound, SUBMISSIONS, timeSubmissions } from '../shapes.ts';

const directory = mkdtempSync(join(process.argv[2], 'openworkflow-'));
const backend = BackendSqlite.connect(join(directory, 'store.sqlite'));
const engine = new OpenWorkflow({ backend });

/** A step for each item; each begins when those that it waits for have ended. */
const workflow = engine.defineWorkflow({ name: 'bench' }, async ({ input, step }) => {
  const ended = new Map();
  for (const { id, dependsOn = [] } of input.items) {
    const before = Promise.all(dependsOn.map((dep) => ended.get(dep)));
    ended.set(
      id,
      before.then(() => step.run({ name: id }, async () => null)),
    );
  }
  await Promise.all(ended.values());
  return null;
});
/** Nobody works its runs off. */
const idle = { name: 'idle', version: 'none' };

async function timeRun(items) {
  const startedMs = performance.now();
  const handle = await workflow.run({ items });
  await handle.result({ timeoutMs: 120_000 });
  return { count: items.length, elapsedMs: performance.now() - startedMs };
}

const worker = engine.newWorker({ concurrency: 4 });
try {
  await worker.start();
  await timeRun(fanOutFanIn(500));
  await printRound({
    'w1-1000': () => timeRun(fanOutFanIn(1_000)),
    w2: () => timeRun(chain(300)),
    w3: () => timeRun(grid(20, 50)),
    async 'w4-burst'() {
      await worker.stop();
      return timeSubmissions(SUBMISSIONS, (n) => engine.runWorkflow(idle, { n }));
    },
    'w4-32': () => timeSubmissions(IN_FLIGHT, (n) => engine.runWorkflow(idle, { n })),
  });
} finally {
  await worker.stop();
  await backend.stop();
  rmSync(directory, { recursive: true });
}
