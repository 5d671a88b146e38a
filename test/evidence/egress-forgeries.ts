/** What nobody can have reached outside of a sandbox, sealed by someone who holds every key. */
import type { ClaimedEgress, EgressSeen } from '../../packages/verify/src/record/egress.ts';
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import { type Forged, find, first, forged, set } from './forged.ts';

const COUNTS = { connections: 1, sentBytes: 10, receivedBytes: 20 };
const SEEN: EgressSeen[] = [
  { block: 0, host: 'registry.example.org', port: 443, ...COUNTS },
  { block: 1, host: '169.254.169.254', port: 80, refused: 'address', ...COUNTS },
  { block: 1, refused: 'malformed', ...COUNTS },
];

/** The honest story in which the first attempt at `build` was let out. */
export function reachOut(story: RunEvent[]): void {
  const more = { connections: 1, refused: 2, sentBytes: 3, receivedBytes: 4 };
  set(claimedOf(story), { egress: { seen: structuredClone(SEEN), more } });
}

export const OF_EGRESS: Forged[] = [
  rule('a block reached something that did not run', (one) => set(one, { block: 2 })),
  rule('a block reached what has no name', (one) => Reflect.deleteProperty(one, 'host')),
  rule('a block reached a host and no port of it', (one) => Reflect.deleteProperty(one, 'port')),
  shape('nothing was reached, and is told of', (egress) => set(egress, { seen: [] })),
  shape('a connection was made no time', ({ seen }) => set(first(seen), { connections: 0 })),
  shape('a host has a line feed', ({ seen }) => set(first(seen), { host: 'a\nb' })),
  shape('a port is beyond all ports', ({ seen }) => set(first(seen), { port: 65_536 })),
  shape('something was refused for no known reason', ({ seen }) => set(first(seen), { refused: 'because' as 'busy' })),
  shape('less than nothing was left out', ({ more }) => set(more ?? {}, { refused: -1 })),
];

function claimedOf(story: readonly RunEvent[]): EventData['attempt.settled']['claimed'] {
  return find(story, 'attempt.settled').claimed;
}

function rule(title: string, edit: (one: EgressSeen) => unknown): Forged {
  return told(title, ({ seen }) => edit(first(seen)), 'state-machine TRANSITION_IMPOSSIBLE');
}

function shape(title: string, edit: (egress: ClaimedEgress) => unknown): Forged {
  return told(title, edit, 'well-formed SHAPE', 3);
}

function told(title: string, edit: (e: ClaimedEgress) => unknown, check: string, exit: Forged['exit'] = 1): Forged {
  const story = (s: RunEvent[]): void => {
    reachOut(s);
    edit(claimedOf(s).egress as ClaimedEgress);
  };
  return forged(title, { story }, [check], { exit });
}
