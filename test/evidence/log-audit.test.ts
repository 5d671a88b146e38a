/** The audit of a whole log: what is honest passes, and every lie is found under the code that it has to have. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditLog, type LogAuditOptions } from '../../packages/verify/src/audit/log-audit.ts';
import { LOG_FINDINGS, type LogFindingCode } from '../../packages/verify/src/audit/log-finding.ts';
import { type LogAuditReport, renderLogReport } from '../../packages/verify/src/audit/log-report.ts';
import { digest, newSigner, type Signer } from './naive-evidence.ts';
import {
  genesis,
  grown,
  keyAdded,
  keyRetired,
  keyRevoked,
  ledgerOf,
  lines,
  newKeyring,
  opened,
  pinned,
  runOf,
  START_MS,
  signedHead,
  sourceOf,
  timeAt,
} from './naive-ledger.ts';

const KEYS = newKeyring();
const { log: LOG, attest: ATTEST } = KEYS;
const NEXT_LOG = newSigner('ed25519');
const NEXT_ATTEST = newSigner('p256');
const SECOND_LOG = newSigner('p256');
const STRANGER = newSigner('ed25519');
const NOW_MS = START_MS + 60_000;

type Entries = ReturnType<typeof genesis>;

/** Two runs side by side, one sealed and added to, one aborted; a heartbeat and a receipt. */
function honestEntries(): Entries {
  return [
    ...genesis(KEYS),
    { type: 'policy.changed', policy: digest('settings') },
    opened(0),
    opened(1),
    grown(0, 4),
    grown(1, 3),
    grown(0, 9, 'run.sealed'),
    {
      type: 'run.addendum',
      runSeq: 0,
      run: runOf(0),
      kind: 'late-result',
      object: digest('late'),
      attempt: 'ab'.repeat(16),
    },
    grown(1, 5, 'run.aborted', { reason: 'store_lost' }),
    { type: 'heartbeat', open: 0 },
    opened(2),
  ];
}

interface Lie {
  entries?(entries: Entries): void;
  /** After the entries are written. */
  log?(log: string[]): void;
  /** By size. */
  heads?(heads: Map<number, string>, log: string[]): void;
  objects?(objects: Map<string, Buffer>): void;
  by?: readonly Signer[];
  options?: LogAuditOptions;
}

const HEADS = [5, 8] as const;

function build({
  entries: edit,
  log: editLog,
  heads: editHeads,
  objects: editObjects,
  by = [LOG],
}: Lie): Map<string, Buffer> {
  const entries = honestEntries();
  edit?.(entries);
  const log = lines(entries);
  editLog?.(log);
  const heads = new Map(
    [...HEADS, log.length].map((size) => [size, signedHead(log, size, size === log.length ? by : [LOG])]),
  );
  editHeads?.(heads, log);
  const objects = ledgerOf(log, heads);
  editObjects?.(objects);
  return objects;
}

function audit(lie: Lie = {}): Promise<LogAuditReport> {
  return auditLog(sourceOf(build(lie)), { trust: pinned(KEYS), nowMs: NOW_MS, ...lie.options });
}

function codesOf({ findings }: LogAuditReport): LogFindingCode[] {
  return [...new Set(findings.filter(({ kind }) => kind !== 'notice').map(({ code }) => code))].sort();
}

test('log audit: an honest log is verified, open and aborted runs are told', async () => {
  const report = await audit();
  assert.deepEqual(codesOf(report), []);
  assert.equal(report.exitCode, 0);
  assert.equal(report.read, 12);
  assert.deepEqual([report.runs.opened, report.runs.sealed, report.runs.aborted], [3, 1, 1]);
  assert.deepEqual(
    report.runs.unsealed.map(({ runSeq, ageMs }) => [runSeq, ageMs]),
    [[2, 49_000]],
  );
  assert.equal(report.checkpoints, 3);
  assert.deepEqual(report.trust?.keys, pinned(KEYS).keys);
  const shown = renderLogReport(report);
  assert.match(shown, /^VERIFIED/);
  assert.match(shown, /run 2 \([0-9a-f]{32}\), opened .* 49 s ago/);
});

test('log audit: without keys nothing is authenticated, and the exit is never 0', async () => {
  const report = await auditLog(sourceOf(build({})), { nowMs: NOW_MS });
  assert.deepEqual([codesOf(report), report.exitCode], [['NO_KEYS'], 2]);
});

