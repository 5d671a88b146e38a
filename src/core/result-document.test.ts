import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TerminalError } from '@waybill/client/errors';
import { LIMITS } from '@waybill/client/limits';
import { canonicalize, digestOf } from '@waybill/verify';
import fc from 'fast-check';
import { eventLine } from '../../packages/verify/src/record/event-shapes.ts';
import { parseLease } from './lease-document.ts';
import {
  type BlockEvidence,
  CLAIMED_OUTCOMES,
  type Heartbeat,
  type Lease,
  MAX_QUESTION_CHARS,
  type Result,
} from './mailbox-protocol.ts';
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

const EGRESS: Result['egress'] = {
  seen: [
    { block: 0, host: 'a.example', port: 443, connections: 2, sentBytes: 3, receivedBytes: 4 },
    { block: 1, host: '[::1]', port: 0, refused: 'address', connections: 1, sentBytes: 0, receivedBytes: 0 },
  ],
  more: { connections: 0, refused: 9, sentBytes: 0, receivedBytes: 0 },
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
    egress: { ask: ['a.example'], allow: ['*.example.org:80'], deny: ['a.example:22'] },
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

const OPTIONAL = ['lens', 'progress', 'source', 'timeoutMs', 'egress', 'more', 'refused', 'host', 'port'];

for (const [name, parse, document, code, verbatim] of [
  ['result', parseResult, { ...RESULT, egress: EGRESS }, 'RESULT_INVALID', []],
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

function blocks(count: number): BlockEvidence[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    block: 'script',
    exit: 0,
    startedAt: AT,
    endedAt: AT,
  }));
}

const two = (least: number, most: number): fc.Arbitrary<string> =>
  fc.integer({ min: least, max: most }).map((value) => String(value).padStart(2, '0'));
/** Instants of which some fall on days or hours that do not exist. */
const instants = fc
  .tuple(two(1, 12), two(1, 31), two(0, 24))
  .map(([month, day, hour]) => `2026-${month}-${day}T${hour}:00:00.000Z`);
const exits = fc.option(fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 256 })));
const claims = fc.record({
  outcome: fc.constantFrom(...CLAIMED_OUTCOMES),
  reason: fc.oneof(fc.constantFrom('ok', 'gate_red', 'Gate red'), fc.stringMatching(/^[a-z0-9_]{1,66}$/)),
  exit: exits,
  blocks: fc.array(
    fc.record({
      index: fc.integer({ min: 0, max: 17 }),
      block: fc.constantFrom('script', 'agent', 'capture'),
      exit: exits,
      startedAt: instants,
      endedAt: instants,
    }),
    { maxLength: 2 },
  ),
});

/** The line that records the attempt, as settle writes it: claims are taken over as they are. */
function settledBy({ attemptId, epoch, outcome, reason, exit, blocks, worker }: Result): object {
  return {
    v: 1,
    origin: 'waybill.test/core',
    run: ID,
    seq: 3,
    at: AT,
    type: 'attempt.settled',
    salt: ID,
    data: {
      item: 'item',
      attempt: 1,
      id: attemptId,
      epoch,
      outcome,
      reason,
      next: outcome === 'succeeded' ? 'done' : 'failed',
      spent: true,
      exit,
      result: digestOf('result'),
      outputs: [],
      attestations: [],
      claimed: { blocks, worker },
    },
  };
}

describe('lease:', () => {
  it('has as many blocks as a result has room for, and no more', () => {
    const withBlocks = (count: number): Uint8Array =>
      bytes({ ...LEASE, job: { ...LEASE.job, pipeline: Array(count).fill(LEASE.job.pipeline[0]) } });
    assert.equal(parseLease(withBlocks(LIMITS.blocksPerPipeline)).job.pipeline.length, LIMITS.blocksPerPipeline);
    assert.throws(() => parseLease(withBlocks(LIMITS.blocksPerPipeline + 1)), TerminalError);
  });

  it('refuses a NUL character in the environment, where it would end an option of the sandbox', () => {
    for (const env of [{ A: 'b\0--bind\0/' }, { 'A\0': 'b' }]) {
      const lease = { ...LEASE, job: { ...LEASE.job, env } };
      assert.throws(() => parseLease(bytes(lease)), /NUL character.*LEASE_INVALID/);
    }
  });
});

