import type {
  AttemptClaim,
  EventType,
  FencedLock,
  RecordedOutput,
  RunEvent,
} from '../../packages/verify/src/record/events.ts';
import { type Forged, find, first, forged, OTHER, OTHER_RUN, set } from './forged.ts';
import { asked, reopened } from './steered-story.ts';
import { claim, PATCH, PLAN, planDigest } from './story.ts';

const LOG: RecordedOutput = { name: 'log', kind: 'log', sha256: OTHER, sizeBytes: 1 };

/** Stories that could not have happened, sealed by someone who holds every key. */
export const AGAINST_THE_RULES: Forged[] = [
  rule('an item that was not planned is added', (s) => find(s, 'item.ready').items.push('ghost')),
  rule('an item becomes ready before what it depends on', (s) => find(s, 'item.ready').items.push('check')),
  rule('an item is claimed that never was ready', (s) => find(s, 'item.ready').items.pop()),
  rule('an attempt number is left out', (s) =>
    eachRecord(s, 'lint', 1, (record) => set(record, { attempt: 2, id: claim('lint', 2).id })),
  ),
  rule('an attempt has a foreign id', (s) => eachRecord(s, 'lint', 1, (record) => set(record, { id: OTHER_RUN })), [
    'state-machine TRANSITION_IMPOSSIBLE',
    'manifests MANIFEST_MISMATCH',
  ]),
  rule('an epoch does not rise', (s) =>
    eachRecord(s, 'build', 2, (record) => set(record, record.epoch === undefined ? {} : { epoch: 1 })),
  ),
  rule('a fence does not rise', (s) => set(lockOf(s, 2), { fence: 2 })),
  rule('a lock is taken while it is held', (s) => {
    first(find(s, 'attempt.claimed').claims.filter(({ item }) => item === 'slow')).locks.push({
      ...lockOf(s, 0),
      fence: 2,
    });
    lockOf(s, 1).fence = 3;
    lockOf(s, 2).fence = 4;
  }),
  rule('a claim without its planned lock', (s) => set(claimAt(s, 'check'), { locks: [] })),
  rule('a claim with a lock that was not planned', (s) =>
    set(claimAt(s, 'table'), { locks: [{ name: 'repo:web', mode: 'shared', fence: 1 }] }),
  ),
  rule('a planned lock is taken in another mode', (s) => set(lockOf(s, 2), { mode: 'shared' })),
  rule('more attempts count than the plan allows', (s) => {
    const plan = PLAN.map((entry) => (entry.id === 'build' ? { ...entry, maxAttempts: 1 } : entry));
    set(find(s, 'attempt.settled', 2), { spent: true });
    set(find(s, 'run.opened'), { plan: planDigest(plan) });
    set(first(find(s, 'run.planned').items), { maxAttempts: 1 });
  }),
  rule('a claim in another queue', (s) => set(find(s, 'attempt.claimed'), { queue: 'fast' })),
  rule('an attempt is settled twice', (s) =>
    s.splice(indexOf(s, 'attempt.settled', 'lint') + 1, 0, s[indexOf(s, 'attempt.settled', 'lint')] as RunEvent),
  ),
  rule('an attempt is dispatched twice', (s) => s.splice(6, 0, s[5] as RunEvent)),
  rule('an attempt settles under an old epoch', (s) => set(find(s, 'attempt.settled', 2), { epoch: 1 })),
  rule('a success without a result', (s) =>
    set(find(s, 'attempt.settled', 2), { result: null, claimed: { blocks: [] } }),
  ),
  rule('a success with a claimed exit code', (s) => set(find(s, 'attempt.settled', 2).claimed, { exit: 3 })),
  rule('a success of which the worker claims a failure', (s) =>
    set(find(s, 'attempt.settled', 2).claimed, { outcome: 'failed', reason: 'exit_nonzero' }),
  ),
  rule('a success of which the worker claims nothing', (s) =>
    set(find(s, 'attempt.settled', 2), { claimed: { blocks: [] } }),
  ),
  rule('a failure for the reason ok', (s) => set(find(s, 'attempt.settled', 1), { reason: 'ok' })),
  rule('a success for another reason than ok', (s) => set(find(s, 'attempt.settled', 2), { reason: 'fine' })),
  rule('claims without a result', (s) => set(find(s, 'attempt.settled', 1), { result: null })),
  rule('a claim without its reason', (s) => Reflect.deleteProperty(find(s, 'attempt.settled', 1).claimed, 'reason')),
  rule('an exit code that was seen beside a result', (s) => set(find(s, 'attempt.settled', 1), { exit: 1 })),
  rule('an exit code of an attempt that never started', (s) => {
    set(find(s, 'attempt.settled', 1), { exit: 1, result: null, claimed: { blocks: [] } });
    s.splice(indexOf(s, 'attempt.dispatched', 'lint'), 1);
  }),
  rule('a failure that counts as done', (s) => set(find(s, 'attempt.settled', 1), { next: 'done' })),
  rule('two outputs of one name', (s) =>
    find(s, 'attempt.settled', 2).outputs.push(first(find(s, 'attempt.settled', 2).outputs)),
  ),
  rule('a result of an attempt that never started', (s) => s.splice(indexOf(s, 'attempt.dispatched', 'lint'), 1)),
  rule('a skip without a cause', (s) => Reflect.deleteProperty(first(find(s, 'item.closed').items), 'cause')),
  rule('a skip because of an item that is not upstream', (s) =>
    set(first(find(s, 'item.closed').items), { cause: 'slow' }),
  ),
  rule('a skip because of an item that is done', (s) => {
    const [closed] = s.splice(indexOf(s, 'item.closed'), 1);
    s.splice(indexOf(s, 'run.completed'), 0, closed as RunEvent);
    first(find(s, 'item.closed').items).cause = 'check';
  }),
  rule('a cancel that nobody asked for', (s) => s.splice(indexOf(s, 'control.accepted'), 1)),
  rule('an item that was cancelled says that its time was over', (s) => {
    const ended = s.flatMap(({ type, data }) =>
      type === 'attempt.settled' && data.next === 'cancelled' ? [data] : [],
    );
    set(first(ended), { reason: 'deadline_exceeded' });
  }),
  rule('a stop that nobody asked for', (s) => s.splice(-1, 0, { type: 'run.stopping', data: { reason: 'cancelled' } })),
  rule('a stop at a deadline that was never set', (s) =>
    s.splice(-1, 0, { type: 'run.stopping', data: { reason: 'deadline_exceeded' } }),
  ),
  rule('a stop before the deadline', (s) => {
    set(find(s, 'run.opened'), { deadline: '2026-11-21T06:00:00.000Z' });
    s.splice(-1, 0, { type: 'run.stopping', data: { reason: 'deadline_exceeded' } });
  }),
  rule('a claim of an item after it was cancelled', (s) => set(find(s, 'control.accepted'), { item: 'table' })),
  rule('something is claimed after the run was stopped', (s) => {
    const { item: _item, ...control } = find(s, 'control.accepted');
    const last = s.findLastIndex(({ type }) => type === 'attempt.claimed');
    s.splice(
      last,
      0,
      { type: 'control.accepted', data: control },
      { type: 'run.stopping', data: { reason: 'cancelled' } },
    );
    set(find(s, 'run.completed'), { state: 'cancelled' });
  }),
  rule('something is claimed while the run is paused', (s) =>
    s.splice(indexOf(s, 'attempt.claimed'), 0, asked('pause')),
  ),
  rule('a pause is left out before its end', (s) => s.splice(-1, 0, asked('resume'))),
  rule('a pause of a paused run', (s) => s.splice(-1, 0, asked('pause'), asked('pause'))),
  rule('a pause of an item', (s) => s.splice(-1, 0, asked('pause', 'build'))),
  rule('an item is passed over and nobody asked for it', (s) => {
    find(s, 'item.closed').items = [{ id: 'report', state: 'skipped', reason: 'skip_requested' }];
  }),
  rule('an item is passed over in the name of another that was asked for', (s) => {
    find(s, 'item.closed').items = [{ id: 'report', state: 'skipped', reason: 'skip_requested' }];
    s.splice(indexOf(s, 'item.closed'), 0, asked('skip', 'check'));
  }),
  rule('an item is claimed after it was to be passed over', (s) =>
    s.splice(indexOf(s, 'attempt.claimed'), 0, asked('skip', 'build')),
  ),
  rule('a skip of an item that runs', (s) => s.splice(indexOf(s, 'attempt.claimed') + 1, 0, asked('skip', 'build'))),
  rule('a skip of nothing', (s) => s.splice(-1, 0, asked('skip'))),
  rule('a failed item is opened again and nobody asked for it', (s) => s.splice(-1, 0, reopened('lint'))),
  rule('a retry of an item that is done', (s) => s.splice(-1, 0, asked('retry', 'build'))),
  rule('a retry of nothing', (s) => s.splice(-1, 0, asked('retry'))),
  rule('a retry of one item opens another', (s) => s.splice(-1, 0, asked('retry', 'lint'), reopened('slow'))),
  rule('a skipped item is opened again before what it depends on', (s) =>
    s.splice(-1, 0, asked('retry', 'lint'), reopened('report', 'lint')),
  ),
  rule('a run ends although an item was opened again', (s) =>
    s.splice(-1, 0, asked('retry', 'lint'), reopened('lint', 'report')),
  ),
  rule('an item is denied', (s) => {
    set(first(find(s, 'item.closed').items), { state: 'denied' });
    set(find(s, 'run.completed').counts, { skipped: 0, denied: 1 });
  }),
  rule('an item fails without an attempt or a deadline', (s) => {
    set(first(find(s, 'item.closed').items), { state: 'failed' });
    set(find(s, 'run.completed').counts, { skipped: 0, failed: 2 });
  }),
  rule('an item is skipped for the reason ok', (s) => set(first(find(s, 'item.closed').items), { reason: 'ok' })),
  rule('a retry without its time', (s) => Reflect.deleteProperty(find(s, 'attempt.settled'), 'retryAt')),
  rule('outputs without a result', (s) => find(s, 'attempt.settled', 3).outputs.push(LOG)),
  rule('a log under another name', (s) => find(s, 'attempt.settled', 5).outputs.push({ ...LOG, name: 'outputs/log' })),
  rule('a patch under another name', (s) =>
    find(s, 'attempt.settled', 5).outputs.push({ ...PATCH, name: 'outputs/p' }),
  ),
  rule('an output under the name of the patch', (s) =>
    find(s, 'attempt.settled', 5).outputs.push({ ...PATCH, kind: 'output' }),
  ),
  ...['outputs', 'outputs/', 'outputs/../x', 'outputs//x', 'outputs/./x', '/outputs/x', 'x'].map((name) =>
    rule(`an output named ${name}`, (s) =>
      find(s, 'attempt.settled', 5).outputs.push({ ...LOG, kind: 'output', name }),
    ),
  ),
  rule('the run completes while an item is open', (s) => s.splice(indexOf(s, 'attempt.settled', 'table'), 1)),
  rule('something happens after the end', (s) => s.push({ type: 'item.ready', data: { items: ['build'] } }), [
    'state-machine TRANSITION_IMPOSSIBLE',
    'seal SEAL_MISMATCH',
  ]),
  rule('the run is completed as done', (s) => set(find(s, 'run.completed'), { state: 'done' })),
  rule('a retry is not counted', (s) => set(find(s, 'run.completed').counts, { retries: 0 })),
  rule('an unsandboxed attempt is not counted', (s) => set(find(s, 'run.completed').counts, { unsandboxed: 0 })),
  rule('an item is left out of the plan', (s) => find(s, 'run.planned', 1).items.pop(), [
    'plan PLAN_MISMATCH',
    'state-machine TRANSITION_IMPOSSIBLE',
    'manifests MANIFEST_MISMATCH',
    'hand-off INPUT_MISMATCH',
  ]),
  rule('a dependency is taken out of the plan', (s) => set(first(find(s, 'run.planned', 1).items), { deps: [] }), [
    'plan PLAN_MISMATCH',
    'state-machine TRANSITION_IMPOSSIBLE',
  ]),
  rule('the plan has another digest', (s) => set(find(s, 'run.opened'), { plan: OTHER }), ['plan PLAN_MISMATCH']),
  rule('the opening promises other edges', (s) => set(find(s, 'run.opened'), { edges: 5 }), ['plan PLAN_MISMATCH']),
  rule(
    'the plan has an item that depends on itself',
    (s) => {
      const slow = find(s, 'run.planned', 1).items[1];
      if (slow !== undefined) slow.deps = ['slow'];
      find(s, 'run.opened').plan = planDigest(
        PLAN.map((entry) => (entry.id === 'slow' ? { ...entry, deps: ['slow'] } : entry)),
      );
      find(s, 'run.opened').edges = 5;
    },
    ['plan PLAN_MISMATCH', 'state-machine TRANSITION_IMPOSSIBLE'],
  ),
];

