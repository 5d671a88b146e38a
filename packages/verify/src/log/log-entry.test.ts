import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EvidenceError } from '../evidence-error.ts';
import { type LogEntry, requireLogEntry } from './log-entry.ts';

const frame = { v: 1, origin: 'log.example', at: '2026-11-21T05:00:00.000Z' } as const;
const run = { ...frame, runSeq: 0, run: 'ab'.repeat(16) } as const;
const digest = `sha256:${'cd'.repeat(32)}` as const;
const key = { ...frame, use: 'attest', keyid: 'ef'.repeat(32), note: 'a note\n' } as const;

const ENTRIES: LogEntry[] = [
  { ...run, type: 'run.opened', event: digest },
  { ...run, type: 'run.checkpoint', size: 100, root: digest },
  { ...run, type: 'run.sealed', size: 100, root: digest, seal: digest },
  { ...run, type: 'run.aborted', size: 0, root: digest, reason: 'store_lost' },
  { ...run, type: 'run.addendum', kind: 'late-result', object: digest, attempt: 'ab'.repeat(16) },
  { ...run, type: 'run.addendum', kind: 'late-stop', object: null },
  { ...key, type: 'key.added', alg: 'ecdsa-p256-sha256', spki: `${'A'.repeat(122)}==`, from: 0 },
  { ...key, type: 'key.retired', to: 9 },
  { ...key, type: 'key.revoked', to: 9, reason: 'leaked' },
  { ...frame, type: 'policy.changed', policy: digest },
  {
    ...frame,
    type: 'anchor.receipt',
    size: 5,
    object: digest,
    key: 'checkpoints/00000000000000000005',
    version: null,
    lockedUntil: frame.at,
  },
  { ...frame, type: 'heartbeat', open: 0 },
];

for (const entry of ENTRIES) {
  test(`requireLogEntry: ${entry.type} needs each of its keys and takes no other`, () => {
    assert.equal(requireLogEntry(entry), entry);
    assert.throws(() => requireLogEntry({ ...entry, extra: 1 }), EvidenceError);
    for (const name of Object.keys(entry)) {
      const { [name as keyof LogEntry]: _gone, ...rest } = entry;
      if (name !== 'attempt') assert.throws(() => requireLogEntry(rest), EvidenceError, name);
      assert.throws(() => requireLogEntry({ ...entry, [name]: {} }), EvidenceError, name);
    }
  });
}

test('requireLogEntry: an entry of another type is refused', () => {
  for (const type of ['run.forgotten', '', 'toString', undefined]) {
    assert.throws(() => requireLogEntry({ ...run, type, event: digest }), EvidenceError, String(type));
  }
});