const SIZE = honestEntries().length;

function rotate(entries: Entries): void {
  const index = entries.length;
  entries.push(keyAdded('log', NEXT_LOG, index, [LOG]), keyRetired('log', LOG, index + 1, NEXT_LOG));
  entries.push(
    keyAdded('attest', NEXT_ATTEST, index + 2, [ATTEST]),
    keyRetired('attest', ATTEST, index + 3, NEXT_ATTEST),
  );
}

describe('log audit: keys', () => {
  test('the first keys lead through a rotation to the keys in force', async () => {
    const report = await audit({ entries: rotate, by: [NEXT_LOG] });
    assert.deepEqual([codesOf(report), report.exitCode], [[], 0]);
    assert.deepEqual(
      report.trust?.keys.map(({ keyid, from, to }) => [keyid, from, to]),
      [
        [LOG.keyid, 0, SIZE + 1],
        [ATTEST.keyid, 1, SIZE + 3],
        [NEXT_LOG.keyid, SIZE, undefined],
        [NEXT_ATTEST.keyid, SIZE + 2, undefined],
      ],
    );
  });

  test('a second log key may sign beside the first, or alone', async () => {
    const entries = (list: Entries): void => void list.push(keyAdded('log', SECOND_LOG, list.length, [LOG]));
    for (const by of [[LOG, SECOND_LOG], [SECOND_LOG], [LOG]]) assert.equal((await audit({ entries, by })).exitCode, 0);
  });

  test('checkpoints from before a revocation stay good, one at or after it is refused', async () => {
    const revokeFrom = (to: number) => (entries: Entries) => {
      rotate(entries);
      entries.push(keyRevoked('log', LOG, to, NEXT_LOG));
    };
    assert.equal((await audit({ entries: revokeFrom(8), by: [NEXT_LOG] })).exitCode, 0);
    const report = await audit({ entries: revokeFrom(7), by: [NEXT_LOG] });
    assert.deepEqual([codesOf(report), report.exitCode], [['CHECKPOINT_UNSIGNED'], 1]);
  });
});

function at<T>(list: T[], index: number, edit: object): void {
  Object.assign(list[index] as object, edit);
}

const TREE_AT_5 = { size: 5, root: new Uint8Array(32) };

