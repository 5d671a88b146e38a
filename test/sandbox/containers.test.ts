import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { digestOf } from '@waybill/verify';
import { containerExecutable } from '#core/executable.ts';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { WORKER_ENV } from '#core/names.ts';
import { type TaskOptions, terminate } from '../support/container-bed.ts';
import { openIsolations } from '../support/isolations.ts';
import { runningSleeps, until } from '../support/processes.ts';
import type { AttemptEnd } from '../support/worker-bed.ts';

const script = (run: string): Block => ({ block: 'script', run });
/** A script in the language of Node; its last expression is awaited, and true is exit 0. */
const node = (body: string): string =>
  `node --input-type=module -e '
    import { readdirSync, readFileSync, existsSync } from "node:fs";
    import { createConnection, createServer } from "node:net";
    const read = (path) => { try { return readFileSync(path, "latin1"); } catch { return ""; } };
    const processes = readdirSync("/proc").map((pid) => read("/proc/" + pid + "/environ").split("\\0"));
    const environments = processes.flat();
    // Of its own attempt: other tests run on this machine, too.
    const { attemptId } = JSON.parse(read(process.env.WAYBILL_WORKSPACE + "/../.waybill/job.json"));
    const own = processes.filter((entries) => entries.includes("${WORKER_ENV.attemptId}=" + attemptId)).flat();
    const leaseUrl = own.map((entry) => /^${WORKER_ENV.leaseUrl}=(.*)$/.exec(entry)?.[1]).find(Boolean);
    const put = async (url, body) => (await fetch(url, { method: "PUT", body, headers: { "if-none-match": "*" } })).ok;
    const reached = await (async () => { ${body} })().catch(() => false);
    process.exit(reached ? 0 : 1);
  '`;

/**
 * What a block tries against its own attempt, as a script that exits 0 when it got what it wanted. The control runs the
 * same script beside a wrapper that holds its lease as it does in AWS, without the separation: there it succeeds.
 */
const ATTEMPTS: readonly [string, string][] = [
  ['finds the URL of its lease in an environment', node('return leaseUrl !== undefined;')],
  ['sees the process of its wrapper', "grep -qs 'worker[.]mjs' /proc/[0-9]*/cmdline"],
  ['reads its lease', node('return (await fetch(leaseUrl)).ok;')],
  [
    'beats in the place of its wrapper',
    node(`const lease = await (await fetch(leaseUrl)).json();
      const body = JSON.stringify({ at: new Date().toISOString(), attemptId: lease.attemptId, seq: 99, v: 1 });
      return (await fetch(lease.put.heartbeat, { method: "PUT", body })).ok;`),
  ],
  [
    'stages a result of its own',
    node('return put((await (await fetch(leaseUrl)).json()).put.result, "{\\"outcome\\":\\"forged\\"}");'),
  ],
  [
    'stages outputs of its own',
    node('return put((await (await fetch(leaseUrl)).json()).put.outputs, "waybill-outputs/v1\\n{}\\n");'),
  ],
  ['finds what its wrapper keeps to itself', 'ls -d "$WAYBILL_WORKSPACE"/../private || ls /var/lib/waybill'],
  [
    'reads the key that manifests are checked with',
    node(`return environments.some((e) => e.startsWith("${WORKER_ENV.keys}="));`),
  ],
  ['alters its input', 'chmod u+w "$WAYBILL_INPUTS/data" && echo altered > "$WAYBILL_INPUTS/data"'],
  ['adds an input', 'chmod u+w "$WAYBILL_INPUTS" && touch "$WAYBILL_INPUTS/more"'],
  ['rewrites its job', 'rm -f "$WAYBILL_WORKSPACE/../.waybill/job.json"'],
];

