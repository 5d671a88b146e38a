/** The closed shape of every event line. */

import type { Digest } from '../crypto/digest.ts';
import {
  commit,
  count,
  digest,
  exitCode,
  hex32,
  itemId,
  lockName,
  name,
  ordinal,
  origin,
  outputName,
  pseudonym,
  reasonCode,
  sealedName,
  time,
} from '../json/scalars.ts';
import { choose, closed, flag, listOf, nullable, oneOf, type Shape, text } from '../json/shape.ts';
import { operand, plannedCondition } from './condition.ts';
import { amount, capReached, claimedUsage, settledCost } from './cost.ts';
import { claimedEgress } from './egress.ts';
import type {
  AttemptClaim,
  ClaimedBlock,
  ClaimedResult,
  ClaimedSetup,
  EventData,
  EventFrame,
  EventLine,
  EventType,
  FencedLock,
  Isolation,
  PlannedForEach,
  PlannedGate,
  PlannedItem,
  PlannedLock,
  PlannedNeed,
  PlannedRead,
  RecordedOutput,
  ReusedFrom,
  RunCounts,
  SealedOutcome,
  SealedSource,
} from './events.ts';
import { intentsJudged } from './intent.ts';
import { invalidOutput, plannedOutput, plannedShape } from './typed-output.ts';

export const isolation: Shape<Isolation> = oneOf('bubblewrap', 'container', 'none', 'in-process');

export const fencedLock: Shape<FencedLock> = closed<FencedLock>({
  name: lockName,
  mode: oneOf('shared', 'exclusive'),
  fence: count,
});

export const runCounts: Shape<RunCounts> = closed<RunCounts>({
  items: count,
  done: count,
  failed: count,
  skipped: count,
  cancelled: count,
  denied: count,
  attempts: count,
  retries: count,
  unsandboxed: count,
  reopened: { optional: count },
  tolerated: { optional: count },
  costMicroUsd: { optional: count },
  reused: { optional: count },
});

type NoSource = Extract<SealedSource, { kind: 'none' }>;
type GitSource = Extract<SealedSource, { kind: 'git' }>;
const noSource = closed<NoSource>({ kind: oneOf('none') });
const gitSource = closed<GitSource>({ kind: oneOf('git'), bundle: digest, commit, sizeBytes: count });

export const sealedSource: Shape<SealedSource> = choose(
  (source): Shape<SealedSource> => (source.kind === 'git' ? gitSource : noSource) as Shape<SealedSource>,
);

const selectOutput = closed<{ output: string }>({ output: outputName });

export const plannedRead: Shape<PlannedRead> = closed<PlannedRead>({ key: name, sha256: digest, sizeBytes: count });

const plannedItem = closed<PlannedItem>({
  id: itemId,
  spec: digest,
  deps: listOf(itemId),
  needs: listOf(
    closed<PlannedNeed>({
      key: name,
      from: listOf(itemId, 1),
      select: (value) => (value === 'patch' ? undefined : selectOutput(value)),
      onError: { optional: oneOf('stop') },
      each: { optional: oneOf(true) },
    }),
  ),
  locks: listOf(closed<PlannedLock>({ name: lockName, mode: oneOf('shared', 'exclusive') })),
  maxAttempts: ordinal,
  when: { optional: plannedCondition },
  onError: { optional: oneOf('continue') },
  gate: {
    optional: closed<PlannedGate>({
      approvals: ordinal,
      reviewers: count,
      expiresMs: { optional: ordinal },
      reviews: { optional: listOf(itemId, 1) },
    }),
  },
  recipe: { optional: digest },
  reads: { optional: listOf(plannedRead, 1) },
  effect: { optional: oneOf('write') },
  forEach: { optional: closed<PlannedForEach>({ from: itemId, outputs: outputName, as: name, max: ordinal }) },
  shape: { optional: plannedShape },
  outputs: { optional: listOf(plannedOutput, 1) },
  more: { optional: oneOf(true) },
});

const attemptClaim = closed<AttemptClaim>({
  item: itemId,
  attempt: ordinal,
  id: hex32,
  epoch: ordinal,
  locks: listOf(fencedLock),
  reservedMicroUsd: { optional: amount },
});

export const outcome: Shape<SealedOutcome> = oneOf(
  'succeeded',
  'partial',
  'failed',
  'timed_out',
  'stalled',
  'lost',
  'policy_blocked',
  'contract_error',
  'deferred',
  'cancelled',
);

const digests = listOf(digest);

const recordedOutput = closed<RecordedOutput>({
  name: outputName,
  kind: oneOf('patch', 'output', 'log'),
  sha256: digest,
  sizeBytes: count,
});

export const executable: Shape<Digest | 'in-process'> = text(
  /^(?:in-process|sha256:[0-9a-f]{64})$/,
  'a digest or in-process',
);

const reused = closed<EventData['item.reused']>({
  item: itemId,
  key: digest,
  executable,
  isolation,
  outputs: listOf(recordedOutput, 1),
  from: closed<ReusedFrom>({ run: hex32, item: itemId, attempt: ordinal, id: hex32 }),
  provenance: digest,
});

