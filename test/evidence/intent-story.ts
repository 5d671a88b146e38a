/** The honest story with an item that writes: of its two intents, each of its own kind, one is allowed and one denied. */
import type { EventData, PlannedItem, RecordedOutput, RunEvent } from '../../packages/verify/src/record/events.ts';
import { find, set } from './forged.ts';
import { digest } from './naive-evidence.ts';
import { claim, claimed, dispatched, PLAN, planDigest, settled } from './story.ts';

type Judged = EventData['intents.judged']['intents'][number];

const intent = (name: string): RecordedOutput => ({
  name: `outputs/.waybill/intents/${name}.json`,
  kind: 'output',
  sha256: digest(`intent ${name}`),
  sizeBytes: 8,
});
export const LEFT: readonly RecordedOutput[] = [intent('a'), intent('b')];

const KINDS = ['publish.file', 'publish.files'];

const WRITER: PlannedItem = {
  id: 'writer',
  spec: digest('spec of writer'),
  deps: [],
  needs: [],
  locks: [],
  maxAttempts: 1,
  effect: 'write',
};

export function judged(n: number, verdict: Judged['verdict']): Judged {
  const { name, sha256 } = LEFT[n] as RecordedOutput;
  const reason = verdict === 'allow' ? 'kind_allowed' : 'kind_not_allowed';
  return { name, sha256, kind: KINDS[n] as string, verdict, reason };
}

/** @param edit of the plan of the item, before it is sealed */
export function write(story: RunEvent[], edit: (item: PlannedItem) => unknown = () => {}): void {
  const item = structuredClone(WRITER);
  edit(item);
  set(find(story, 'run.opened'), { plan: planDigest([...PLAN, item]), items: 7 });
  find(story, 'run.planned', 1).items.push(item);
  const { id } = claim('writer', 1);
  const policy = digest('a policy');
  const intents = [judged(0, 'allow'), judged(1, 'deny')];
  story.splice(
    -1,
    0,
    { type: 'item.ready', data: { items: ['writer'] } },
    claimed(claim('writer', 1)),
    dispatched('writer', 1, 'bubblewrap'),
    settled('writer', 1, { outputs: structuredClone([...LEFT]) }),
    {
      type: 'intents.judged',
      data: { item: 'writer', attempt: 1, id, phase: 'intent', layer: 'deployment', policy, intents },
    },
  );
  set(find(story, 'run.completed').counts, { items: 7, done: 4, attempts: 7 });
}
