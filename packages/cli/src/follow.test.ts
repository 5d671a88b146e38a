import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RunStatus, Transport } from '@waybill/client';
import { at, DONE, FAILED, LOCKED, PENDING, RUNNING, runOf } from '../test/run-sample.ts';
import { scratch } from '../test/scratch.ts';
import { guardEngine } from './engine-guard.ts';
import { type Followed, type Following, followRun } from './follow.ts';
import { StateDirectory } from './state-directory.ts';
import { Terminal } from './terminal.ts';

const REF = { principal: 'uid-0', submissionId: 'nightly-1' };
const SEALED = { state: 'failed', completedAt: at(9), sealedAt: at(9) } as const;

/** Shows the statuses one after another; after the last one nothing changes any more. */
function scripted(statuses: readonly RunStatus[]): Transport {
  let next = 0;
  const transport: Pick<Transport, 'principal' | 'readStatus' | 'changes'> = {
    principal: REF.principal,
    readStatus: async () => statuses[Math.min(next++, statuses.length - 1)] ?? null,
    changes: async function* (_ref, signal) {
      while (!signal.aborted) {
        yield;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
  return transport as Transport;
}

interface Stage {
  follow: (statuses: readonly RunStatus[], rest?: Partial<Following>) => Promise<Followed>;
  home: StateDirectory;
  written: () => string;
}

/** A directory that an engine seems to work on: this process. */
function stage(t: TestContext, json = false): Stage {
  const home = new StateDirectory(join(scratch(t), 'state'));
  mkdirSync(home.path);
  const startedAt = new Date().toISOString();
  writeFileSync(home.at('engine.json'), JSON.stringify({ pid: process.pid, startedAt, ready: true }));
  let text = '';
  const sink = {
    write: (chunk: string | Uint8Array): boolean => {
      text += String(chunk);
      return true;
    },
  };
  const terminal = new Terminal({ out: sink, err: sink, env: {}, json, plain: !json });
  return {
    home,
    written: () => text,
    follow: (statuses, rest = {}) =>
      followRun(REF, {
        terminal,
        transport: scripted(statuses),
        guard: (signal) => guardEngine(home, { env: {} }, signal),
        depths: new Map(),
        interruption: new AbortController().signal,
        ...rest,
      }),
  };
}

test('follow: it ends with the sealed run, and says each change once', async (t) => {
  const { follow, written } = stage(t);
  const { run, interrupted } = await follow([
    runOf([RUNNING, PENDING]),
    runOf([RUNNING, PENDING]),
    runOf([{ ...RUNNING, state: 'done' }, FAILED], SEALED),
  ]);
  assert.deepEqual([run?.state, interrupted], ['failed', false]);
  const seen = written()
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ +/).slice(3, 5).join(' '));
  assert.deepEqual(seen, ['edit-b running', 'edit-b done', 'lint failed']);
});

test('follow: a run that has ended is not left before it is sealed', async (t) => {
  const { follow } = stage(t);
  const { sealedAt, ...ended } = SEALED;
  const { run } = await follow([runOf([FAILED], ended), runOf([FAILED], { ...ended, sealedAt })]);
  assert.equal(run?.sealedAt, at(9));
});

test('follow: for programs each change is one line of JSON', async (t) => {
  const { follow, written } = stage(t, true);
  await follow([runOf([DONE, LOCKED], SEALED)]);
  const lines = written()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ type, item, state, attempt }) => [type, item, state, attempt]),
    [
      ['item', 'edit-a', 'done', 2],
      ['item', 'edit-c', 'ready', undefined],
    ],
  );
});

test('follow: an interruption leaves the run alone and gives back what was seen', async (t) => {
  const { follow } = stage(t);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  const { run, interrupted } = await follow([runOf([RUNNING])], { interruption: controller.signal });
  assert.deepEqual([run?.state, interrupted], ['running', true]);
});

test('follow: an engine that is gone and cannot be started again ends the watch with its log', async (t) => {
  const { follow, home } = stage(t);
  const broken = home.at('broken.mjs');
  writeFileSync(broken, `console.error('no room left'); process.exit(70);`);
  writeFileSync(home.at('engine.json'), '{}');
  const env = { ...process.env, WAYBILL_ENGINE: broken };
  const guard = (signal: AbortSignal): Promise<void> => guardEngine(home, { env }, signal);
  await assert.rejects(follow([runOf([RUNNING])], { guard }), /no room left/);
});
