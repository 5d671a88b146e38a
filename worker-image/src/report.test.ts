import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalize, digestOf } from '@waybill/verify';
import { MAX_INLINE_BYTES, MAX_LADEN_RESULT_BYTES, MAX_RESULT_BYTES, type Result } from '#core/mailbox-protocol.ts';
import { parseResult } from '#core/result-document.ts';
import { describeFile } from './captured-file.ts';
import { createLogFile } from './log-file.ts';
import { report } from './report.ts';

interface Reported {
  result: Result;
  sizeBytes: number;
  /** Objects beside the result, in their order. */
  staged: string[];
}

/** What an attempt reports that leaves one output and a log of these sizes, and a list of as many characters. */
async function reported(outputBytes: number, logBytes: number, excludedBytes: number): Promise<Reported> {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-report-'));
  try {
    const file = join(directory, 'output');
    writeFileSync(file, 'x'.repeat(outputBytes));
    const log = createLogFile(join(directory, 'log'), 1_000_000);
    log.write('y'.repeat(logBytes));
    const staged: string[] = [];
    let bytes: Uint8Array = new Uint8Array();
    await report(
      async (object, body) => {
        staged.push(object);
        if (object !== 'result') return;
        const parts: Uint8Array[] = [];
        for await (const part of body.open()) parts.push(part);
        bytes = Buffer.concat(parts);
      },
      { attemptId: 'a'.repeat(32), epoch: 1, worker: digestOf('worker') },
      {
        ...{ outcome: 'succeeded', reason: 'ok', exit: 0, blocks: [], patch: null, checkpoint: null, usage: [] },
        outputs: [await describeFile('outputs/made', 'output', file)],
        excluded: paths(excludedBytes),
      },
      log,
    );
    log.close();
    assert.equal(staged.pop(), 'result', 'last');
    return { result: parseResult(bytes), sizeBytes: bytes.byteLength, staged };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function paths(bytes: number): string[] {
  const whole = Array<string>(Math.floor(bytes / 1_000)).fill('p'.repeat(1_000));
  return bytes % 1_000 === 0 ? whole : [...whole, 'q'.repeat(bytes % 1_000)];
}

/** How many characters of a list make a result of exactly that size. */
async function listFor(sizeBytes: number, outputBytes: number, logBytes: number): Promise<number> {
  const start = 60_000;
  const lack = sizeBytes - (await reported(outputBytes, logBytes, start)).sizeBytes;
  const length = (bytes: number): number => canonicalize(paths(bytes)).length;
  for (let more = Math.max(0, lack - 500); ; more += 1) {
    const grown = length(start + more) - length(start);
    if (grown >= lack) return start + more - (grown - lack);
  }
}

const travelling = ({ result }: Reported): string[] => Object.keys(result.inline ?? {});

test('report: what is small travels in the result, up to its limit, and what is larger is staged', async () => {
  const small = await reported(10, MAX_INLINE_BYTES, 0);
  assert.deepEqual([travelling(small), small.staged], [['outputs', 'log'], []]);
  const large = await reported(MAX_INLINE_BYTES, MAX_INLINE_BYTES + 1, 0);
  assert.deepEqual([travelling(large), large.staged], [[], ['outputs', 'log']]);
});

test('report: a result is laden up to its limit and not by a byte more, whatever else it says', async () => {
  const sizes = [20_000, 30_000] as const;
  const list = await listFor(MAX_LADEN_RESULT_BYTES, ...sizes);
  const full = await reported(...sizes, list);
  assert.deepEqual([full.sizeBytes, travelling(full), full.staged], [MAX_LADEN_RESULT_BYTES, ['outputs', 'log'], []]);
  const more = await reported(...sizes, list + 1);
  assert.deepEqual([travelling(more), more.staged], [['outputs'], ['log']]);
  const most = await reported(...sizes, MAX_LADEN_RESULT_BYTES - 10_000);
  assert.deepEqual([travelling(most), most.staged], [[], ['outputs', 'log']]);
  assert.ok(most.sizeBytes < MAX_RESULT_BYTES);
});