describe('containers:', () => {
  const places = openIsolations();
  const test = (title: string, body: () => Promise<void>): void => places.test('container', title, body);

  /** Blocks beside a wrapper that has its lease in its environment, as in AWS, and nothing in between. */
  async function unseparated(run: string): Promise<AttemptEnd['result'] | 'forged'> {
    const attempt = await places.bed.post({ isolation: 'none', inputs: { data: 'input' }, pipeline: [script(run)] });
    const child = places.bed.spawn(attempt, { env: { [WORKER_ENV.leaseUrl]: attempt.leaseUrl } });
    const exit = await new Promise((resolve) => child.once('exit', resolve));
    const { result } = await places.bed.mailbox.staged(attempt.attemptId);
    if (Buffer.from(result ?? '').includes('forged')) return 'forged';
    assert.notEqual(exit, null);
    return (await places.bed.collect(attempt.attemptId)).result;
  }

  const inContainer = (run: string, options: TaskOptions = {}) =>
    places.containers.run({ inputs: { data: 'input' }, pipeline: [script(run)] }, options);

  for (const [title, attempt] of ATTEMPTS) {
    test(`no block ${title}; without the separation one does`, async () => {
      const control = await unseparated(attempt);
      assert.ok(control === 'forged' || control?.outcome === 'succeeded', 'the attempt proves nothing');
      const { result, log } = await inContainer(attempt);
      assert.deepEqual([result?.outcome, result?.reason], ['failed', 'exit_nonzero'], log);
    });
  }

  test('no block finds a second way to the runner; a socket that is there could be connected to', async () => {
    const connects = (path: string): string =>
      `await new Promise((resolve) => createConnection("${path}", () => resolve(true)).on("error", () => resolve(false)))`;
    const own = `await new Promise((done) => createServer().listen("/waybill/run/own", done));`;
    const control = await inContainer(node(`${own} return ${connects('/waybill/run/own')};`));
    assert.equal(control.result?.outcome, 'succeeded', control.log);
    for (const path of ['/waybill/run/runner.sock', '/waybill/run/../run/runner.sock']) {
      const { result } = await inContainer(node(`return ${connects(path)};`));
      assert.equal(result?.reason, 'exit_nonzero');
    }
  });

  const RUNNER = `pgrep -f '^[^ ]*node /opt/waybill/runner[.]mjs$'`;

  test('no block looks into the process of its runner; it would if that were started from a readable program', async () => {
    const look = `cat /proc/$(${RUNNER})/environ | tr '\\0' '\\n' | grep -q ^WAYBILL_RUNNER_SOCKET`;
    const command = ['/toolchain/bin/node', '/opt/waybill/runner.mjs'];
    const control = await inContainer(look, { blocks: { command } });
    assert.equal(control.result?.outcome, 'succeeded', control.log);
    for (const attempt of [look, `exec 3<>/proc/$(${RUNNER})/mem`, `ls -l /proc/$(${RUNNER})/fd/*`]) {
      const { result, log } = await inContainer(attempt);
      assert.equal(result?.outcome, 'failed', log);
      assert.match(log, /Permission denied|cannot/);
    }
  });

  test('a block that kills its runner and takes its place ends its attempt, and speaks for no other block', async () => {
    const forger = node(`
      createServer((socket) => socket.write("{\\"v\\":1,\\"say\\":\\"ready\\"}\\n")).listen("/waybill/run/runner.sock");
      process.kill(Number(process.env.RUNNER), "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 60_000));`);
    const { result, log, notice } = await places.containers.run({
      pipeline: [script(`RUNNER=$(${RUNNER}) ${forger}`), { block: 'script', run: 'exit 0', lens: 'verify' }],
    });
    assert.deepEqual([result?.outcome, result?.reason, result?.blocks.length], ['failed', 'runner_lost', 1], log);
    assert.equal(notice.exit, WORKER_EXIT.failed);
  });

  test('what a block leaves running is gone before the next block, wherever it hid', async () => {
    const marker = `65.${process.pid}`;
    const leave = `setsid env -i sh -c 'sleep ${marker} & exec sleep ${marker}' >/dev/null 2>&1 & until pgrep -f '^sleep ${marker}'; do sleep 0.02; done`;
    const { result, log } = await places.containers.run({
      pipeline: [script(leave), script(`! pgrep -f '^sleep ${marker}'`)],
    });
    assert.equal(result?.outcome, 'succeeded', log);
    assert.equal(runningSleeps(marker), 0);
  });

  test('guessing paths of the mailbox finds nothing, where the port is known and the true path would answer', async () => {
    const attempt = await places.bed.post({ isolation: 'container', pipeline: [script('exit 3')] });
    assert.equal((await fetch(attempt.leaseUrl)).status, 200);
    const { origin } = new URL(attempt.leaseUrl);
    const paths = [
      '',
      'lease',
      'lease.json',
      attempt.attemptId,
      `${attempt.attemptId}/lease`,
      `${attempt.attemptId}/result`,
    ];
    const secrets = ['0'.repeat(32), 'f'.repeat(32)].map((secret) => `${attempt.attemptId}/${secret}/lease`);
    const guess = (list: string[]): string =>
      node(`for (const path of "${list.join(' ')}".split(" ")) {
        const url = "${origin}/" + path;
        if ((await fetch(url)).ok || (await put(url, "forged"))) return true;
      }
      return false;`);
    const { result, log } = await inContainer(guess([...paths, ...secrets]));
    assert.equal(result?.reason, 'exit_nonzero', log);
    const control = await inContainer(guess([...paths, attempt.leaseUrl.slice(origin.length + 1)]));
    assert.equal(control.result?.outcome, 'succeeded', 'the true path would have been found');
  });

  test('what a block writes into shared files, as a result, log or job, decides nothing', async () => {
    const forged = '{"v":1,"outcome":"succeeded","reason":"ok","exit":0}';
    const places = ['workspace', 'outputs', 'home', 'run'].map((place) => `/waybill/${place}`);
    const write = `for d in ${places.join(' ')}; do mkdir -p $d/.waybill; for f in result.json log job.json; do echo '${forged}' | tee $d/$f > $d/.waybill/$f; done; done; exit 3`;
    const { result, log } = await inContainer(write);
    assert.deepEqual([result?.outcome, result?.reason, result?.exit], ['failed', 'exit_nonzero', 3], log);
    const control = await inContainer(write.replace('exit 3', 'exit 0'));
    assert.equal(control.result?.outcome, 'succeeded', 'the exit is what decides');
  });

  test('blocks have the variables of their image and of their item, and none of the service or the platform', async () => {
    const env = {
      JAVA_HOME: '/opt/java',
      AWS_REGION: 'eu-central-1',
      ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2/v4/x',
    };
    const { log } = await inContainer('env; echo descriptors $(ls /proc/self/fd)', { blocks: { env } });
    assert.match(log, /^JAVA_HOME=\/opt\/java$/m);
    assert.match(log, /^WAYBILL_ITEM=item$/m);
    // The last is the listing's own: no socket of the runner is among them.
    assert.match(log, /^descriptors 0 1 2 3$/m);
    assert.doesNotMatch(log, /^(AWS|ECS)_|RUNNER_SOCKET|LEASE|KEYS|http:/m);
  });

  for (const name of ['AWS_SESSION_TOKEN', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', WORKER_ENV.leaseUrl]) {
    test(`a runner whose environment holds ${name} starts nothing`, async () => {
      const { exit, said } = await places.containers.runBlocksAlone({ env: { [name]: 'secret' } });
      assert.equal(exit, 78);
      assert.match(said, new RegExp(name));
      assert.doesNotMatch(said, /secret/);
    });
  }

  test('heartbeats go on while a block runs, and a stopping task reports before it goes', async () => {
    const attempt = await places.bed.post({
      isolation: 'container',
      pipeline: [script('sleep 60'), script('true')],
    });
    const task = places.containers.start(attempt);
    const heartbeat = async () => (await places.bed.mailbox.staged(attempt.attemptId)).heartbeat;
    const beats = async (): Promise<number> => (await heartbeat())?.seq ?? -1;
    await until(async () => (await heartbeat())?.progress?.block === 1);
    const before = await beats();
    await until(async () => (await beats()) > before + 2);
    terminate(task.wrapper, 'worker.mjs');
    const { exit, blocks } = await task.ended;
    const { result, log } = await places.bed.collect(attempt.attemptId);
    assert.deepEqual([exit, result?.outcome, result?.blocks.length], [WORKER_EXIT.cancelled, 'cancelled', 1], log);
    assert.equal(blocks.exit, 0);
  });

  test('the manifest names the image of the blocks with the worker, and another image is refused', async () => {
    const [image, other] = [digestOf('image'), digestOf('other')];
    const executable = containerExecutable(places.bed.executable, image);
    const spec = { pipeline: [script('true')], predicate: { executable } };
    const start = (of: string) =>
      places.containers.run(spec, { wrapper: { env: { [WORKER_ENV.environmentImage]: of } } });
    const { result } = await start(image);
    assert.deepEqual([result?.outcome, result?.worker], ['succeeded', executable]);
    const refused = await start(other);
    assert.deepEqual([refused.result, refused.notice.exit], [null, WORKER_EXIT.contractError]);
    assert.match(refused.notice.detail, /executable/);
  });

  for (const isolation of ['none', 'bubblewrap'] as const) {
    test(`a worker with a runner runs no block under ${isolation}, where it would stand beside the lease`, async () => {
      const { result, notice } = await places.containers.run({ isolation, pipeline: [script('true')] });
      assert.deepEqual([result, notice.exit], [null, WORKER_EXIT.contractError]);
    });
  }

  it('a worker without a runner runs no block that was to have a container of its own', async () => {
    const { result, notice } = await places.bed.run({ isolation: 'container', pipeline: [script('true')] });
    assert.deepEqual([result, notice.exit], [null, WORKER_EXIT.contractError]);
  });
});