function rule(
  title: string,
  story: (story: RunEvent[]) => void,
  failing: string[] = ['state-machine TRANSITION_IMPOSSIBLE'],
): Forged {
  return forged(title, { story }, failing);
}

function indexOf(story: readonly RunEvent[], type: EventType, item?: string, attempt = 1): number {
  return story.findIndex((event) => {
    if (event.type !== type || item === undefined) return event.type === type;
    const data = event.data as { item?: string; attempt?: number };
    return data.item === item && data.attempt === attempt;
  });
}

function claimAt(story: readonly RunEvent[], item: string): AttemptClaim {
  const claims = story.flatMap((event) => (event.type === 'attempt.claimed' ? event.data.claims : []));
  return first(claims.filter((one) => one.item === item));
}

/** The lock in the n-th claim that takes it. */
function lockOf(story: readonly RunEvent[], n: number): FencedLock {
  const claims = story.flatMap((event) => (event.type === 'attempt.claimed' ? event.data.claims : []));
  return first(claims.flatMap(({ locks }) => locks).slice(n));
}

interface AttemptRecord {
  item: string;
  attempt: number;
  id: string;
  epoch?: number;
}

/** Every place that names an attempt: its claim, its dispatch, its end. */
function eachRecord(story: RunEvent[], item: string, attempt: number, edit: (record: AttemptRecord) => void): void {
  const records = story.flatMap((event): AttemptRecord[] => {
    if (event.type === 'attempt.claimed') return event.data.claims;
    return event.type === 'attempt.dispatched' || event.type === 'attempt.settled' ? [event.data] : [];
  });
  for (const record of records) if (record.item === item && record.attempt === attempt) edit(record);
}
