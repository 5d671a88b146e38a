/** Checks that every intent was judged, once, as its verdict says, and that none was left by an item that must not. */
import { mustFind, mustHold } from '../contradiction.ts';
import { isSameJson } from '../json/same.ts';
import type { EventData, RecordedOutput } from '../record/events.ts';
import { INTENT_REASONS, isIntent } from '../record/intent.ts';
import type { Check, CheckContext } from './check.ts';

type Settled = EventData['attempt.settled'];

export const intents: Check = {
  id: 'intents',
  code: 'INTENT_UNJUDGED',
  claim:
    'Whatever an item that is done asked for outside was judged once, by one policy always alike, and only items that may ask have.',
  start({ facts }: CheckContext) {
    /** By attempt: what was left and has not been judged. */
    const open = new Map<string, Pick<Settled, 'item' | 'attempt'> & { left: RecordedOutput[] }>();
    /** By policy and kind: nothing else decides, so that no second verdict is another one. */
    const said = new Map<string, string>();
    return {
      event(event) {
        if (event.type === 'item.reused') {
          const { item, outputs } = event.data;
          mustHold(!outputs.some(({ name }) => isIntent(name)), `item ${item} takes over an intent`);
        }
        if (event.type === 'attempt.settled' && event.data.next === 'done') {
          const { item, attempt, id, outputs } = event.data;
          const left = outputs.filter(({ name }) => isIntent(name));
          if (left.length === 0) return;
          const mayAsk = facts.plan.items.get(item)?.effect === 'write';
          mustHold(mayAsk, `item ${item} is done, and left intents that its plan does not let it leave`);
          open.set(id, { item, attempt, left });
        }
        if (event.type === 'intents.judged') {
          const { item, attempt, id, policy, intents: judged } = event.data;
          const at = `the verdict on the intents of attempt ${attempt} at item ${item}`;
          const { left, ...of } = mustFind(open.get(id), `${at} is about none, or is the second`);
          mustHold(of.item === item && of.attempt === attempt, `${at} names another attempt`);
          const named = judged.map(({ name, sha256 }) => ({ name, sha256 }));
          const due = left.map(({ name, sha256 }) => ({ name, sha256 }));
          mustHold(isSameJson(named, due), `${at} is not about what it left`);
          for (const { kind, verdict, reason } of judged) {
            mustHold(reason === INTENT_REASONS[verdict], `${at} is ${verdict} for reason ${reason}`);
            const earlier = said.get(`${policy} ${kind}`) ?? verdict;
            mustHold(earlier === verdict, `${at} is ${verdict} for ${kind}, of which the same policy said ${earlier}`);
            said.set(`${policy} ${kind}`, verdict);
          }
          open.delete(id);
        }
        if (event.type === 'run.completed')
          for (const { item } of open.values()) mustHold(false, `item ${item} left intents that nobody judged`);
      },
    };
  },
};
