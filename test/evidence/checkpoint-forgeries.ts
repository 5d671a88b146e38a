/** Checkpoints that nobody left, and attempts that go on from another one than they may, sealed by someone who holds every key. */
import type { EventData, RunEvent } from '../../packages/verify/src/record/events.ts';
import type { ManifestInput } from '../../packages/verify/src/record/statement.ts';
import { type Forged, find, first, forged, OTHER, set } from './forged.ts';
import type { Forgery } from './honest-bundle.ts';
import { digest } from './naive-evidence.ts';

type Settled = EventData['attempt.settled'];

const IMPOSSIBLE = ['state-machine TRANSITION_IMPOSSIBLE'];
const MISGIVEN = ['hand-off INPUT_MISMATCH'];

/** The honest story in which the first attempt of `build` reaches a limit and leaves what the second goes on from. */
export function goOn(story: RunEvent[], more: Partial<Settled> = {}): void {
  const build = find(story, 'attempt.settled');
  set(build.claimed, { outcome: 'deferred', reason: 'turn_limit', exit: 57 });
  set(build, { outcome: 'deferred', reason: 'turn_limit', checkpoint: digest('so far'), ...more });
}

/** The same where it ran out of time. */
export function goOnAfterTimeout(story: RunEvent[]): void {
  goOn(story, { outcome: 'timed_out', reason: 'timeout' });
  set(find(story, 'attempt.settled').claimed, { outcome: 'timed_out', reason: 'timeout' });
}

export const OF_CHECKPOINTS: Forged[] = [
  rule('an attempt that has failed leaves a checkpoint', (build) => {
    set(build, { outcome: 'failed', reason: 'exit_nonzero' });
    set(build.claimed, { outcome: 'failed', reason: 'exit_nonzero', exit: 1 });
  }),
  rule('an attempt leaves a checkpoint that its worker says has failed', (build) =>
    set(build.claimed, { outcome: 'failed', reason: 'exit_nonzero', exit: 1 }),
  ),
  rule('an attempt without a result leaves a checkpoint', (build) =>
    set(build, { outcome: 'timed_out', reason: 'timeout', result: null, claimed: { blocks: [] } }),
  ),
  given('an attempt does not go on from the checkpoint of its item', (inputs) => inputs.pop()),
  given('an attempt goes on from another checkpoint', (inputs) => set(first(inputs), { sha256: OTHER })),
  given('an attempt goes on from the checkpoint of another item', (inputs) =>
    set(first(inputs).from, { item: 'lint' }),
  ),
  given('an attempt goes on from the checkpoint of another attempt', (inputs) =>
    set(first(inputs).from, { attempt: 2 }),
  ),
  given('a checkpoint passes for an answer', (inputs) => set(first(inputs).from, { output: 'answer' })),
  forged('an attempt goes on from a checkpoint that nobody left', { manifest: inventing }, MISGIVEN),
];

function inventing({ predicate }: Parameters<NonNullable<Forgery['manifest']>>[0]): void {
  const { item, attempt, inputs } = predicate;
  const from = { item, attempt: 1, output: 'checkpoint' };
  if (item === 'build' && attempt === 2) inputs.push({ key: 'checkpoint.waybill', sha256: OTHER, sizeBytes: 6, from });
}

function rule(title: string, edit: (build: Settled) => unknown): Forged {
  const story = (s: RunEvent[]): void => {
    goOn(s);
    edit(find(s, 'attempt.settled'));
  };
  return forged(title, { story }, IMPOSSIBLE);
}

function given(title: string, edit: (inputs: ManifestInput[]) => unknown): Forged {
  const manifest: Forgery['manifest'] = ({ predicate: { item, attempt, inputs } }) => {
    if (item === 'build' && attempt === 2) edit(inputs);
  };
  return forged(title, { story: (s) => goOn(s), manifest }, MISGIVEN);
}
