/** What a worker showed of its log while it ran is no part of the record, whatever it was and however the attempt ends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import type { Result } from '#core/mailbox-protocol.ts';
import type { FlowBed } from '../support/embedded-flow.ts';
import { finished, SUCCEEDED, withBed } from '../support/finished-run.ts';
import { runOf } from '../support/run-spec.ts';

const SHOWN = 'what was shown';

async function* shown(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(SHOWN);
}

/** A worker that has shown something, and whose result says that of its log. */
function showing(change: (result: Result) => Result): (deps: FlowBed['deps']) => FlowBed['deps'] {
  return (deps) => ({
    ...deps,
    mailbox: {
      ...deps.mailbox,
      openLog: async () => shown(),
      async staged(attemptId) {
        const staged = await deps.mailbox.staged(attemptId);
        if (staged.result === null) return staged;
        const result = change(JSON.parse(Buffer.from(staged.result).toString()) as Result);
        return { ...staged, result: Buffer.from(canonicalize(result)) };
      },
    },
  });
}

async function recordedLogs(change: (result: Result) => Result): Promise<string[]> {
  let logs: string[] = [];
  await withBed({ execute: () => SUCCEEDED, adapt: showing(change) }, async (bed) => {
    bed.submit('s', runOf([{ id: 'one' }]));
    const outputs = (await finished(bed, 's')).item('one')?.attempts.at(-1)?.outputs ?? [];
    logs = outputs.filter(({ kind }) => kind === 'log').map(({ sha256 }) => sha256);
  });
  return logs;
}

const claim = (text: string): Result['log'] => ({
  sha256: digestOf(text),
  sizeBytes: Buffer.byteLength(text),
  truncated: false,
});

describe('a log that was shown:', () => {
  it('is not kept where the result names none', async () => {
    assert.deepEqual(await recordedLogs((result) => ({ ...result, log: null })), []);
  });

  it('is not kept where another one travels in the result', async () => {
    const inline = { log: Buffer.from('kept').toString('base64') };
    assert.deepEqual(await recordedLogs((result) => ({ ...result, log: claim('kept'), inline })), [digestOf('kept')]);
  });

  it('is the one that is kept only where the result names its very bytes', async () => {
    assert.deepEqual(await recordedLogs((result) => ({ ...result, log: claim(SHOWN) })), [digestOf(SHOWN)]);
    assert.deepEqual(await recordedLogs((result) => ({ ...result, log: claim('other') })), []);
  });
});