const LIES: [title: string, codes: LogFindingCode[], exit: number, lie: Lie][] = [
  ['a run is cut out of the tiles', ['CHECKPOINT_FORK', 'TILE_MISMATCH'], 1, { objects: (o) => swapEntries(o) }],
  [
    'the log is rolled back below a checkpoint',
    ['CHECKPOINT_MISSING'],
    2,
    { entries: (e) => void e.push(receipt(8)), objects: (o) => void o.delete(nameOf(8)) },
  ],
  ['a run is missing from the numbers', ['RUN_SEQUENCE'], 1, { entries: (e) => at(e, 11, opened(3)) }],
  ['two runs have one number', ['RUN_SEQUENCE'], 1, { entries: (e) => at(e, 11, { runSeq: 1 }) }],
  ['a run is opened twice', ['RUN_ORDER'], 1, { entries: (e) => at(e, 11, opened(0)) }],
  [
    'a run is sealed that was never opened',
    ['RUN_ORDER'],
    1,
    { entries: (e) => void e.push(grown(9, 4, 'run.sealed')) },
  ],
  ['a run is sealed twice', ['RUN_ORDER'], 1, { entries: (e) => void e.push(grown(0, 9, 'run.sealed')) }],
  ['a sealed run goes on', ['RUN_ORDER'], 1, { entries: (e) => void e.push(grown(0, 12)) }],
  ['an aborted run is sealed', ['RUN_ORDER'], 1, { entries: (e) => void e.push(grown(1, 6, 'run.sealed')) }],
  ['a seal has fewer events than a checkpoint', ['RUN_SHRANK'], 1, { entries: (e) => at(e, 7, { size: 3 }) }],
  [
    'a checkpoint of a run has another root at one size',
    ['RUN_SHRANK'],
    1,
    { entries: (e) => void e.splice(6, 0, { ...grown(0, 4), root: digest('x') }) },
  ],
  ['an entry gives a run another number', ['RUN_SEQUENCE'], 1, { entries: (e) => at(e, 5, { runSeq: 1 }) }],
  [
    'an addendum comes before the seal',
    ['ADDENDUM_EARLY'],
    1,
    { entries: (e) => at(e, 8, { runSeq: 1, run: runOf(1) }) },
  ],
  [
    'an entry is of another deployment',
    ['ENTRY_ORIGIN'],
    1,
    { entries: (e) => at(e, 10, { origin: 'waybill.local/else' }) },
  ],
  ['an entry is not canonical', ['ENTRY_MALFORMED'], 3, { log: (l) => void l.splice(10, 1, `${l[10]} `) }],
  ['an entry is of an unknown type', ['ENTRY_MALFORMED'], 3, { entries: (e) => at(e, 10, { type: 'note' }) }],
  ['an entry has a key too many', ['ENTRY_MALFORMED'], 3, { entries: (e) => at(e, 10, { more: 1 }) }],
  [
    'an older checkpoint is of another tree',
    ['CHECKPOINT_FORK'],
    1,
    { heads: (h, l) => void h.set(8, signedHead([...l.slice(0, 7), 'other'], 8, [LOG])) },
  ],
  [
    'the head is of another tree',
    ['CHECKPOINT_FORK'],
    1,
    { heads: (h, l) => void h.set(SIZE, signedHead([...l.slice(0, -1), 'other'], SIZE, [LOG])) },
  ],
  ['the head is signed by a stranger', ['CHECKPOINT_UNSIGNED'], 1, { by: [STRANGER] }],
  ['the head is signed by a key that is not in the log', ['CHECKPOINT_UNSIGNED'], 1, { by: [NEXT_LOG] }],
  [
    'the signature of the head is of another text',
    ['CHECKPOINT_UNSIGNED'],
    1,
    {
      heads: (h) =>
        void h.set(SIZE, String(h.get(SIZE)).replace(/\n(— .*)\n$/, `\n${String(h.get(8)).split('\n').at(-2)}\n`)),
    },
  ],
  ['a checkpoint stands under another size', ['CHECKPOINT_NAME'], 1, { heads: (h) => void h.set(7, String(h.get(8))) }],
  [
    'a checkpoint is of another log',
    ['CHECKPOINT_ORIGIN'],
    1,
    { heads: (h, l) => void h.set(8, signedHead(l, 8, [LOG], 'waybill.local/else')) },
  ],
  ['a checkpoint cannot be read', ['CHECKPOINT_MALFORMED'], 3, { heads: (h) => void h.set(8, 'no note\n') }],
  ['there is no checkpoint', ['CHECKPOINT_MISSING'], 2, { heads: (h) => h.clear() }],
  ['the entries are cut off', ['TILE_MISSING'], 2, { objects: (o) => void o.delete(`tile/entries/000.p/${SIZE}`) }],
  [
    'the entries are cut short',
    ['TILE_MISMATCH'],
    1,
    {
      objects: (o) =>
        void o.set(`tile/entries/000.p/${SIZE}`, (o.get(`tile/entries/000.p/${SIZE}`) as Buffer).subarray(0, -1)),
    },
  ],
  ['the hashes are cut off', ['TILE_MISSING'], 2, { objects: (o) => void o.delete(`tile/0/000.p/${SIZE}`) }],
  [
    'a hash is another one',
    ['TILE_MISMATCH'],
    1,
    { objects: (o) => void (o.get(`tile/0/000.p/${SIZE}`) as Buffer).fill(1, 64, 96) },
  ],
  [
    'a new key is not signed by an old one',
    ['KEY_STATEMENT', 'CHECKPOINT_UNSIGNED'],
    1,
    { entries: (e) => void e.push(keyAdded('log', NEXT_LOG, e.length, [])), by: [NEXT_LOG] },
  ],
  [
    'a new key stands at another index',
    ['KEY_STATEMENT'],
    1,
    { entries: (e) => void e.push(keyAdded('log', NEXT_LOG, 3, [LOG])) },
  ],
  ['a retired key goes on signing', ['CHECKPOINT_UNSIGNED'], 1, { entries: rotate, by: [LOG] }],
  [
    'the attest key changes hands by the log key alone',
    ['KEY_STATEMENT'],
    1,
    { entries: (e) => void e.push(keyAdded('attest', NEXT_ATTEST, e.length, [LOG])) },
  ],
  [
    'the last key is retired',
    ['KEY_STATEMENT'],
    1,
    { entries: (e) => void e.push(keyRetired('log', LOG, e.length, LOG)) },
  ],
  [
    'the log is not that of the pinned keys',
    ['CHECKPOINT_UNSIGNED', 'KEY_UNKNOWN', 'KEY_UNREACHED'],
    1,
    { options: { trust: pinned(newKeyring()) } },
  ],
  [
    'the keys are for another log',
    ['CHECKPOINT_ORIGIN'],
    1,
    { options: { trust: { ...pinned(KEYS), origin: 'waybill.local/else', keys: pinned(KEYS).keys.slice(1) } } },
  ],
  [
    'one of the uses is not pinned',
    ['KEY_UNREACHED'],
    2,
    { options: { trust: { ...pinned(KEYS), keys: pinned(KEYS).keys.slice(0, 1) } } },
  ],
  ['a receipt is of other bytes', ['RECEIPT_MISMATCH'], 1, { entries: (e) => void e.push(receipt(8)) }],
  ['a receipt is of a checkpoint to come', ['RECEIPT_EARLY'], 1, { entries: (e) => void e.push(receipt(40)) }],
  ['the log was silent', ['SILENCE'], 2, { options: { maxSilenceMs: 30_000 } }],
  [
    'the log was silent in between',
    ['SILENCE'],
    2,
    { entries: (e) => at(e, 11, { at: timeAt(45) }), options: { maxSilenceMs: 20_000 } },
  ],
  ['the clock runs backwards', ['TIME_BACKWARDS'], 2, { entries: (e) => at(e, 10, { at: timeAt(-700) }) }],
  ['the log is old', ['TOO_OLD'], 2, { options: { maxAgeMs: 40_000 } }],
  ['a run stays unsealed', ['RUN_OVERDUE'], 2, { options: { maxOpenMs: 40_000 } }],
  ['the log is shorter than before', ['STATE_ROLLBACK'], 1, { options: { seen: () => [{ ...TREE_AT_5, size: 40 }] } }],
  ['the log is not the one from before', ['STATE_FORK'], 1, { options: { seen: () => [TREE_AT_5] } }],
];

