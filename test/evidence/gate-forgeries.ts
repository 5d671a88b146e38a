/** Gates that could not have been decided so, sealed by someone who holds every key. */
import type { EventData, PlannedItem, RunEvent } from '../../packages/verify/src/record/events.ts';
import { entryOf } from './branching-story.ts';
import { type Forged, find, first, forged, set } from './forged.ts';
import { ADA, BOB, EVE, end, putUpGates, timeAt, verdict } from './gated-story.ts';
import { asked } from './steered-story.ts';
import { PRINCIPAL } from './story.ts';

const GATE = 0;
const OWN = 1;
const QUIET = 2;

export const OF_GATES: Forged[] = [
  rule('a gate passes with one approval too few', (s) => s.splice(at(s, ADA), 1)),
  rule('a silent reviewer counts as one who approves', (s) => s.splice(at(s, EVE), 1)),
  rule('a dissent counts as an approval', (s) => set(verdictOf(s, EVE), { verb: 'reject' })),
  rule('one reviewer approves twice', (s) => set(verdictOf(s, EVE), { principal: ADA })),
  rule('one reviewer approves and rejects', (s) => set(verdictOf(s, BOB), { principal: ADA })),
  rule('a stranger approves', (s) => set(verdictOf(s, EVE), { principal: PRINCIPAL })),
  rule('a verdict comes before the gate waits for one', (s) => s.splice(4, 0, verdict('approve', 'gate', ADA))),
  rule('a verdict comes after the gate was decided', (s) => s.splice(-1, 0, verdict('approve', 'own', PRINCIPAL))),
  rule('a verdict more than it takes is given before the gate ends', (s) => {
    set(verdictOf(s, BOB), { verb: 'approve' });
  }),
  rule('a verdict is given after the time of the gate', (s) => {
    s.splice(placeOf(s, 'quiet'), 0, verdict('approve', 'quiet', PRINCIPAL));
    set(endOf(s, 'quiet'), { state: 'done', reason: 'approved' });
    set(find(s, 'run.completed').counts, { done: 7, denied: 0 });
  }),
  rule('a verdict on an item that is no gate', (s) => s.splice(-1, 0, verdict('approve', 'build', PRINCIPAL))),
  rule('a verdict on nothing', (s) => s.splice(-1, 0, asked('approve'))),
  rule('a verdict after the run was stopped', (s) => {
    s.splice(at(s, ADA), 0, asked('cancel'), { type: 'run.stopping', data: { reason: 'cancelled' } });
  }),
  rule('a gate passes for another reason', (s) => set(endOf(s, 'gate'), { reason: 'fine' })),
  rule('a gate that its reviewers let pass is denied', (s) =>
    set(endOf(s, 'gate'), { state: 'denied', reason: 'rejected' }),
  ),
  rule('a gate that its reviewers let pass expires', (s) =>
    set(endOf(s, 'gate'), { state: 'denied', reason: 'gate_expired' }),
  ),
  rule('a gate that its reviewers let pass is passed over', (s) => {
    s.splice(at(s, EVE), 0, asked('skip', 'gate'));
    set(endOf(s, 'gate'), { state: 'skipped', reason: 'skip_requested' });
  }),
  rule('a gate is denied while enough are left who could approve', (s) =>
    set(endOf(s, 'quiet'), { state: 'denied', reason: 'rejected' }),
  ),
  rule('a gate expires before its time', (s) => set(endOf(s, 'quiet'), { reason: 'gate_expired' }), {
    expiresMs: 60_000,
  }),
  rule('a gate expires that has no time', (s) => {
    s.splice(at(s, PRINCIPAL), 1);
    set(endOf(s, 'own'), { state: 'denied', reason: 'gate_expired' });
  }),
  rule('a gate is denied for no reason of gates', (s) => set(endOf(s, 'quiet'), { reason: 'because' })),
  rule('a gate waits for more reviewers than were planned', (s) => suspended(s, OWN).reviewers.push(ADA)),
  rule('a gate waits for fewer reviewers than were planned', (s) => suspended(s, GATE).reviewers.splice(1, 1)),
  rule('a gate names a reviewer twice', (s) => suspended(s, GATE).reviewers.splice(1, 1, ADA)),
  rule('somebody else decides in the place of who submitted the run', (s) => {
    suspended(s, OWN).reviewers = [ADA];
    set(verdictOf(s, PRINCIPAL), { principal: ADA });
  }),
  rule('a gate waits longer than was planned', (s) =>
    set(suspended(s, GATE), { expiresAt: timeAt(s.length, 7_200_000) }),
  ),
  rule('a gate waits for ever that was to expire', (s) => Reflect.deleteProperty(suspended(s, GATE), 'expiresAt')),
  rule('a gate expires that was to wait for ever', (s) => set(suspended(s, OWN), { expiresAt: timeAt(s.length) })),
  rule('an item that is no gate is suspended', (s) => set(suspended(s, QUIET), { id: 'behind' })),
  rule('a gate waits twice', (s) => find(s, 'item.suspended').items.push(suspended(s, GATE))),
  rule('a gate is claimed like work', (s) => {
    const place = s.findIndex(({ type }) => type === 'item.suspended');
    s.splice(place, 0, { type: 'item.ready', data: { items: ['own'] } });
    find(s, 'item.suspended').items.splice(OWN, 1);
  }),
  rule('what waits for a gate begins before it is decided', (s) => {
    const place = s.findLastIndex(({ type }) => type === 'item.ready');
    const [early] = s.splice(place, 1);
    s.splice(at(s, EVE), 0, early as RunEvent);
  }),
  rule('a run ends while a gate waits', (s) => s.splice(placeOf(s, 'quiet'), 1)),
  rule('an item that is no gate is done without an attempt', (s) => {
    s.splice(
      s.findLastIndex(({ type }) => type === 'attempt.claimed'),
      3,
      end('behind', 'done', 'approved'),
    );
    set(find(s, 'run.completed').counts, { attempts: 6 });
  }),
  rule('a plan asks for more approvals than were given', (s) => s, {
    plan: (plan) => set(entryOf(plan, 'gate'), { gate: { approvals: 3, reviewers: 3, expiresMs: 3_600_000 } }),
  }),
];

