/** Secrets are given once, to an attempt that is at work, and to the key that asked first. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import type { Execution } from '#adapters/in-process/executor.ts';
import { createSecretVault, unavailable } from '#composition/secret-vault.ts';
import type { Result } from '#core/mailbox-protocol.ts';
import { type AttemptRow, keys } from '#core/rows.ts';
import { parseAnswer } from '#core/sealed-secrets.ts';
import { release, type SecretKeeping } from '#flow/release.ts';
import type { Mailbox } from '#ports/mailbox.ts';
import { createAttemptKey } from '../../worker-image/src/sealed-box.ts';
import type { FlowBed, FlowBedOptions } from '../support/embedded-flow.ts';
import { FAILED, finished, Gate, inState, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { flowOn } from '../support/flow-on.ts';
import { cancelOf } from '../support/run-spec.ts';
import { eventsOf } from '../support/sealed-events.ts';

const SECRET = 'correct horse battery';
const KEPT: ReadonlySet<string> = new Set(['token', 'key']);

const runOf = (secrets: object, more: object = {}): object => ({
  apiVersion: 'waybill/v1',
  kind: 'Run',
  metadata: { name: 'secrets' },
  spec: { items: [{ id: 'one', pipeline: [{ block: 'script', run: 'true', secrets }], ...more }] },
});

interface Asked extends SecretKeeping {
  key: string | null;
  answers: string[];
  /** An answer of the kind gets lost on its way. */
  losing: boolean;
  /** Names of what was read, as often as it was. */
  read: string[];
}

function keeping(): Asked {
  const asked: Asked = {
    key: null,
    answers: [],
    losing: false,
    read: [],
    vault: createSecretVault(async (name) => {
      asked.read.push(name);
      if (name !== 'token') throw unavailable(name, 'is not there', 'Set it.');
      return Buffer.from(SECRET);
    }),
    channel: {
      asked: async () => asked.key,
      async answer(_attemptId, sealed) {
        if (asked.losing) throw new RangeError('cut off');
        asked.answers.push(sealed);
        return true;
      },
    },
  };
  return asked;
}

interface Work {
  secrets?: object;
  /** What its worker says at its end. */
  execution?: Execution;
  adapt?: NonNullable<FlowBedOptions['adapt']>;
}

async function atWork(
  use: (bed: FlowBed, run: string, attempt: string, gate: Gate) => Promise<void>,
  { secrets = { TOKEN: 'token' }, execution = SUCCEEDED, adapt = (deps) => deps }: Work = {},
): Promise<void> {
  const gate = new Gate();
  const options: FlowBedOptions = {
    execute: async () => {
      await gate.opened;
      return execution;
    },
    adapt: (deps) =>
      adapt({
        ...deps,
        worker: { ...deps.worker, isolation: 'bubblewrap', executable: digestOf('the worker'), givesSecrets: true },
      }),
  };
  await withBed(options, async (bed) => {
    const run = bed.submit('s', runOf(secrets));
    await inState(bed, run, 'one', 'running');
    const attempt = (await bed.itemRow(run, 'one'))?.attempts[0]?.id ?? '';
    await bed.until(async () => (await bed.row<AttemptRow>(keys.attempt(attempt)))?.state === 'dispatched');
    await use(bed, run, attempt, gate);
  });
}

/** Its worker says this instead. */
function saying(deps: FlowBed['deps'], lie: Partial<Result>): FlowBed['deps'] {
  const staged: Mailbox['staged'] = async (attemptId) => {
    const found = await deps.mailbox.staged(attemptId);
    if (found.result === null) return found;
    const said = { ...(JSON.parse(Buffer.from(found.result).toString()) as Result), ...lie };
    return { ...found, result: Buffer.from(canonicalize(said)) };
  };
  return { ...deps, mailbox: { ...deps.mailbox, staged } };
}

