/** The closed shape of every event line. */

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
  time,
} from '../json/scalars.ts';
import { choose, closed, flag, listOf, nullable, oneOf, type Shape } from '../json/shape.ts';
import { operand, plannedCondition } from './condition.ts';
import type {
  AttemptClaim,
  ClaimedBlock,
  ClaimedResult,
  EventData,
  EventFrame,
  EventLine,
  EventType,
  FencedLock,
  Isolation,
  PlannedGate,
  PlannedItem,
  PlannedLock,
  PlannedNeed,
  RecordedOutput,
  RunCounts,
  SealedOutcome,
  SealedSource,
} from './events.ts';

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
});

type NoSource = Extract<SealedSource, { kind: 'none' }>;
type GitSource = Extract<SealedSource, { kind: 'git' }>;
const noSource = closed<NoSource>({ kind: oneOf('none') });
const gitSource = closed<GitSource>({ kind: oneOf('git'), bundle: digest, commit, sizeBytes: count });

export const sealedSource: Shape<SealedSource> = choose(
  (source): Shape<SealedSource> => (source.kind === 'git' ? gitSource : noSource) as Shape<SealedSource>,
);

const selectOutput = closed<{ output: string }>({ output: outputName });

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
    }),
  ),
  locks: listOf(closed<PlannedLock>({ name: lockName, mode: oneOf('shared', 'exclusive') })),
  maxAttempts: ordinal,
  when: { optional: plannedCondition },
  onError: { optional: oneOf('continue') },
  gate: {
    optional: closed<PlannedGate>({ approvals: ordinal, reviewers: count, expiresMs: { optional: ordinal } }),
  },
  more: { optional: oneOf(true) },
});

const attemptClaim = closed<AttemptClaim>({
  item: itemId,
  attempt: ordinal,
  id: hex32,
  epoch: ordinal,
  locks: listOf(fencedLock),
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

const settled = closed<EventData['attempt.settled']>({
  item: itemId,
  attempt: ordinal,
  id: hex32,
  epoch: ordinal,
  outcome,
  reason: reasonCode,
  next: oneOf('done', 'retry', 'failed', 'cancelled'),
  spent: flag,
  retryAt: { optional: time },
  exit: nullable(exitCode),
  result: nullable(digest),
  outputs: listOf(
    closed<RecordedOutput>({
      name: outputName,
      kind: oneOf('patch', 'output', 'log'),
      sha256: digest,
      sizeBytes: count,
    }),
  ),
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
    worker: { optional: digest },
    excluded: { optional: count },
  }),
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
  }),
  'run.planned': closed<EventData['run.planned']>({ part: count, parts: ordinal, items: listOf(plannedItem, 1) }),
  'item.decided': closed<EventData['item.decided']>({ item: itemId, holds: flag, operands: listOf(operand, 1) }),
  'item.ready': closed<EventData['item.ready']>({ items: listOf(itemId, 1) }),
  'item.suspended': closed<EventData['item.suspended']>({
    items: listOf(
      closed<EventData['item.suspended']['items'][number]>({
        id: itemId,
        reviewers: listOf(pseudonym, 1),
        expiresAt: { optional: time },
      }),
      1,
    ),
  }),
  'attempt.claimed': closed<EventData['attempt.claimed']>({ queue: name, claims: listOf(attemptClaim, 1) }),
  'attempt.dispatched': closed<EventData['attempt.dispatched']>({
    item: itemId,
    attempt: ordinal,
    id: hex32,
    manifest: digest,
    isolation,
  }),
  'attempt.settled': settled,
  'item.closed': closed<EventData['item.closed']>({
    items: listOf(
      closed<EventData['item.closed']['items'][number]>({
        id: itemId,
        state: oneOf('done', 'skipped', 'cancelled', 'failed', 'denied'),
        reason: reasonCode,
        cause: { optional: itemId },
      }),
      1,
    ),
  }),
  'item.reopened': closed<EventData['item.reopened']>({ items: listOf(itemId, 1) }),
  'control.accepted': closed<EventData['control.accepted']>({
    verb: oneOf('approve', 'cancel', 'pause', 'reject', 'resume', 'retry', 'skip'),
    item: { optional: itemId },
    principal: pseudonym,
    control: digest,
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
