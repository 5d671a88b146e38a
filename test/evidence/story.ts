/**
 * One honest run: `build` fails once and is retried, `check` needs its patch and waits for the same lock, `lint` fails
 * so that `report` is skipped, and `slow` is cancelled while it runs. `build` leaves a patch, `check` and `table` run
 * checks of their own.
 */
import type {
  AttemptClaim,
  ClaimedBlock,
  ClaimedResult,
  EventData,
  PlannedItem,
  RecordedOutput,
  RunEvent,
  SealedOutcome,
} from '../../packages/verify/src/record/events.ts';
import { digest, jcs, sha256 } from './naive-evidence.ts';

export const ORIGIN = 'waybill.local/00112233445566aa';
export const RUN: string = sha256('uid-1000\0nightly').toString('hex').slice(0, 32);
export const PRINCIPAL = `hmac-sha256:${'ab'.repeat(32)}` as const;
const LOCK = 'repo:api';

export const PATCH: RecordedOutput = { name: 'patch', kind: 'patch', sha256: digest('a diff'), sizeBytes: 6 };
const LOG: RecordedOutput = { name: 'log', kind: 'log', sha256: digest('a log'), sizeBytes: 5 };
export const NOTES: RecordedOutput = {
  name: 'outputs/notes.md',
  kind: 'output',
  sha256: digest('# notes'),
  sizeBytes: 7,
};
const TABLE: RecordedOutput = { name: 'outputs/table.csv', kind: 'output', sha256: digest('a,b\n'), sizeBytes: 4 };

export const PLAN: PlannedItem[] = [
  { ...planned('build', []), locks: [{ name: LOCK, mode: 'exclusive' }], maxAttempts: 2 },
  {
    ...planned('check', ['build'], [{ key: 'patch', from: ['build'], select: 'patch' }]),
    locks: [{ name: LOCK, mode: 'exclusive' }],
  },
  planned('lint', []),
  { ...planned('report', ['check']), more: true },
  planned('report', ['lint']),
  planned('slow', []),
  planned('table', ['check'], [{ key: 'csv', from: ['check'], select: { output: 'table.csv' } }]),
];

function planned(id: string, deps: string[], needs: PlannedItem['needs'] = []): PlannedItem {
  return { id, spec: digest(`spec of ${id}`), deps, needs, locks: [], maxAttempts: 1 };
}

export function planDigest(entries: readonly PlannedItem[]): `sha256:${string}` {
  return digest(entries.map((entry) => `${jcs(entry)}\n`).join(''));
}

export function attemptId(item: string, attempt: number): string {
  return sha256(`${RUN}\0${item}\0${attempt}`).toString('hex').slice(0, 32);
}

export function claim(item: string, attempt: number, fence?: number): AttemptClaim {
  const locks = fence === undefined ? [] : [{ name: LOCK, mode: 'exclusive' as const, fence }];
  return { item, attempt, id: attemptId(item, attempt), epoch: attempt, locks };
}

export function claimed(...claims: AttemptClaim[]): RunEvent {
  return { type: 'attempt.claimed', data: { queue: 'default', claims } };
}

export function dispatched(
  item: string,
  attempt: number,
  isolation: EventData['attempt.dispatched']['isolation'],
): RunEvent {
  // The manifest's digest is known once it is written.
  const manifest = digest('');
  return { type: 'attempt.dispatched', data: { item, attempt, id: attemptId(item, attempt), manifest, isolation } };
}

export function settled(item: string, attempt: number, how: Partial<EventData['attempt.settled']>): RunEvent {
  return {
    type: 'attempt.settled',
    data: {
      item,
      attempt,
      id: attemptId(item, attempt),
      epoch: attempt,
      outcome: 'succeeded',
      reason: 'ok',
      next: 'done',
      spent: false,
      exit: null,
      result: digest(`result of ${item} ${attempt}`),
      outputs: [],
      attestations: [],
      claimed: claimedResult('succeeded', 'ok', 0),
      ...how,
    },
  };
}

