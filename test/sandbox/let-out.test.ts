/** The real worker with blocks that were let to hosts: what they find in their sandbox, and what the result says of it. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Block } from '@waybill/client/plan';
import type { JobEgress } from '#core/mailbox-protocol.ts';
import { openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';

/** No name of this ending is ever one of a host. */
const EGRESS: JobEgress = {
  ask: ['a.host.invalid', 'b.host.invalid'],
  allow: ['*.host.invalid'],
  deny: ['b.host.invalid'],
};
const get = (url: string): string =>
  `fetch('${url}').then((answer) => answer.text(), (error) => String(error.cause ?? error)).then(console.log)`;
const script = (run: string | string[]): Block => ({ block: 'script', run });

let bed: WorkerBed;
let absent: string | null = null;
before(async () => {
  bed = await openWorkerBed({ allowUnsandboxed: true });
  const { isolation, detail } = await bed.launcher.probe();
  if (isolation !== 'bubblewrap') absent = detail;
});
after(() => bed.close());

const isAbsent = (t: TestContext): boolean => {
  if (absent !== null) t.skip(`bubblewrap: ${absent}`);
  return absent !== null;
};

describe('let out:', () => {
  it('a tool that knows of proxies finds the one of its block; what it asked for stands in the result, by block', async (t) => {
    if (isAbsent(t)) return;
    const pipeline = [
      script(['node', '-e', get('https://a.host.invalid/')]),
      script(['node', '-e', `${get('https://b.host.invalid/')}.then(() => ${get('http://127.0.0.1:1/')})`]),
      script('env | sort | grep -i _proxy; ls /waybill/door'),
    ];
    const { result, log } = await bed.run({ pipeline, isolation: 'bubblewrap', egress: EGRESS });
    assert.equal(result?.outcome, 'succeeded', log);
    const none = { connections: 1, sentBytes: 0, receivedBytes: 0, port: 443 };
    assert.deepEqual(result?.egress, {
      seen: [
        { block: 0, host: 'a.host.invalid', refused: 'unreachable', ...none },
        { block: 1, host: 'b.host.invalid', refused: 'denied', ...none },
      ],
    });
    assert.match(log, /not let out: "a\.host\.invalid", port 443: unreachable/);
    assert.match(log, /not let out: "b\.host\.invalid", port 443: denied/);
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'])
      assert.match(log, new RegExp(`^${name}=http://127\\.0\\.0\\.1:\\d+$`, 'm'));
    assert.match(log, /^no_proxy=localhost,127\.0\.0\.1,::1$/m);
    assert.match(log, /^egress\.sock$/m);
  });

  it('a block that was not let out finds no socket and no variable, and its result says nothing', async (t) => {
    if (isAbsent(t)) return;
    const pipeline = [script('! env | grep -i _proxy && test -z "$(ls /waybill/door)"')];
    const { result, log } = await bed.run({ pipeline, isolation: 'bubblewrap' });
    assert.deepEqual([result?.outcome, result?.egress], ['succeeded', undefined], log);
  });

  for (const [run, outcome, exit] of [
    ['exit 7', 'failed', 7],
    ['kill -9 $$', 'failed', 137],
    [['no-such-program'], 'failed', 127],
  ] as const) {
    it(`the block ends as its command does: ${run}`, async (t) => {
      if (isAbsent(t)) return;
      const pipeline = [script(typeof run === 'string' ? run : [...run])];
      const { result } = await bed.run({ pipeline, isolation: 'bubblewrap', egress: EGRESS });
      assert.deepEqual([result?.outcome, result?.exit], [outcome, exit]);
    });
  }

  it('a block that is out of time is asked to end, and may', async (t) => {
    if (isAbsent(t)) return;
    const run = `trap 'echo ending; exit 0' TERM; echo begun; while true; do sleep 0.05; done`;
    const pipeline: Block[] = [{ block: 'script', run, timeoutMs: 2_000 }];
    const { result, log } = await bed.run({ pipeline, isolation: 'bubblewrap', egress: EGRESS });
    assert.deepEqual([result?.outcome, /ending/.test(log)], ['timed_out', true], log);
  });

  for (const isolation of ['none', 'container'] as const) {
    it(`nothing runs with isolation ${isolation}, where nothing would hold it to its hosts`, async () => {
      const end = await bed.run({ pipeline: [script('echo ran')], isolation, egress: EGRESS });
      assert.doesNotMatch(end.log, /^ran$/m);
      if (isolation === 'none')
        assert.deepEqual([end.result?.outcome, end.result?.reason], ['policy_blocked', 'sandbox_required']);
    });
  }
});
