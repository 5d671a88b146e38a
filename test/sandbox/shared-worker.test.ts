/** What of an attempt is left in the process of its worker for the next one that the same process serves. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { makeDeviceNodes, removeDeviceNodes } from '#worker/device-nodes.ts';
import { until } from '../support/processes.ts';
import type { AttemptSpec } from '../support/signed-lease.ts';
import { type LaunchedEnd, openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';

const script = (run: string): Block => ({ block: 'script', run });

/** Leaves the mark wherever a block can write, and what else a process can have. */
const leaves = (mark: string): string => `
  umask 0077
  for place in "$HOME" "$TMPDIR" "$WAYBILL_OUTPUTS" "$WAYBILL_WORKSPACE" "$WAYBILL_CHECKPOINT" /dev/shm; do
    echo ${mark} > "$place/${mark}"
  done
  exec 9> "$HOME/held-${mark}"
  sleep 60 &
  cd "$TMPDIR"`;

/** How often the mark is to be found: in names, in files, in variables, in what processes say of themselves. */
const finds = (mark: string): string => {
  const [head, tail] = [mark.slice(0, 4), mark.slice(4)];
  return `
  wanted=${head}; wanted=$wanted${tail}
  echo "files: $(find /waybill /tmp /dev/shm -name "*$wanted*" 2>/dev/null | wc -l)"
  echo "texts: $(grep -rl "$wanted" /waybill /tmp /dev/shm 2>/dev/null | grep -cv job.json)"
  echo "variables: $(env | grep -c "^LEFT=$wanted")"
  echo "descriptors: $(ls -l /proc/*/fd 2>/dev/null | grep -c "$wanted")"
  echo "sleeps: $(for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < "$each"; echo; done 2>/dev/null | grep -c '^sleep 60')"`;
};

/** Of the block itself, whatever went before it. */
const STATE = `
  echo "mask: $(umask)"; echo "directory: $(pwd)"; echo "temporary: $TMPDIR"
  echo "open: $(ls /proc/self/fd | tr '\\n' ' ')"
  echo "names: $(env | cut -d= -f1 | sort | tr '\\n' ' ')"`;

