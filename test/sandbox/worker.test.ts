import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import { digestOf } from '@waybill/verify';
import { WORKER_EXIT } from '#core/mailbox-protocol.ts';
import { makeRepository } from '../support/git-repository.ts';
import { ISOLATIONS, openIsolations } from '../support/isolations.ts';
import { runningSleeps, until } from '../support/processes.ts';
import { type AttemptSpec, signed, testKey } from '../support/signed-lease.ts';
import { openWorkerBed } from '../support/worker-bed.ts';

const script = (run: string, more: object = {}): Block => ({ block: 'script', run, ...more });

const places = openIsolations();

for (const isolation of ISOLATIONS) {
  describe(`worker: blocks with isolation ${isolation}`, () => {
    const run = (spec: AttemptSpec) => places.run({ isolation, ...spec });
    const test = (title: string, body: () => Promise<void>): void => places.test(isolation, title, body);

    test('a script that succeeds is reported with its block, its log and the epoch of its manifest', async () => {
      const end = await run({ pipeline: [script('echo out; echo err >&2'), script('echo second')] });
      assert.equal(end.notice.exit, WORKER_EXIT.finished);
      assert.equal(end.notice.cause, 'exited');
      assert.ok(end.result);
      const { outcome, reason, exit, epoch, blocks, worker, outputs, log } = end.result;
      assert.deepEqual({ outcome, reason, exit, epoch }, { outcome: 'succeeded', reason: 'ok', exit: 0, epoch: 7 });
      assert.deepEqual(
        blocks.map(({ index, block, exit: code }) => [index, block, code]),
        [
          [0, 'script', 0],
          [1, 'script', 0],
        ],
      );
      assert.match(end.log, /^--- waybill: block 1 of 2: script ---\n(out\nerr|err\nout)\n--- waybill: block 2 of 2/);
      assert.equal(worker, (await places.bed.launcher.probe()).executable);
      assert.equal(outputs, null);
      assert.equal(log?.sha256, digestOf(end.log));
    });

    test('the workspace contract holds: directories, variables, inputs, a job without URLs, node and git', async () => {
      const end = await run({
        inputs: { data: 'input bytes' },
        env: { COLOUR: 'teal', WAYBILL_ITEM: 'forged' },
        pipeline: [
          script(
            [
              'test "$PWD" = "$WAYBILL_WORKSPACE"',
              'test "$(cat "$WAYBILL_INPUTS/data")" = "input bytes"',
              'test "$COLOUR $WAYBILL_ITEM $WAYBILL_ATTEMPT $LANG" = "teal item 1 C.UTF-8"',
              'echo x > "$HOME/h"; echo x > "$TMPDIR/t"; echo x > "$WAYBILL_OUTPUTS/o"; echo x > w',
              'grep -q pipeline "$WAYBILL_WORKSPACE/../.waybill/job.json"',
              '! grep -q http: "$WAYBILL_WORKSPACE/../.waybill/job.json"',
              'node --version; git --version',
            ].join(' &&\n'),
          ),
        ],
      });
      assert.equal(end.result?.outcome, 'succeeded', end.log);
    });

    for (const [title, block, outcome, reason, exit] of [
      ['a plain script', script('exit 3'), 'failed', 'exit_nonzero', 3],
      ['a red gate', script('exit 1', { lens: 'gate' }), 'failed', 'gate_red', 1],
      ['a failed verification', script('exit 1', { lens: 'verify' }), 'failed', 'verify_failed', 1],
      ['a block that is killed, by whomever', script('kill -9 $$'), 'failed', 'killed', 137],
      ['a command that does not exist', script('no-such-command'), 'failed', 'exit_nonzero', 127],
    ] as const) {
      test(`${title} fails the attempt with ${reason}, and no later block runs`, async () => {
        const end = await run({ pipeline: [block, script('echo later')] });
        assert.deepEqual(
          [end.result?.outcome, end.result?.reason, end.result?.exit, end.result?.blocks.length],
          [outcome, reason, exit, 1],
        );
        assert.doesNotMatch(end.log, /later/);
      });
    }

    test('a script that exits with 20 asks what it has left in outputs, and has failed where that is nothing', async () => {
      const ask = `echo 'Which?' > "$WAYBILL_OUTPUTS/question.txt"; exit 20`;
      const end = await run({ pipeline: [script(ask), script('echo later')] });
      const { outcome, reason, question, blocks = [] } = end.result ?? {};
      assert.deepEqual([outcome, reason, question], ['deferred', 'needs_input', 'Which?\n'], end.log);
      assert.deepEqual([end.notice.exit, blocks.length], [WORKER_EXIT.needsInput, 1]);
      const silent = await run({ pipeline: [script('exit 20')] });
      assert.deepEqual([silent.result?.outcome, silent.result?.reason], ['failed', 'exit_nonzero']);
    });

    test('a block over its time is ended with everything it started', async () => {
      const end = await run({ pipeline: [script('sleep 60 & sleep 60', { timeoutMs: 200 })] });
      assert.deepEqual([end.result?.outcome, end.result?.reason], ['timed_out', 'timeout']);
      assert.equal(end.notice.exit, WORKER_EXIT.timedOut);
    });

    test('the wall clock of the job ends whatever block is running', async () => {
      const end = await run({ timeoutMs: 300, pipeline: [script('true'), script('sleep 60'), script('echo later')] });
      assert.deepEqual([end.result?.outcome, end.result?.blocks.length], ['timed_out', 2]);
    });

    test('a cancel reaches a running block as TERM, and the attempt is reported cancelled', async () => {
      const marker = `62.${Math.floor(Math.random() * 1e6)}`;
      const waiting = script(`trap "echo politely; exit 0" TERM; sleep ${marker} & wait`);
      const attempt = await places.bed.post({ isolation, pipeline: [waiting] });
      const exited =
        isolation === 'container'
          ? places.containers.start(attempt).ended
          : places.bed.launch(attempt).then(() => attempt.ended);
      await until(() => runningSleeps(marker) > 0);
      await places.bed.mailbox.cancel(attempt.attemptId);
      const { exit } = await exited;
      const end = await places.bed.collect(attempt.attemptId);
      assert.deepEqual([end.result?.outcome, exit], ['cancelled', WORKER_EXIT.cancelled]);
      assert.match(end.log, /politely/);
    });

    test('when the engine, or the wrapper of a container, is gone the blocks are killed and nothing is reported', async () => {
      const marker = `61.${Math.floor(Math.random() * 1e6)}`;
      const attempt = await places.bed.post({ isolation, pipeline: [script(`trap "" TERM; sleep ${marker}`)] });
      const task = isolation === 'container' ? places.containers.start(attempt) : null;
      const child = task?.wrapper ?? places.bed.spawn(attempt);
      await until(() => runningSleeps(marker) > 0);
      if (task === null) child.stdin?.end();
      else child.kill('SIGKILL');
      const exit = await new Promise((resolve) => child.once('exit', resolve));
      await until(() => runningSleeps(marker) === 0);
      assert.equal(exit, task === null ? WORKER_EXIT.cancelled : null);
      if (task !== null) assert.equal((await task.ended).blocks.exit, 0, 'the runner noticed by itself');
      assert.equal(runningSleeps(marker), 0);
      assert.equal((await places.bed.mailbox.staged(attempt.attemptId)).result, null);
    });

    test('a log over its limit is cut, says so, and the block goes on', async () => {
      const end = await run({
        limits: { logBytes: 1_000 },
        pipeline: [script('head -c 100000 /dev/zero | tr "\\0" x'), script('true')],
      });
      assert.equal(end.result?.outcome, 'succeeded');
      assert.equal(end.result?.log?.truncated, true);
      assert.ok(end.log.length <= 1_000);
      assert.match(end.log, /its limit is reached/);
    });

    test('outputs arrive by name with their bytes', async () => {
      const end = await run({
        pipeline: [
          script(
            'mkdir -p $WAYBILL_OUTPUTS/a/b; printf one > $WAYBILL_OUTPUTS/a/b/1; printf "\\0\\377" > $WAYBILL_OUTPUTS/z',
          ),
          { block: 'capture', what: 'outputs' },
        ],
      });
      assert.equal(end.result?.outcome, 'succeeded', end.log);
      assert.deepEqual(
        [...end.outputs].map(([name, bytes]) => [name, bytes.toString('latin1')]),
        [
          ['outputs/a/b/1', 'one'],
          ['outputs/z', '\0\xff'],
        ],
      );
    });

    test('a patch of the pinned commit comes back with what it leaves out, and hands the next item its exact bytes', async () => {
      const repository = join(places.bed.directory, `repository-${isolation}`);
      makeRepository(repository, () => {
        writeFileSync(join(repository, '.gitignore'), '*.tmp\n');
        writeFileSync(join(repository, 'file'), 'one\n');
      });
      const source = await places.bed.pack(repository);
      const edit = script('git log --oneline && echo two > file && echo x > left.tmp');
      const first = await run({ source, pipeline: [edit, { block: 'capture', what: 'patch' }] });
      assert.equal(first.result?.outcome, 'succeeded', first.log);
      assert.deepEqual(first.result?.excluded, ['left.tmp']);
      assert.match(first.log, /^--- waybill: left out of the patch: "left.tmp" ---$/m);
      const patch = first.outputs.get('patch')?.toString() ?? '';
      assert.match(patch, /^-one\n\+two$/m);
      const apply = script('git apply "$WAYBILL_INPUTS/before" && grep -qx two file');
      const second = await run({
        source,
        inputs: { before: patch },
        pipeline: [apply, { block: 'capture', what: 'patch' }],
      });
      assert.equal(second.outputs.get('patch')?.toString(), patch, second.log);
    });

    test('an attempt that changes nothing succeeds with a patch of no bytes', async () => {
      const end = await run({ pipeline: [script('true'), { block: 'capture', what: 'patch' }] });
      assert.deepEqual(
        [end.result?.outcome, end.result?.reason, end.outputs.get('patch')?.length],
        ['succeeded', 'ok', 0],
      );
    });

    test('an output that cannot be one ends the attempt as a breach of contract, with its reason', async () => {
      const pipeline = [script('ln -s /etc/passwd $WAYBILL_OUTPUTS/l'), { block: 'capture', what: 'outputs' } as const];
      const end = await run({ pipeline });
      assert.deepEqual([end.result?.outcome, end.result?.reason], ['contract_error', 'output_symlink']);
      assert.equal(end.notice.exit, WORKER_EXIT.contractError);
      assert.match(end.log, /outputs\/l/);
    });
  });
}

