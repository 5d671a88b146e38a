/** The pages about formats name the keys that are signed and the events that are sealed: all of them, and no other. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Lease } from '#core/mailbox-protocol.ts';
import type { EventType } from '../../packages/verify/src/record/events.ts';
import type { DispatchPredicate } from '../../packages/verify/src/record/statement.ts';

/** Whoever adds a key has to add it here, or this is no value of its type. */
type KeysOf<T> = { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? 'optional' : 'required' };

const MANIFEST: KeysOf<DispatchPredicate> = {
  origin: 'required',
  run: 'required',
  item: 'required',
  attempt: 'required',
  attemptId: 'required',
  epoch: 'required',
  nonce: 'required',
  issuedAt: 'required',
  expiresAt: 'required',
  plan: 'required',
  spec: 'required',
  job: 'required',
  source: 'required',
  inputs: 'required',
  locks: 'required',
  isolation: 'required',
  executable: 'required',
  reads: 'optional',
  secrets: 'optional',
  timeoutMs: 'required',
};

const LEASE: KeysOf<Lease> = {
  v: 'required',
  attemptId: 'required',
  manifest: 'required',
  job: 'required',
  inputs: 'required',
  source: 'optional',
  put: 'required',
  channel: 'optional',
  heartbeatMs: 'required',
  expiresAt: 'required',
  cancel: 'required',
  next: 'required',
};

const EVENTS: Record<EventType, true> = {
  'run.opened': true,
  'run.planned': true,
  'items.spawned': true,
  'run.extended': true,
  'item.decided': true,
  'item.suspended': true,
  'item.reused': true,
  'item.ready': true,
  'attempt.claimed': true,
  'attempt.dispatched': true,
  'secrets.released': true,
  'attempt.settled': true,
  'cap.reached': true,
  'intents.judged': true,
  'item.closed': true,
  'item.reopened': true,
  'control.accepted': true,
  'run.stopping': true,
  'run.completed': true,
};

function page(name: string): string {
  return readFileSync(join(import.meta.dirname, '../../docs/formats', name), 'utf8');
}

/** What stands between two texts, without them. */
function between(text: string, from: string, to: string): string {
  const begin = text.indexOf(from);
  const end = text.indexOf(to, begin + from.length);
  assert.ok(begin >= 0 && end >= 0, `${from} is not there any more`);
  return text.slice(begin + from.length, end);
}

function sorted(entries: readonly string[][]): string[][] {
  return [...entries].sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

test('docs: the page of the manifest lists every key that is signed, and no other', () => {
  const table = between(page('manifest.md'), 'has exactly these keys:', 'The event ');
  const rows = [...table.matchAll(/^\| (\*optional\* )?(`\w+`(?:, `\w+`)*) \|/gm)];
  const listed = rows.flatMap(([, optional, keys = '']) =>
    keys.split(', ').map((key) => [key.slice(1, -1), optional === undefined ? 'required' : 'optional']),
  );
  assert.deepEqual(sorted(listed), sorted(Object.entries(MANIFEST)));
});

test('docs: the page of the mailbox lists every key of a lease, and no other', () => {
  const said = between(page('mailbox.md'), '## Lease\n\n`{', '}`.');
  const flat = said.replaceAll(/:\[?\{[^}]*\}\]?|:1/g, '').split(/,\s+/);
  const listed = flat.map((key) => [key.replace('?', ''), key.endsWith('?') ? 'optional' : 'required']);
  assert.deepEqual(sorted(listed), sorted(Object.entries(LEASE)));
});

test('docs: the page of events lists every type, and no other', () => {
  const table = between(page('events.md'), '## Types', '\n- ');
  const listed = [...table.matchAll(/^\| `([a-z.]+)` \|/gm)].map(([, type = '']) => type);
  assert.deepEqual(listed.sort(), Object.keys(EVENTS).sort());
});