describe('a worker that serves several attempts:', () => {
  let bed: WorkerBed;
  let lacking: string | false = false;
  before(async () => {
    bed = await openWorkerBed();
    const { isolation, detail } = await bed.launcher.probe();
    if (isolation !== 'bubblewrap') lacking = `bubblewrap: ${detail}`;
  });
  after(() => bed.close());

  const test = (title: string, body: (t: TestContext) => Promise<void>) =>
    it(title, async (t) => (lacking === false ? await body(t) : t.skip(lacking)));

  async function serve(spec: AttemptSpec): Promise<LaunchedEnd & { pid: number }> {
    const end = await bed.run({ isolation: 'bubblewrap', ...spec });
    return { ...end, pid: Number(end.handle.split(':')[1]) };
  }
  const said = (log: string, name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(log)?.[1] ?? 'nothing';

  test('a block finds nothing of an attempt before it, and is what the first block of a process is', async () => {
    const mark = 'left-4be1';
    const fresh = await serve({ pipeline: [script('echo first'), script(STATE)] });
    const before = await serve({
      pipeline: [script(`${leaves(mark)}\n${finds(mark)}`), script(STATE)],
      env: { LEFT: mark },
    });
    const next = await serve({ pipeline: [script('echo first'), script(`${finds(mark)}\n${STATE}`)] });
    assert.deepEqual([before.pid, next.pid], [fresh.pid, fresh.pid]);
    for (const name of ['files', 'texts', 'variables', 'descriptors', 'sleeps']) {
      assert.notEqual(said(before.log, name), '0', `the search sees nothing: ${name}\n${before.log}`);
      assert.equal(said(next.log, name), '0', `${name}\n${next.log}`);
    }
    for (const name of ['mask', 'directory', 'temporary', 'open']) {
      assert.equal(said(next.log, name), said(fresh.log, name), name);
    }
    assert.match(said(before.log, 'names'), /\bLEFT\b/);
    assert.equal(said(next.log, 'names'), said(fresh.log, 'names'));
  });

  test('the process has no more files, connections and children after attempts than before, and holds no tree', async () => {
    const pipeline = [
      script('echo x > made; echo y > "$WAYBILL_OUTPUTS/made"'),
      { block: 'capture', what: 'outputs' } as Block,
    ];
    const { pid } = await serve({ pipeline });
    // Pipes for attempts to come are made when nobody waits, and are not many.
    const [isPipe, most] = [/waybill-pipes-/, 2 * 22];
    const open = (): string[] => {
      const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      assert.ok(links.filter((link) => isPipe.test(link)).length <= most);
      return links.filter((link) => !isPipe.test(link));
    };
    const once = open().length;
    for (let n = 0; n < 5; n += 1) assert.equal((await serve({ pipeline })).pid, pid);
    assert.equal(open().length, once);
    assert.equal(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'), '');
    assert.deepEqual(bed.leftovers(), []);
  });

  test('a process whose attempt has changed a device node serves no other, and the next attempt has nodes as they are made', async (t) => {
    const lacks = lackOfNodes();
    if (lacks !== null) return t.skip(lacks);
    const state = 'for node in /dev/null /dev/zero /dev/stdin; do stat -Lc "state %n %a %Y" $node; done';
    const states = (log: string): string[] => log.match(/^state .*$/gm) ?? [];
    // Those of the host are left alone, also where a block has them.
    const { dev, ino } = statSync('/dev/null');
    const own = (node: string): string => `test "$(stat -Lc %d:%i ${node})" != ${dev}:${ino} || exit 9`;
    const used = script(`head -c 10 /dev/urandom | cat - /dev/null > /dev/null; cat; : | tee /dev/full; ${state}`);
    const before = await serve({ pipeline: [used] });
    const changed = await serve({
      pipeline: [
        script(
          `${own('/dev/null')}; ${own('/dev/stdin')}; touch -d @1234567 /dev/stdin; chmod 600 /dev/null; ${state}`,
        ),
      ],
    });
    assert.equal(changed.pid, before.pid, 'using them changes nothing');
    assert.equal(changed.result?.outcome, 'succeeded', changed.log);
    assert.match(changed.log, /^state \/dev\/null 600 1234567$/m);
    const next = await serve({ pipeline: [used] });
    assert.notEqual(next.pid, changed.pid);
    assert.equal(states(next.log).length, 3);
    assert.deepEqual(states(next.log), states(before.log));
  });

  test("an attempt is lost where no device nodes can be made and could be at the trial, and has the host's where they could not", async (t) => {
    const lacks = lackOfNodes();
    if (lacks !== null) return t.skip(lacks);
    const path = process.env.PATH;
    const [could, couldNot] = [await openWorkerBed(), await openWorkerBed()];
    try {
      await could.launcher.probe();
      writeFileSync(join(could.directory, 'cp'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      process.env.PATH = `${could.directory}${delimiter}${path}`;
      const spec: AttemptSpec = { isolation: 'bubblewrap', pipeline: [script('echo ran')] };
      const { notice, result, log } = await could.run(spec);
      // What is `exited` with this code and without a result is lost to the machine.
      assert.deepEqual([notice.cause, notice.exit, result, log], ['exited', WORKER_EXIT.failed, null, '']);
      assert.match(notice.detail, /blocks would have those of the host, since none can be made in .*LAUNCH_FAILED/);

      assert.match((await couldNot.launcher.probe()).detail, /blocks can change the device nodes of the host/);
      const before = await couldNot.run(spec);
      assert.equal(before.result?.outcome, 'succeeded', before.notice.detail);
    } finally {
      process.env.PATH = path;
      await Promise.all([could.close(), couldNot.close()]);
    }
  });

  const ENDS: [string, AttemptSpec, number][] = [
    ['failed', { pipeline: [script('exit 3')] }, WORKER_EXIT.failed],
    [
      'broke the contract',
      { pipeline: [script('ln -s /etc/passwd "$WAYBILL_OUTPUTS/x"'), { block: 'capture', what: 'outputs' }] },
      WORKER_EXIT.contractError,
    ],
    ['ran out of time', { pipeline: [script('sleep 60')], timeoutMs: 500 }, WORKER_EXIT.timedOut],
    ['was let out', { pipeline: [script('true')], egress: { ask: [], allow: [], deny: [] } }, WORKER_EXIT.finished],
    ['had no sandbox', { pipeline: [script('true')], isolation: 'none' }, WORKER_EXIT.finished],
  ];
  for (const [title, spec, exit] of ENDS) {
    test(`a process whose attempt ${title} serves no other`, async () => {
      const ended = await serve(spec);
      assert.equal(ended.notice.exit, exit, ended.log);
      await until(() => !existsSync(`/proc/${ended.pid}`));
      const well = await serve({ pipeline: [script('true')] });
      assert.notEqual(well.pid, ended.pid);
      assert.equal((await serve({ pipeline: [script('true')] })).pid, well.pid);
    });
  }

  test('an attempt that is stopped takes its process with it, and not that of the attempt beside it', async () => {
    const [one, other] = [await bed.post(LONG), await bed.post(LONG)];
    const handles = [await bed.launch(one), await bed.launch(other)];
    await until(() => handles.every((handle) => hasBlock(Number(handle.split(':')[1]))));
    await bed.launcher.stop(handles[0] ?? '', 5_000);
    const notice = await one.ended;
    assert.deepEqual([notice.cause, notice.exit], ['interrupted', WORKER_EXIT.cancelled]);
    assert.deepEqual(await bed.launcher.alive(handles), new Set(handles.slice(1)));
    await bed.launcher.stop(handles[1] ?? '', 5_000);
    await other.ended;
  });
});

function lackOfNodes(): string | null {
  const nodes = makeDeviceNodes();
  removeDeviceNodes(nodes);
  if (nodes.lack !== null) return `own device nodes: ${nodes.lack}`;
  return nodes.place === null ? 'the control needs root, who owns the device nodes here' : null;
}

const LONG: AttemptSpec = { isolation: 'bubblewrap', pipeline: [script('sleep 60')], timeoutMs: 60_000 };

function hasBlock(pid: number): boolean {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1') !== '';
}
