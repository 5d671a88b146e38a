/**
 * One round of Restate with a server of its own on loopback, which syncs its log. Its handlers must take the same way each time, so that
 * items run layer by layer: as BullMQ's, its W3 has a barrier between layers.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as restate from '@restatedev/restate-sdk';
import { chain, fanOutFanIn, grid, IN_FLIGHT, printRound, SUBMISSIONS, timeSubmissions } from '../shapes.ts';

const START_MS = 60_000;
/** Steps that one invocation has begun at once: with thousands it takes the square of the time. */
const AT_ONCE = 100;
const directory = mkdtempSync(join(process.argv[2], 'restate-'));

const bench = restate.service({
  name: 'bench',
  handlers: {
    /** A durable step for each item. */
    async run(ctx, layers) {
      for (const layer of layers) {
        for (let from = 0; from < layer.length; from += AT_ONCE) {
          const steps = layer.slice(from, from + AT_ONCE).map((id) => ctx.run(id, () => null));
          await restate.RestatePromise.all(steps);
        }
      }
    },
    async nothing() {},
  },
});

/** Each item in the first layer that lies behind all that it waits for. */
function layersOf(items) {
  const depths = new Map();
  const layers = [];
  for (const { id, dependsOn = [] } of items) {
    const depth = Math.max(-1, ...dependsOn.map((dep) => depths.get(dep))) + 1;
    depths.set(id, depth);
    layers[depth] ??= [];
    layers[depth].push(id);
  }
  return layers;
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function post(url, body) {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(url, sent);
  const text = await response.text();
  if (!response.ok) throw new RangeError(`${url} answered ${response.status}: ${text}`);
}

const [ingress, admin, node, ours] = await freePorts(4);
const at = (port, path) => `http://127.0.0.1:${port}${path}`;

function startServer() {
  const env = {
    ...process.env,
    RESTATE_DISABLE_TELEMETRY: 'true',
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_IP: '127.0.0.1',
    RESTATE_BIND_PORT: String(node),
    RESTATE_INGRESS__BIND_PORT: String(ingress),
    RESTATE_ADMIN__BIND_PORT: String(admin),
  };
  const script = join(import.meta.dirname, 'node_modules', '.bin', 'restate-server');
  return spawn(script, ['--base-dir', directory, '--node-name', 'bench', '--no-logo'], { env, stdio: 'ignore' });
}

/** The server is there a while after its process is. */
async function register() {
  for (const startedMs = performance.now(); ; ) {
    try {
      return await post(at(admin, '/deployments'), { uri: at(ours, '') });
    } catch (error) {
      if (performance.now() - startedMs > START_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function timeRun(items) {
  const layers = layersOf(items);
  const startedMs = performance.now();
  await post(at(ingress, '/bench/run'), layers);
  return { count: items.length, elapsedMs: performance.now() - startedMs };
}

/** To be carried out much later: what is measured is that they are taken. */
function timeSends(inFlight) {
  return timeSubmissions(inFlight, (n) => post(at(ingress, '/bench/nothing/send?delay=1h'), { n }));
}

const server = startServer();
try {
  await restate.serve({ services: [bench], port: ours });
  await register();
  await timeRun(fanOutFanIn(500));
  await printRound({
    'w1-1000': () => timeRun(fanOutFanIn(1_000)),
    'w1-3000': () => timeRun(fanOutFanIn(3_000)),
    'w1-10000': () => timeRun(fanOutFanIn(10_000)),
    w2: () => timeRun(chain(300)),
    w3: () => timeRun(grid(20, 50)),
    'w4-burst': () => timeSends(SUBMISSIONS),
    'w4-32': () => timeSends(IN_FLIGHT),
  });
} finally {
  server.kill();
  await new Promise((resolve) => server.on('exit', resolve));
  rmSync(directory, { recursive: true });
}
// The SDK keeps its port open.
process.exit(0);