interface More {
  plan?: (plan: PlannedItem[]) => unknown;
  /** Of the gate about which nobody says anything. */
  expiresMs?: number;
}

function rule(title: string, edit: (story: RunEvent[]) => unknown, { plan, expiresMs }: More = {}): Forged {
  const story = (s: RunEvent[]): void => {
    putUpGates(s, (entries) => {
      plan?.(entries);
      if (expiresMs !== undefined) set(entryOf(entries, 'quiet'), { gate: { approvals: 1, reviewers: 0, expiresMs } });
    });
    const place = s.findIndex(({ type }) => type === 'item.suspended');
    if (expiresMs !== undefined) set(suspended(s, QUIET), { expiresAt: timeAt(place, expiresMs) });
    edit(s);
  };
  return forged(title, { story }, ['state-machine TRANSITION_IMPOSSIBLE']);
}

function suspended(story: readonly RunEvent[], n: number): EventData['item.suspended']['items'][number] {
  return first(find(story, 'item.suspended').items.slice(n));
}

/** Where somebody's verdict stands. */
function at(story: readonly RunEvent[], principal: string): number {
  return story.findIndex(
    ({ type, data }) =>
      type === 'control.accepted' && ['approve', 'reject'].includes(data.verb) && data.principal === principal,
  );
}

function verdictOf(story: readonly RunEvent[], principal: string): EventData['control.accepted'] {
  return (story[at(story, principal)] as Extract<RunEvent, { type: 'control.accepted' }>).data;
}

function placeOf(story: readonly RunEvent[], item: string): number {
  return story.findIndex(({ type, data }) => type === 'item.closed' && data.items[0]?.id === item);
}

function endOf(story: readonly RunEvent[], item: string): EventData['item.closed']['items'][number] {
  const closed = story[placeOf(story, item)] as Extract<RunEvent, { type: 'item.closed' }>;
  return first(closed.data.items);
}