function claimedResult(
  outcome: SealedOutcome,
  reason: string,
  exit: number,
  blocks: ClaimedBlock[] = [],
): ClaimedResult {
  return { outcome, reason, exit, blocks, worker: digest('the worker'), excluded: 0 };
}

function block(index: number, exit: number, lens?: 'gate' | 'verify'): ClaimedBlock {
  const times = { startedAt: '2026-11-21T05:00:00.000Z', endedAt: '2026-11-21T05:00:01.000Z' };
  return { index, block: 'script', ...(lens === undefined ? {} : { lens }), exit, ...times };
}

/** One check failed, of nothing: the attempt had no inputs and left no outputs. */
function failedChecks(): ClaimedResult {
  return claimedResult('failed', 'exit_nonzero', 1, [block(0, 0, 'gate'), block(1, 1, 'verify')]);
}

function passedChecks(): ClaimedResult {
  return claimedResult('succeeded', 'ok', 0, [block(0, 0), block(1, 0, 'gate'), block(2, 0, 'verify')]);
}

/** The events in their order. */
export function honestStory(): RunEvent[] {
  const failure = (): Partial<EventData['attempt.settled']> => ({
    outcome: 'failed',
    reason: 'exit_nonzero',
    spent: true,
    claimed: claimedResult('failed', 'exit_nonzero', 1),
  });
  return [
    {
      type: 'run.opened',
      data: {
        name: 'nightly',
        queue: 'default',
        principal: PRINCIPAL,
        submission: digest('the submission'),
        plan: planDigest(PLAN),
        items: 6,
        edges: 4,
        source: { kind: 'git', bundle: digest('a source'), commit: '0f'.repeat(20), sizeBytes: 8 },
      },
    },
    { type: 'run.planned', data: { part: 0, parts: 2, items: structuredClone(PLAN.slice(0, 4)) } },
    { type: 'run.planned', data: { part: 1, parts: 2, items: structuredClone(PLAN.slice(4)) } },
    { type: 'item.ready', data: { items: ['build', 'lint', 'slow'] } },
    claimed(claim('build', 1, 1), claim('lint', 1), claim('slow', 1)),
    dispatched('build', 1, 'bubblewrap'),
    dispatched('lint', 1, 'bubblewrap'),
    dispatched('slow', 1, 'none'),
    settled('build', 1, { ...failure(), claimed: failedChecks(), next: 'retry', retryAt: '2026-11-21T05:00:09.000Z' }),
    claimed(claim('build', 2, 2)),
    dispatched('build', 2, 'bubblewrap'),
    settled('lint', 1, { ...failure(), next: 'failed' }),
    {
      type: 'item.closed',
      data: { items: [{ id: 'report', state: 'skipped', reason: 'upstream_failed', cause: 'lint' }] },
    },
    {
      type: 'control.accepted',
      data: { verb: 'cancel', item: 'slow', principal: PRINCIPAL, control: digest('a control') },
    },
    settled('build', 2, { outputs: [PATCH, NOTES, LOG] }),
    { type: 'item.ready', data: { items: ['check'] } },
    settled('slow', 1, {
      outcome: 'cancelled',
      reason: 'cancelled',
      next: 'cancelled',
      result: null,
      claimed: { blocks: [] },
    }),
    claimed(claim('check', 1, 3)),
    dispatched('check', 1, 'bubblewrap'),
    settled('check', 1, { outputs: [TABLE], claimed: passedChecks() }),
    { type: 'item.ready', data: { items: ['table'] } },
    claimed(claim('table', 1)),
    dispatched('table', 1, 'bubblewrap'),
    settled('table', 1, { outputs: [LOG], claimed: passedChecks() }),
    {
      type: 'run.completed',
      data: {
        state: 'failed',
        counts: {
          items: 6,
          done: 3,
          failed: 1,
          skipped: 1,
          cancelled: 1,
          denied: 0,
          attempts: 6,
          retries: 1,
          unsandboxed: 1,
        },
      },
    },
  ];
}