describe('worker: agent blocks', () => {
  const agent = (command: string): Block => ({
    block: 'agent',
    adapter: 'command',
    command: ['/bin/sh', '-c', command],
  });

  it('refuse to run without a sandbox, unless the deployment allows it', async () => {
    const refused = await places.bed.run({ pipeline: [agent('echo ran')] });
    assert.deepEqual([refused.result?.outcome, refused.result?.reason], ['policy_blocked', 'sandbox_required']);
    assert.equal(refused.notice.exit, WORKER_EXIT.policyBlocked);
    assert.doesNotMatch(refused.log, /^ran/m);
    const allowing = await openWorkerBed({ allowUnsandboxed: true });
    try {
      for (const [exit, outcome, reason] of [
        [0, 'succeeded', 'ok'],
        [10, 'policy_blocked', 'policy_blocked'],
        [20, 'deferred', 'needs_input'],
        [30, 'timed_out', 'timeout'],
        [4, 'failed', 'exit_nonzero'],
      ] as const) {
        const end = await allowing.run({ pipeline: [agent(`exit ${exit}`)] });
        assert.deepEqual([end.result?.outcome, end.result?.reason], [outcome, reason]);
      }
    } finally {
      await allowing.close();
    }
  });
});

describe('worker: refuses before anything runs', () => {
  const touched = (): string => join(places.bed.directory, 'touched');
  const pipeline = (): Block[] => [script(`touch ${touched()}`)];

  for (const [title, spec] of [
    [
      'a job that the manifest does not pin',
      {
        tamper: (draft) => {
          draft.job.env.EXTRA = 'x';
        },
      },
    ],
    ['a manifest of another attempt', { predicate: { attemptId: 'c'.repeat(32) } }],
    ['a manifest of another deployment', { predicate: { origin: 'waybill.test/other' } }],
    ['a manifest for another worker', { predicate: { executable: digestOf('other') } }],
    [
      'a manifest that has expired',
      { predicate: { issuedAt: '2026-01-01T00:00:00.000Z', expiresAt: '2026-01-02T00:00:00.000Z' } },
    ],
    ['a manifest without a nonce', { predicate: { nonce: '' } }],
    ['a manifest with a field that nobody knows', { predicate: { more: true } as object }],
    ['a manifest that is issued on no day', { predicate: { issuedAt: '2026-02-30T00:00:00.000Z' } }],
    ['a manifest whose source is of no kind', { predicate: { source: { kind: 'tar' } as never } }],
    ['an environment that would add options to the sandbox', { env: { A: 'b\0--bind\0/' } }],
    ['a session with a model that the manifest does not name', { models: ['eu.model-1:0'] }],
    ['no session with a model that the manifest names', { predicate: { secrets: ['model:eu.model-1:0'] } }],
    ['a weaker isolation than was signed', { predicate: { isolation: 'bubblewrap' } }],
    [
      'an input that was not signed',
      {
        tamper: (draft) => {
          draft.inputs.push({ key: 'extra', sha256: digestOf(''), sizeBytes: 0 });
        },
      },
    ],
    [
      'a source that was not signed',
      {
        tamper: (draft) => {
          draft.source = { sha256: digestOf(''), sizeBytes: 0, commit: 'd'.repeat(40) };
        },
      },
    ],
    [
      'a manifest that a stranger signed',
      {
        tamper: (draft) => {
          draft.manifest = resigned(draft.manifest.payload);
        },
      },
    ],
    [
      'an altered payload',
      {
        tamper: (draft) => {
          draft.manifest = { ...draft.manifest, payload: altered(draft.manifest.payload) };
        },
      },
    ],
    [
      'a lease with an unknown key',
      {
        tamper: (draft) => {
          Object.assign(draft, { more: true });
        },
      },
    ],
  ] as [string, Partial<AttemptSpec>][]) {
    it(title, async () => {
      const end = await places.bed.run({ pipeline: pipeline(), ...spec });
      assert.equal(end.notice.exit, WORKER_EXIT.contractError);
      assert.match(end.notice.detail, /LEASE_INVALID/);
      assert.equal(end.result, null);
      assert.equal(existsSync(touched()), false);
    });
  }

  for (const [title, text] of [
    ['other bytes of the same length', 'swapped'],
    ['more bytes', 'genuine and more'],
    ['fewer bytes', 'gen'],
  ] as const) {
    it(`an input that arrives as ${title}`, async () => {
      const end = await places.bed.run({
        pipeline: pipeline(),
        inputs: { data: 'genuine' },
        spoofedInputs: { data: text },
      });
      assert.deepEqual([end.result?.outcome, end.result?.reason], ['contract_error', 'input_mismatch']);
      assert.equal(end.notice.exit, WORKER_EXIT.contractError);
      assert.equal(existsSync(touched()), false);
    });
  }

  it('and the same job runs when nothing was altered', async () => {
    const end = await places.bed.run({ pipeline: pipeline() });
    assert.equal(end.result?.outcome, 'succeeded');
    assert.equal(existsSync(touched()), true);
  });
});

it('worker: leaves no attempt directory behind', () => {
  assert.deepEqual(places.bed.leftovers(), []);
});

function resigned(payload: string): ReturnType<typeof signed> {
  return signed(JSON.parse(Buffer.from(payload, 'base64').toString()), testKey());
}

function altered(payload: string): string {
  return Buffer.from(Buffer.from(payload, 'base64').toString().replace('"attempt":1', '"attempt":2')).toString(
    'base64',
  );
}