const settled = closed<EventData['attempt.settled']>({
  item: itemId,
  attempt: ordinal,
  id: hex32,
  epoch: ordinal,
  outcome,
  reason: reasonCode,
  next: oneOf('done', 'retry', 'suspended', 'failed', 'cancelled'),
  question: { optional: digest },
  invalid: { optional: invalidOutput },
  checkpoint: { optional: digest },
  spent: flag,
  retryAt: { optional: time },
  exit: nullable(exitCode),
  result: nullable(digest),
  outputs: listOf(recordedOutput),
  attestations: (value) => digests(value) ?? ((value as unknown[]).length > 2 ? ' holds more than two' : undefined),
  claimed: closed<ClaimedResult>({
    outcome: { optional: outcome },
    reason: { optional: reasonCode },
    exit: { optional: nullable(exitCode) },
    blocks: listOf(
      closed<ClaimedBlock>({
        index: count,
        block: name,
        lens: { optional: oneOf('gate', 'verify') },
        exit: nullable(exitCode),
        startedAt: time,
        endedAt: time,
      }),
    ),
    setup: {
      optional: listOf(
        closed<ClaimedSetup>({ capability: name, exit: nullable(exitCode), startedAt: time, endedAt: time }),
        1,
      ),
    },
    worker: { optional: digest },
    excluded: { optional: count },
    usage: { optional: claimedUsage },
    usageUnread: { optional: oneOf(true) },
    egress: { optional: claimedEgress },
  }),
  cost: { optional: settledCost },
  neverStarted: { optional: oneOf(true) },
});

const DATA: { [T in EventType]: Shape<EventData[T]> } = {
  'run.opened': closed<EventData['run.opened']>({
    name,
    queue: name,
    principal: pseudonym,
    submission: digest,
    plan: digest,
    items: ordinal,
    edges: count,
    source: sealedSource,
    deadline: { optional: time },
    capMicroUsd: { optional: amount },
    openEnded: { optional: closed<{ mostItems: number }>({ mostItems: ordinal }) },
  }),
  'run.planned': closed<EventData['run.planned']>({ part: count, parts: ordinal, items: listOf(plannedItem, 1) }),
  'items.spawned': closed<EventData['items.spawned']>({
    item: itemId,
    items: listOf(closed<EventData['items.spawned']['items'][number]>({ id: itemId, spec: digest }), 1),
  }),
  'run.extended': closed<EventData['run.extended']>({
    control: digest,
    part: count,
    parts: ordinal,
    items: listOf(plannedItem, 1),
  }),
  'item.decided': closed<EventData['item.decided']>({ item: itemId, holds: flag, operands: listOf(operand, 1) }),
  'item.reused': reused,
  'intents.judged': intentsJudged,
  'item.ready': closed<EventData['item.ready']>({ items: listOf(itemId, 1) }),
  'item.suspended': closed<EventData['item.suspended']>({
    items: listOf(
      closed<EventData['item.suspended']['items'][number]>({
        id: itemId,
        reviewers: listOf(pseudonym, 1),
        expiresAt: { optional: time },
        reviewed: { optional: digest },
      }),
      1,
    ),
  }),
  'attempt.claimed': closed<EventData['attempt.claimed']>({
    queue: name,
    claims: listOf(attemptClaim, 1),
    prices: { optional: digest },
  }),
  'attempt.dispatched': closed<EventData['attempt.dispatched']>({
    item: itemId,
    attempt: ordinal,
    id: hex32,
    manifest: digest,
    isolation,
  }),
  'secrets.released': closed<EventData['secrets.released']>({
    item: itemId,
    attempt: ordinal,
    id: hex32,
    secrets: listOf(sealedName, 1),
  }),
  'attempt.settled': settled,
  'cap.reached': capReached,
  'item.closed': closed<EventData['item.closed']>({
    items: listOf(
      closed<EventData['item.closed']['items'][number]>({
        id: itemId,
        state: oneOf('done', 'skipped', 'cancelled', 'failed', 'denied'),
        reason: reasonCode,
        cause: { optional: itemId },
        neededMicroUsd: { optional: amount },
      }),
      1,
    ),
  }),
  'item.reopened': closed<EventData['item.reopened']>({ items: listOf(itemId, 1) }),
  'control.accepted': closed<EventData['control.accepted']>({
    verb: oneOf(
      'answer',
      'approve',
      'cancel',
      'close',
      'extend',
      'pause',
      'reject',
      'requeue',
      'resume',
      'retry',
      'skip',
    ),
    item: { optional: itemId },
    principal: pseudonym,
    control: digest,
    answer: { optional: digest },
    reviewed: { optional: digest },
  }),
  'run.stopping': closed<EventData['run.stopping']>({ reason: oneOf('cancelled', 'deadline_exceeded') }),
  'run.completed': closed<EventData['run.completed']>({
    state: oneOf('done', 'failed', 'cancelled'),
    counts: runCounts,
  }),
};

const LINES = new Map<unknown, Shape<EventLine>>(
  Object.entries(DATA).map(([type, data]) => [
    type,
    closed<EventFrame & { type: string; data: unknown }>({
      v: oneOf(1),
      origin,
      run: hex32,
      seq: count,
      at: time,
      type: oneOf(type),
      salt: hex32,
      data: data as Shape<unknown>,
    }) as Shape<never>,
  ]),
);

export const eventLine: Shape<EventLine> = choose((line) => LINES.get(line.type));
