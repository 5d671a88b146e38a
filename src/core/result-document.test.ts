import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { canonicalize, digestOf } from '@waybill/verify';
import fc from 'fast-check';
import { parseLease } from './lease-document.ts';
import type { Heartbeat, Lease, Result } from './mailbox-protocol.ts';
import { parseHeartbeat, parseResult } from './result-document.ts';

const ID = 'a'.repeat(32);
const AT = '2026-11-21T05:00:00.000Z';

const RESULT: Result = {
  v: 1,
  attemptId: ID,
  epoch: 3,
  outcome: 'failed',
  reason: 'gate_red',
  exit: 1,
  blocks: [
    { index: 0, block: 'script', lens: 'gate', exit: 1, startedAt: AT, endedAt: AT },
    { index: 1, block: 'capture', exit: null, startedAt: AT, endedAt: AT },
  ],
  outputs: { sha256: digestOf('o'), sizeBytes: 1 },
  log: { sha256: digestOf('l'), sizeBytes: 1, truncated: true },
  excluded: ['node_modules/'],
  worker: digestOf('w'),
};

const HEARTBEAT: Heartbeat = { v: 1, attemptId: ID, seq: 4, at: AT, progress: { block: 1, of: 2, label: 'script' } };

const LEASE: Lease = {
  v: 1,
  attemptId: ID,
  manifest: { payload: 'e30=', payloadType: 'application/vnd.in-toto+json', signatures: [] },
  job: {
    v: 1,
    attemptId: ID,
    run: ID,
    item: 'item',
    attempt: 1,
    pipeline: [
      { block: 'script', run: 'true', lens: 'verify', timeoutMs: 5 },
      { block: 'script', run: ['true'] },
      { block: 'agent', adapter: 'command', command: ['agent'], timeoutMs: 5 },
      { block: 'capture', what: 'patch' },
    ],
    env: { A: 'b' },
    timeoutMs: 1_000,
    limits: { outputsBytes: 1, fileBytes: 1, files: 1, logBytes: 1, patchBytes: 1 },
    isolation: 'none',
  },
  inputs: [{ key: 'k', url: 'http://x', sha256: digestOf(''), sizeBytes: 0 }],
  source: { url: 'http://x', sha256: digestOf(''), sizeBytes: 0, commit: 'c'.repeat(40) },
  put: { heartbeat: 'http://h', log: 'http://l', outputs: 'http://o', result: 'http://r' },
  heartbeatMs: 1_000,
  expiresAt: AT,
  cancel: false,
  next: 'http://n',
};

const bytes = (value: unknown): Uint8Array => Buffer.from(canonicalize(value));

/** Every path of keys in the document. */
function paths(value: unknown, before: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => [[...before, key], ...paths(child, [...before, key])]);
}

/** A copy in which the value at the path is replaced, or removed when `value` is undefined. */
function changed(document: object, path: string[], value: unknown): object {
  const copy = structuredClone(document);
  let at = copy as Record<string, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  const last = path.at(-1) ?? '';
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

const OPTIONAL = ['lens', 'progress', 'source', 'timeoutMs'];

for (const [name, parse, document, code, verbatim] of [
  ['result', parseResult, RESULT, 'RESULT_INVALID', []],
  ['heartbeat', parseHeartbeat, HEARTBEAT, 'RESULT_INVALID', []],
  // The manifest is judged by whoever checks its signature, an author's variables have any name.
  ['lease', parseLease, LEASE, 'LEASE_INVALID', ['manifest', 'env']],
] as const) {
  const judged = (path: string[]): boolean => !path.some((key) => (verbatim as readonly string[]).includes(key));
  const refuses = (source: Uint8Array): void => {
    assert.throws(
      () => parse(source),
      (error) => error instanceof TerminalError && error.code === code,
    );
  };

  describe(`${name}:`, () => {
    it('reads back what was written', () => assert.deepEqual(parse(bytes(document)), document));

    it('refuses a value of the wrong type anywhere', () => {
      for (const path of paths(document).filter(judged))
        for (const wrong of [true, 1.5e300, {}, [[]], -1])
          if (typeof wrong !== typeof path.reduce((at: unknown, key) => (at as never)[key], document) || wrong === -1)
            refuses(Buffer.from(JSON.stringify(changed(document, path, wrong))));
    });

    it('refuses a missing key and an unknown one, anywhere', () => {
      for (const path of paths(document).filter(judged)) {
        const isIndex = /^\d+$/.test(path.at(-1) ?? '');
        if (!isIndex && !OPTIONAL.includes(path.at(-1) ?? '')) refuses(bytes(changed(document, path, undefined)));
        const parent = [...path.slice(0, -1), 'unheardOf'];
        if (!isIndex) refuses(bytes(changed(document, parent, 1)));
      }
    });

    it('refuses what is not canonical JSON: white space, doubled keys, a cut, nothing, deep nesting', () => {
      const text = canonicalize(document);
      for (const bad of [` ${text}`, `${text}\n`, text.replace('{', '{"v":1,'), text.slice(0, -1), '', 'null', '[]'])
        refuses(Buffer.from(bad));
      refuses(Buffer.from('['.repeat(100_000)));
    });

    it('throws nothing but its refusal for altered bytes', () => {
      const valid = bytes(document);
      fc.assert(
        fc.property(fc.nat(valid.length - 1), fc.nat(255), (at, byte) => {
          const altered = Uint8Array.from(valid);
          altered[at] = byte;
          try {
            parse(altered);
          } catch (error) {
            assert.ok(error instanceof TerminalError && error.code === code, String(error));
          }
        }),
        { numRuns: 500 },
      );
    });
  });
}

describe('result:', () => {
  it('has room for nothing that was staged, and for nothing that ran', () => {
    const bare: Result = { ...RESULT, outputs: null, log: null, exit: null, blocks: [], excluded: [] };
    assert.deepEqual(parseResult(bytes(bare)), bare);
  });

  it('cannot claim an outcome that only the control plane may give', () => {
    assert.throws(() => parseResult(bytes({ ...RESULT, outcome: 'lost' })), TerminalError);
  });

  it('keeps reasons to codes', () => {
    for (const reason of ['Gate red', '', 'x'.repeat(65), '<b>'])
      assert.throws(() => parseResult(bytes({ ...RESULT, reason })), TerminalError);
  });
});