describe('result:', () => {
  it('has room for nothing that was staged, and for nothing that ran', () => {
    const bare: Result = { ...RESULT, outputs: null, log: null, exit: null, blocks: [], excluded: [] };
    assert.deepEqual(parseResult(bytes(bare)), bare);
  });

  it('cannot claim an outcome that only the control plane may give', () => {
    assert.throws(() => parseResult(bytes({ ...RESULT, outcome: 'lost' })), TerminalError);
  });

  for (const [title, claim] of [
    ['success for another reason than ok', { outcome: 'succeeded', reason: 'gate_red', exit: 0 }],
    ['the reason ok for a failure', { outcome: 'failed', reason: 'ok', exit: 1 }],
    ['success with an exit code', { outcome: 'succeeded', reason: 'ok', exit: 1 }],
    ['blocks out of order', { blocks: RESULT.blocks.toReversed() }],
    ['a block twice', { blocks: [RESULT.blocks[0], RESULT.blocks[0]] }],
    ['a block past the longest pipeline', { blocks: [{ ...RESULT.blocks[0], index: LIMITS.blocksPerPipeline }] }],
    ['more blocks than a pipeline has', { blocks: blocks(LIMITS.blocksPerPipeline + 1) }],
    [
      'a start on a day that does not exist',
      { blocks: [{ ...RESULT.blocks[0], startedAt: '2026-02-30T00:00:00.000Z' }] },
    ],
    ['an end at the hour 24', { blocks: [{ ...RESULT.blocks[0], endedAt: '2026-02-28T24:00:00.000Z' }] }],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.throws(
        () => parseResult(bytes({ ...RESULT, ...claim })),
        (error) => error instanceof TerminalError && error.code === 'RESULT_INVALID',
      );
    });
  }

  it('has room for the longest pipeline, and for success with and without an exit code', () => {
    for (const exit of [0, null]) {
      const most: Result = {
        ...RESULT,
        outcome: 'succeeded',
        reason: 'ok',
        exit,
        blocks: blocks(LIMITS.blocksPerPipeline),
      };
      assert.deepEqual(parseResult(bytes(most)), most);
    }
  });

  it('holds nothing, once parsed, that a verifier refuses in the event that records it', () => {
    let parsed = 0;
    fc.assert(
      fc.property(claims, (claim) => {
        let result: Result;
        try {
          result = parseResult(bytes({ ...RESULT, ...claim }));
        } catch (error) {
          assert.ok(error instanceof TerminalError, String(error));
          return;
        }
        parsed += 1;
        assert.equal(eventLine(settledBy(result)), undefined);
      }),
      { numRuns: 1_000 },
    );
    assert.ok(parsed > 50, `only ${parsed} results were parsed`);
  });

  it('asks plain text of people, where it says that it needs input and nowhere else', () => {
    const asking = { ...RESULT, outcome: 'deferred', reason: 'needs_input', question: 'Which?\n\tThis?' } as const;
    assert.deepEqual(parseResult(bytes(asking)), asking);
    for (const question of ['', 'a\u0000', '\u001b[2J', 'a\r', '\u0085', 'x'.repeat(MAX_QUESTION_CHARS + 1)])
      assert.throws(
        () => parseResult(bytes({ ...asking, question })),
        /question/,
        JSON.stringify(question.slice(0, 9)),
      );
    for (const claim of [{ reason: 'stuck' }, { outcome: 'failed' }, { outcome: 'succeeded', reason: 'ok', exit: 0 }])
      assert.throws(() => parseResult(bytes({ ...asking, ...claim } as Result)), /question/, JSON.stringify(claim));
  });

  it('keeps reasons to codes', () => {
    for (const reason of ['Gate red', '', 'x'.repeat(65), '<b>'])
      assert.throws(() => parseResult(bytes({ ...RESULT, reason })), TerminalError);
  });
});

it('result: why usage could not be read stands only where it could not, and in few words', () => {
  const usageProblem = 'block 1: usage is not JSON';
  const read = (more: object): Result => parseResult(new TextEncoder().encode(canonicalize({ ...RESULT, ...more })));
  assert.equal(read({ usageUnread: true, usageProblem }).usageProblem, usageProblem);
  const wrong = [{ usageProblem }, { usageUnread: true, usageProblem: 'x'.repeat(301) }];
  for (const more of wrong) assert.throws(() => read(more), { code: 'RESULT_INVALID', path: 'result.usageProblem' });
});

it('result: what was reached outside is of a block that ran, and has a name; what was refused need not', () => {
  const [seen] = EGRESS?.seen ?? [];
  const read = (...changes: object[]): unknown =>
    parseResult(bytes({ ...RESULT, egress: { seen: changes.map((change) => ({ ...seen, ...change })) } })).egress;
  const { host: _, port: _port, ...nameless } = seen ?? {};
  const refused = { ...RESULT, egress: { seen: [{ ...nameless, refused: 'malformed' }] } };
  assert.deepEqual(parseResult(bytes(refused)), refused);
  assert.equal(eventLine(settledBy(parseResult(bytes(refused)))), undefined);
  const named = 'result.egress.seen[0]';
  for (const [changes, path] of [
    [[{ block: 2 }], `${named}.block`],
    [[{ connections: 0 }], `${named}.connections`],
    [[{ host: 'a b' }], `${named}.host`],
    [[{ host: 'x'.repeat(254) }], `${named}.host`],
    [[{ port: 65_536 }], `${named}.port`],
    [[{ refused: 'because' }], `${named}.refused`],
    [[], 'result.egress.seen'],
    [Array(33).fill({}), 'result.egress.seen'],
  ] as const)
    assert.throws(() => read(...changes), { code: 'RESULT_INVALID', path });
  const wrong = { ...RESULT, egress: { seen: [nameless] } };
  assert.throws(() => parseResult(bytes(wrong)), { code: 'RESULT_INVALID', path: `${named}.host` });
});
