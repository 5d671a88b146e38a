/**
 * The honest story with gates: two of three reviewers let `gate` pass, and `behind` runs; whoever submitted the run approves
 * `own`; nobody says anything about `quiet` in time.
 */
import type { EventData, PlannedItem, Pseudonym, RunEvent } from '../../packages/verify/src/record/events.ts';
import { find, OTHER, set } from './forged.ts';
import { digest } from './naive-evidence.ts';
import { claim, claimed, dispatched, PLAN, PRINCIPAL, planDigest, settled } from './story.ts';

export const REVIEWERS: readonly Pseudonym[] = ['a1', 'b2', 'c3'].map(
  (hex): Pseudonym => `hmac-sha256:${hex.repeat(32)}`,
);
export const [ADA, BOB, EVE] = REVIEWERS as [Pseudonym, Pseudonym, Pseudonym];

const GATES: PlannedItem[] = [
  planned('behind', { deps: ['gate'] }),
  planned('gate', { gate: { approvals: 2, reviewers: 3, expiresMs: 3_600_000 } }),
  planned('own', { gate: { approvals: 1, reviewers: 0 } }),
  planned('quiet', { gate: { approvals: 1, reviewers: 0, expiresMs: 1_000 } }),
];

function planned(id: string, more: Partial<PlannedItem>): PlannedItem {
  return { id, spec: digest(`spec of ${id}`), deps: [], needs: [], locks: [], maxAttempts: 1, ...more };
}

export function verdict(verb: 'approve' | 'reject', item: string, principal: Pseudonym): RunEvent {
  return { type: 'control.accepted', data: { verb, item, principal, control: OTHER } };
}

export function end(id: string, state: EventData['item.closed']['items'][number]['state'], reason: string): RunEvent {
  return { type: 'item.closed', data: { items: [{ id, state, reason }] } };
}

/** When an event at that place of the story happens. */
export function timeAt(place: number, laterMs = 0): string {
  return new Date(Date.UTC(2026, 10, 21, 5, 0, place) + laterMs).toISOString();
}

/** @param edit of the plan of the gates, before it is sealed */
export function putUpGates(story: RunEvent[], edit: (plan: PlannedItem[]) => void = () => {}): void {
  const plan = structuredClone(GATES);
  edit(plan);
  const opened = find(story, 'run.opened');
  const edges = plan.reduce((sum, { deps }) => sum + deps.length, 0);
  set(opened, { plan: planDigest([...PLAN, ...plan]), items: 10, edges: opened.edges + edges });
  find(story, 'run.planned', 1).items.push(...plan);
  const place = story.length - 1;
  const items = [
    { id: 'gate', reviewers: [...REVIEWERS], expiresAt: timeAt(place, 3_600_000) },
    { id: 'own', reviewers: [PRINCIPAL] },
    { id: 'quiet', reviewers: [PRINCIPAL], expiresAt: timeAt(place, 1_000) },
  ];
  story.splice(
    -1,
    0,
    { type: 'item.suspended', data: { items } },
    verdict('approve', 'gate', ADA),
    verdict('reject', 'gate', BOB),
    verdict('approve', 'gate', EVE),
    end('gate', 'done', 'approved'),
    verdict('approve', 'own', PRINCIPAL),
    end('own', 'done', 'approved'),
    end('quiet', 'denied', 'gate_expired'),
    { type: 'item.ready', data: { items: ['behind'] } },
    claimed(claim('behind', 1)),
    dispatched('behind', 1, 'bubblewrap'),
    settled('behind', 1, {}),
  );
  set(find(story, 'run.completed').counts, { items: 10, done: 6, denied: 1, attempts: 7 });
}