function nameOf(size: number): string {
  return `checkpoints/${String(size).padStart(20, '0')}`;
}

function receipt(size: number): Entries[number] {
  return {
    type: 'anchor.receipt',
    size,
    object: digest('something'),
    key: nameOf(size),
    version: null,
    lockedUntil: null,
  };
}

/** Entries 3 and 5 to 8 are those of run 0; another run's take their place. */
function swapEntries(objects: Map<string, Buffer>): void {
  const entries = honestEntries();
  entries[3] = { type: 'heartbeat', open: 0 };
  const name = `tile/entries/000.p/${SIZE}`;
  objects.set(name, ledgerOf(lines(entries), new Map()).get(name) as Buffer);
}

describe('log audit: lies', () => {
  for (const [title, codes, exit, lie] of LIES) {
    test(title, async () => {
      const report = await audit(lie);
      const found = codesOf(report);
      for (const code of codes)
        assert.ok(found.includes(code), `${code} is missing: ${JSON.stringify(report.findings)}`);
      assert.equal(report.exitCode, exit, JSON.stringify(report.findings));
      assert.notEqual(report.exitCode, 0);
      if (exit === 1 || exit === 3) assert.equal(report.trust, null);
    });
  }

  test('every code that an audit of entries can give is shown by a lie', () => {
    const shown = new Set(LIES.flatMap(([, codes]) => codes));
    const elsewhere = ['NO_KEYS', 'RUN_UNSEALED', 'RUN_ABORTED', 'LEDGER_UNREACHABLE'];
    const bundles = Object.keys(LOG_FINDINGS).filter((code) => code.startsWith('BUNDLE_'));
    const missing = Object.keys(LOG_FINDINGS).filter((code) => !shown.has(code as LogFindingCode));
    assert.deepEqual(missing.sort(), [...elsewhere, ...bundles].sort());
  });
});

test('log audit: a receipt that is right is no finding', async () => {
  let note = '';
  const report = await audit({
    entries(e) {
      note = signedHead(lines(e), 8, [LOG]);
      e.push({ ...receipt(8), object: digest(note) });
    },
    heads: (h) => void h.set(8, note),
  });
  assert.deepEqual(codesOf(report), []);
});

test('log audit: the report escapes what the ledger says', async () => {
  const report = await audit({ entries: (e) => at(e, 10, { origin: 'waybill.local/\u202eelse' }) });
  assert.doesNotMatch(renderLogReport(report), /\u202e/);
});