describe('flow: release', () => {
  it('what an attempt names is sealed to its key, and recorded by name before anybody can read it', async () => {
    await atWork(async (bed, _run, attempt, gate) => {
      const [own, kept] = [createAttemptKey(), keeping()];
      await release(flowOn(bed), kept, attempt);
      assert.deepEqual(kept.answers, [], 'nobody has asked');
      kept.key = own.key;
      kept.losing = true;
      await assert.rejects(release(flowOn(bed), kept, attempt));
      kept.losing = false;
      await release(flowOn(bed), kept, attempt);
      const answer = parseAnswer(Buffer.from(kept.answers[0] ?? ''));
      assert.ok('sealed' in answer);
      const { manifest } = (await bed.row<AttemptRow>(keys.attempt(attempt))) ?? {};
      const to = { attemptId: attempt, epoch: 1, manifest: manifest?.payload ?? digestOf('') };
      assert.deepEqual([...own.open(answer, to)], [['token', SECRET]]);
      for (const other of [
        { ...to, epoch: 2 },
        { ...to, attemptId: 'e'.repeat(32) },
        { ...to, manifest: digestOf('another') },
      ])
        assert.throws(() => own.open(answer, other), { code: 'LEASE_INVALID' });
      assert.throws(() => createAttemptKey().open(answer, to), { code: 'LEASE_INVALID' });
      gate.open();
      const { events } = await finished(bed, 's');
      assert.deepEqual(
        eventsOf(events, 'secrets.released').map(({ data }) => data),
        [{ attempt: 1, id: attempt, item: 'one', secrets: ['token'] }],
      );
      assert.ok(!JSON.stringify(events).includes(SECRET));
    });
  });

  it('a second key of the attempt gets nothing, and nothing is read for it', async () => {
    await atWork(async (bed, _run, attempt, gate) => {
      const kept = keeping();
      const [first, second] = [createAttemptKey(), createAttemptKey()];
      for (const { key } of [first, second]) {
        kept.key = key;
        await release(flowOn(bed), kept, attempt);
      }
      assert.deepEqual([kept.answers.length, kept.read], [1, ['token']]);
      kept.key = first.key;
      await release(flowOn(bed), kept, attempt);
      assert.deepEqual([kept.answers.length, kept.read], [2, ['token', 'token']], 'the first one again');
      gate.open();
      await finished(bed, 's');
    });
  });

  it('a key to which nothing can be sealed gets nothing, and breaks nothing', async () => {
    await atWork(async (bed, _run, attempt, gate) => {
      const kept = keeping();
      kept.key = Buffer.alloc(32).toString('base64');
      await release(flowOn(bed), kept, attempt);
      assert.deepEqual(kept.answers, []);
      const { key } = createAttemptKey();
      kept.key = key;
      await release(flowOn(bed), kept, attempt);
      assert.equal(kept.answers.length, 1, 'it was not counted as the first');
      gate.open();
      await finished(bed, 's');
    });
  });

  it('an attempt that was told to stop, and one that is over, gets nothing', async () => {
    await atWork(async (bed, run, attempt, gate) => {
      const kept = { ...keeping(), key: createAttemptKey().key };
      kept.channel = { ...kept.channel, asked: async () => kept.key };
      bed.control('c', cancelOf(run, 'one'));
      await bed.until(async () => (await bed.row<AttemptRow>(keys.attempt(attempt)))?.cancel !== undefined);
      await release(flowOn(bed), kept, attempt);
      gate.open();
      const { events } = await finished(bed, 's');
      await release(flowOn(bed), kept, attempt);
      assert.deepEqual(kept.answers, []);
      assert.deepEqual(eventsOf(events, 'secrets.released'), []);
    });
  });

  it('one that is not kept is said to be missing, and nothing else is given', async () => {
    await atWork(
      async (bed, _run, attempt, gate) => {
        const kept = keeping();
        kept.key = createAttemptKey().key;
        await release(flowOn(bed), kept, attempt);
        const answer = parseAnswer(Buffer.from(kept.answers[0] ?? ''));
        assert.ok('unavailable' in answer && /secret other is not there/.test(answer.unavailable));
        gate.open();
        const { events, states } = await finished(bed, 's');
        assert.deepEqual(eventsOf(events, 'secrets.released'), []);
        assert.deepEqual(states, { one: 'failed' }, 'whatever its worker says');
      },
      { secrets: { TOKEN: 'token', OTHER: 'other' } },
    );
  });

  for (const [outcome, execution, path] of [
    ['succeeded', SUCCEEDED, 'result.outcome'],
    ['failed', FAILED, 'result.blocks'],
  ] as const) {
    it(`a result of what was given none is refused where it says that it ran and ${outcome}, and the run goes on`, async () => {
      await atWork(
        async (bed, _run, attempt, gate) => {
          gate.open();
          const { events, states, item } = await finished(bed, 's');
          const { data } = eventsOf(events, 'attempt.settled')[0] ?? assert.fail();
          assert.deepEqual([data.outcome, data.reason, data.next], ['contract_error', 'result_invalid', 'failed']);
          assert.deepEqual(data.claimed, { blocks: [] });
          assert.deepEqual(states, { one: 'failed' });
          const detail = item('one')?.detail ?? '';
          assert.match(
            detail,
            new RegExp(`${path.replace('.', '\\.')}: it says that something ran, .* Ask for them by`),
          );
          assert.equal((await bed.row<AttemptRow>(keys.attempt(attempt)))?.state, 'settled');
        },
        { execution },
      );
    });
  }

  const [startedAt, endedAt] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z'];
  const tokens = { inputTokens: 9, outputTokens: 9, cachedTokens: 0 };
  const lies: Partial<Result>[] = [
    { reason: 'setup_failed', exit: 3, setup: [{ capability: 'lint', exit: 3, startedAt, endedAt }] },
    { usage: [{ block: 0, requested: 'm', ...tokens }] },
    { usageUnread: true, usageProblem: 'it is no JSON' },
    { excluded: ['core'] },
    { outcome: 'deferred', reason: 'needs_input', exit: 20, question: 'Which?' },
  ];
  const checkpoint = Buffer.from('so far');
  const leaving: [string, Partial<Result>, Execution][] = [
    ['outputs', {}, { ...FAILED, outputs: { v: checkpoint } }],
    ['outputs', {}, { outcome: 'deferred', reason: 'turn_limit', exit: 57, checkpoint }],
    ...lies.map((lie): [string, Partial<Result>, Execution] => [Object.keys(lie).at(-1) ?? '', lie, FAILED]),
  ];
  for (const [part, lie, execution] of leaving) {
    it(`a result of what was given none, with no block and with ${part} of ${lie.outcome ?? execution.outcome}, is refused and charged nothing`, async () => {
      await atWork(
        async (bed, _run, _attempt, gate) => {
          gate.open();
          const { events, item } = await finished(bed, 's');
          const { data } = eventsOf(events, 'attempt.settled')[0] ?? assert.fail();
          assert.deepEqual(
            [data.reason, data.next, data.question, data.cost],
            ['result_invalid', 'failed', undefined, undefined],
          );
          assert.deepEqual([data.claimed, data.outputs, data.checkpoint], [{ blocks: [] }, [], undefined]);
          assert.match(
            item('one')?.detail ?? '',
            new RegExp(`result\\.${part.replace('usageProblem', 'usageUnread')}: it says`),
          );
        },
        { execution, adapt: (deps) => saying(deps, { blocks: [], ...lie }) },
      );
    });
  }

  it('what a worker that was given none says of itself is taken: why it ran nothing, and its log', async () => {
    const execution: Execution = { outcome: 'failed', reason: 'secrets_withheld' };
    const log = Buffer.from('nobody answered');
    const inline = { log: log.toString('base64') };
    const named = { sha256: digestOf(log), sizeBytes: log.byteLength, truncated: false };
    await atWork(
      async (bed, _run, _attempt, gate) => {
        gate.open();
        const { data } = eventsOf((await finished(bed, 's')).events, 'attempt.settled')[0] ?? assert.fail();
        assert.deepEqual([data.reason, data.outputs.map(({ kind }) => kind)], ['secrets_withheld', ['log']]);
      },
      { execution, adapt: (deps) => saying(deps, { blocks: [], log: named, inline }) },
    );
  });

  it('a result that comes as the secrets are given is read against the row that says so', async () => {
    const kept = { ...keeping(), key: createAttemptKey().key };
    kept.channel = { ...kept.channel, asked: async () => kept.key };
    let ask = async (): Promise<void> => {};
    await atWork(
      async (bed, _run, attempt, gate) => {
        ask = () => release(flowOn(bed), kept, attempt);
        gate.open();
        const { states } = await finished(bed, 's');
        assert.deepEqual(states, { one: 'done' });
      },
      {
        adapt: (deps) => {
          // Whoever settles has read the row by now, and has not seen the result.
          const staged: Mailbox['staged'] = async (attemptId, what) => {
            const found = await deps.mailbox.staged(attemptId, what);
            if (found.result !== null) await ask();
            return found;
          };
          return { ...deps, mailbox: { ...deps.mailbox, staged } };
        },
      },
    );
  });

  it('a run that names secrets is refused where nobody gives any, and so is a pure item that does', async () => {
    await withBed({ execute: () => SUCCEEDED }, async (bed) => {
      bed.submit('s', runOf({ TOKEN: 'token' }));
      bed.submit('p', runOf({ TOKEN: 'token' }, { effect: 'pure' }));
      const refusal = async (id: string): Promise<string[]> => {
        const { reasons } = await bed.until(() => bed.receipts(id)[0]);
        return reasons.map(({ code, path }) => `${code} ${path}`);
      };
      assert.deepEqual(await refusal('s'), ['ISOLATION_REQUIRED spec.items[0].pipeline']);
      assert.deepEqual(await refusal('p'), ['SPEC_INVALID spec.items[0].pipeline[0].secrets']);
    });
  });

  it('a run that names secrets that the deployment lacks is refused, each with the place that names it first', async () => {
    const adapt: FlowBedOptions['adapt'] = (deps) => ({
      ...deps,
      worker: { ...deps.worker, isolation: 'bubblewrap', executable: digestOf('the worker'), givesSecrets: KEPT },
    });
    await withBed({ execute: () => SUCCEEDED, adapt }, async (bed) => {
      const answered = (id: string) => bed.until(() => bed.receipts(id)[0]);
      bed.submit('s', runOf({ TOKEN: 'token', FILE: { file: 'lost' }, AGAIN: 'lost', OTHER: 'other' }));
      const { status, reasons } = await answered('s');
      assert.equal(status, 'invalid');
      assert.deepEqual(reasons, [
        {
          code: 'SECRET_UNAVAILABLE',
          path: 'spec.items[0].pipeline[0].secrets.FILE',
          problem: 'this deployment keeps no secret "lost"',
          // None that it keeps is told: they may be another's.
          fix: 'Have it added.',
        },
        {
          code: 'SECRET_UNAVAILABLE',
          path: 'spec.items[0].pipeline[0].secrets.OTHER',
          problem: 'this deployment keeps no secret "other"',
          fix: 'Have it added.',
        },
      ]);
      bed.submit('k', runOf({ TOKEN: 'token', KEY: { file: 'key' } }));
      assert.equal((await answered('k')).status, 'accepted');
    });
  });
});
