/**
 * One round of BullMQ on a Redis that syncs its append-only file before it answers (`appendfsync always`). Producer and worker are this
 * process, Redis is another. Dependencies are flows; BullMQ knows trees only, so the layers of W3 are flows with a barrier between them.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { FlowProducer, Queue, Worker } from 'bullmq';
import { chain, fanOutFanIn, grid, IN_FLIGHT, printRound, SUBMISSIONS, timeSubmissions } from '../shapes.ts';

const CONCURRENCY = 100;

const directory = mkdtempSync(join(process.argv[2], 'redis-'));
const port = await freePort();
const redis = spawn(
  'redis-server',
  [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ].map(String),
  { stdio: 'ignore' },
);
const connection = { host: '127.0.0.1', port };

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Milliseconds from handing over the first job to the end of the last one of each part, which waits for all others. */
async function timeParts(name, parts) {
  const count = parts.flat().length;
  const flows = new FlowProducer({ connection });
  const ended = new Map();
  const worker = new Worker(name, async () => {}, { connection, concurrency: CONCURRENCY });
  worker.on('completed', (job) => ended.get(job.name)?.());
  await worker.waitUntilReady();
  const options = { removeOnComplete: true, removeOnFail: true };
  const startedMs = performance.now();
  for (const tree of parts) {
    const done = new Promise((resolve) => ended.set(tree.name, resolve));
    await flows.add({ ...tree, opts: options });
    await done;
  }
  const elapsedMs = performance.now() - startedMs;
  await worker.close();
  await flows.close();
  return { count, elapsedMs };
}

/** A tree whose root comes last. */
function treeOf(name, items) {
  const job = (id, children = []) => ({
    name: id,
    queueName: name,
    data: {},
    opts: { removeOnComplete: true },
    children,
  });
  const last = items.at(-1);
  const below = last.dependsOn ?? [];
  if (below.length > 1)
    return job(
      last.id,
      below.map((id) => job(id)),
    );
  return items.reduce((tree, { id }) => job(id, tree ? [tree] : []), null);
}

async function timeTree(name, items) {
  const figure = await timeParts(name, [treeOf(name, items)]);
  return { ...figure, count: items.length };
}

/** Every layer and its barrier; the barriers are not counted. */
async function timeLayers(name, items, width) {
  const layers = Array.from({ length: items.length / width }, (_, n) => items.slice(n * width, (n + 1) * width));
  const figure = await timeParts(
    name,
    layers.map((layer, n) => treeOf(name, [...layer, { id: `barrier-${n}`, dependsOn: layer.map(({ id }) => id) }])),
  );
  return { ...figure, count: items.length };
}

/** Nothing works the queue off: what is measured is the submission alone. */
async function timeAdds(name, inFlight) {
  const queue = new Queue(name, { connection });
  await queue.waitUntilReady();
  const figure = await timeSubmissions(inFlight, (n) => queue.add('job', { n }));
  await queue.close();
  return figure;
}

try {
  await timeTree('warm', fanOutFanIn(500));
  await printRound({
    'w1-1000': () => timeTree('w1-1000', fanOutFanIn(1_000)),
    'w1-3000': () => timeTree('w1-3000', fanOutFanIn(3_000)),
    'w1-10000': () => timeTree('w1-10000', fanOutFanIn(10_000)),
    w2: () => timeTree('w2', chain(300)),
    w3: () => timeLayers('w3', grid(20, 50), 50),
    'w4-burst': () => timeAdds('w4-burst', SUBMISSIONS),
    'w4-32': () => timeAdds('w4-32', IN_FLIGHT),
  });
} finally {
  redis.kill();
  await new Promise((resolve) => redis.on('exit', resolve));
  rmSync(directory, { recursive: true });
}
