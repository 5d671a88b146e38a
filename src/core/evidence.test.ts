import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalize, NO_COUNTS, parseCanonical } from '@waybill/verify';
import { eventLine, hexOf, isoTime, openedEntry, sealStatement, unplacedEvent, unplacedLine } from './evidence.ts';
import type { RunRow } from './rows.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const RUN: RunRow = {
  name: 'n',
  queue: 'q',
  principal: 'uid-1',
  submissionId: 's',
  submission: DIGEST,
  plan: DIGEST,
  source: { kind: 'none' },
  items: 1,
  state: 'done',
  admittedAtMs: 0,
  openedAtMs: 0,
  completedAtMs: 1_500,
  runSeq: 0,
  openedIndex: 4,
};
const FACTS = { origin: 'o', run: 'r', row: RUN, size: 6, root: DIGEST, counts: NO_COUNTS, sealedAtMs: 2_000 };

describe('evidence', () => {
  it('times are ISO-8601 in UTC with milliseconds', () => {
    assert.equal(isoTime(1_500), '1970-01-01T00:00:01.500Z');
  });

  it('an event line is canonical at any place, and holds exactly its eight keys', () => {
    // Names that look like the place must not be taken for it.
    const event = { type: 'item.ready' as const, data: { items: ['"seq":0', ',"type":"item.ready","v":1}'] } };
    const unplaced = unplacedLine(unplacedEvent('o', 'r', { atMs: 0, salt: '0'.repeat(32), event }));
    for (const seq of [0, 3, Number.MAX_SAFE_INTEGER]) {
      const line = eventLine(unplaced, seq);
      const parsed = parseCanonical(new TextEncoder().encode(line)) as { seq: number };
      assert.deepEqual(Object.keys(parsed).sort(), ['at', 'data', 'origin', 'run', 'salt', 'seq', 'type', 'v']);
      assert.equal(parsed.seq, seq);
      assert.equal(canonicalize(parsed), line);
    }
  });

  it('the seal says when the run completed, where it opened, and its root twice', () => {
    const seal = JSON.parse(sealStatement(FACTS));
    assert.equal(seal.subject[0].digest.sha256, 'a'.repeat(64));
    assert.equal(seal.predicate.root, DIGEST);
    assert.deepEqual([seal.predicate.completedAt, seal.predicate.openedIndex], ['1970-01-01T00:00:01.500Z', 4]);
  });

  it('a run that has not ended, or is not in the log, is never sealed', () => {
    const { openedIndex: _openedIndex, ...unentered } = RUN;
    const { completedAtMs: _completedAtMs, ...open } = RUN;
    for (const row of [unentered, open, { ...RUN, state: 'running' as const }]) {
      assert.throws(() => sealStatement({ ...FACTS, row }), RangeError);
    }
  });

  it('bytes are lowercase hex, and a log entry names the leaf of event 0', () => {
    assert.equal(hexOf(Uint8Array.of(0, 10, 255)), '000aff');
    assert.equal((openedEntry('o', 'r', 2, 'ab', 0) as { event: string }).event, 'sha256:ab');
  });
});
