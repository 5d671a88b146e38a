import assert from 'node:assert/strict';
import { test } from 'node:test';
import { main } from '../../packages/verify/src/bin.ts';
import { verifyBundle } from '../../packages/verify/src/index.ts';
import { DEFAULT_LIMITS, type ReadLimits } from '../../packages/verify/src/record/read-limits.ts';
import { noteOf } from './auditor-material.ts';
import { bundleLines, trustFile } from './honest-bundle.ts';

const TSR = Buffer.alloc(300, 1);
const LINES = withTime(bundleLines());

function withTime(lines: readonly string[]): string[] {
  const all = [...lines.slice(0, -1), `{"record":"time","tsr":"${TSR.toString('base64')}"}`];
  return [...all, `{"end":{"lines":${all.length}}}`];
}

function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function nodesOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return 1 + Object.values(value).reduce((sum: number, child) => sum + nodesOf(child), 0);
}

/** Every line and every payload: each is a document of its own. */
const DOCUMENTS: unknown[] = LINES.flatMap((line) => {
  const value = JSON.parse(line) as { payload?: string; dsse?: { payload: string } };
  const payload = value.payload ?? value.dsse?.payload;
  return payload === undefined ? [value] : [value, JSON.parse(Buffer.from(payload, 'base64').toString())];
});

const most = (numbers: readonly number[]): number => Math.max(...numbers);
const bytes = (lines: readonly string[]): number => most(lines.map((line) => Buffer.byteLength(line)));

/** The flag, the limit, what the bundle just needs, and the code below that. */
const NEEDED: readonly [flag: string, limit: keyof ReadLimits, needed: number, code: string][] = [
  ['max-file-bytes', 'fileBytes', bytesOf(LINES).length, 'LIMIT'],
  ['max-line-bytes', 'lineBytes', bytes(LINES), 'LIMIT'],
  ['max-event-bytes', 'eventBytes', bytes(LINES.filter((line) => line.includes('"seq":'))), 'LIMIT'],
  ['max-json-depth', 'jsonDepth', most(DOCUMENTS.map(depthOf)), 'JSON_LIMIT'],
  // Documents shorter than the limit are not counted.
  ['max-json-nodes', 'jsonNodes', most(DOCUMENTS.map(nodesOf)), 'JSON_LIMIT'],
  ['max-note-bytes', 'noteBytes', Buffer.byteLength(noteOf(LINES)), 'LIMIT'],
  ['max-proof-hashes', 'proofHashes', 3, 'LIMIT'],
  ['max-tsr-bytes', 'tsrBytes', TSR.length, 'LIMIT'],
];

test('limits: each of the format is one of these', () => {
  assert.deepEqual(NEEDED.map(([, limit]) => limit).toSorted(), Object.keys(DEFAULT_LIMITS).toSorted());
  const { eventBytes, lineBytes, jsonDepth, jsonNodes, fileBytes, noteBytes, proofHashes, tsrBytes } = DEFAULT_LIMITS;
  assert.deepEqual([eventBytes, lineBytes, jsonDepth, jsonNodes], [65_535, 1_048_576, 32, 200_000]);
  assert.deepEqual([fileBytes, noteBytes, proofHashes, tsrBytes], [1_073_741_824, 131_072, 64, 65_536]);
});

for (const [flag, limit, needed, code] of NEEDED) {
  test(`limits: ${limit} is exact: what fits is read, one less is exit 3`, async () => {
    const judge = async (most: number): Promise<[number, unknown]> => {
      const report = await verifyBundle([bytesOf(LINES)], { trust: trustFile(), limits: { [limit]: most } });
      return [report.exitCode, report.checks[0]?.code];
    };
    assert.deepEqual(await judge(needed), [0, null]);
    assert.deepEqual(await judge(needed - 1), [3, code]);
  });

  test(`limits: --${flag} sets it on the command line`, async () => {
    const run = async (value: string): Promise<number> => {
      const stdin = (async function* () {
        yield bytesOf(LINES);
      })();
      return main(['-', `--${flag}`, value], { out() {}, err() {}, stdin });
    };
    assert.equal(await run(String(needed)), 2, 'no keys, and else nothing to say against it');
    assert.equal(await run(String(needed - 1)), 3);
    for (const wrong of ['0', '-1', '1.5', 'x', '', '1e3', '99999999999999999'])
      assert.equal(await run(wrong), 4, wrong);
  });
}
