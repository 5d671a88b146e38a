/** What a control may say by itself, whatever happened before it. Throws Contradiction. */
import { mustHold } from '../contradiction.ts';
import type { EventData } from '../record/events.ts';

const OF_ITEMS: ReadonlySet<string> = new Set(['requeue', 'retry', 'skip']);
const OF_RUNS: ReadonlySet<string> = new Set(['pause', 'resume']);

/** @param owner the principal of `run.opened`: whoever else is heard gives a verdict, which its gate judges */
export function mustBeWhole(
  { verb, item, principal, answer, reviewed }: EventData['control.accepted'],
  owner: string | undefined,
): void {
  mustHold(item === undefined || !OF_RUNS.has(verb), `a ${verb} is about item ${item}`);
  mustHold(item !== undefined || !OF_ITEMS.has(verb), `a ${verb} is about no item`);
  mustHold((verb === 'answer') === (answer !== undefined), `a ${verb} is accepted, which its answer denies`);
  const isVerdict = verb === 'approve' || verb === 'reject';
  mustHold(isVerdict || principal === owner, `a ${verb} is accepted from somebody else than the owner of the run`);
  mustHold(isVerdict || reviewed === undefined, `a ${verb} is accepted and says what was looked at`);
}
