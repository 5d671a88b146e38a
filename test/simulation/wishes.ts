/** What people ask of a run after they have submitted it. Each wish draws from a source of its own, as traits do. */
import { deriveRunId } from '@waybill/verify';
import type { Random } from '../support/random.ts';
import { abortOf, answerOf, cancelOf, controlOf, runOf } from '../support/run-spec.ts';
import { type Asked, type Deed, PRINCIPALS, type Subject } from './deed.ts';
import { additions, branchesSteered } from './growth-plan.ts';
import { type Place, sourceOf } from './traits.ts';

const MINUTE_MS = 60_000;

type Wish = (random: Random, subject: Subject, place: Place) => Asked[];

const WISHES: Readonly<Record<string, Wish>> = {
  again,
  other,
  verdicts,
  mind: changesOfMind,
  turns,
  answers,
  additions,
  branches: branchesSteered,
  nothing: allSkipped,
};

export function wishesFor(place: Place, subject: Subject): Deed[] {
  return Object.entries(WISHES).flatMap(([name, draw]) =>
    draw(sourceOf(place, name), subject, place).map(({ document, afterMs, who = subject.principal, key }, n): Deed => {
      const own = `@control/${who}/${name}-${place.run}-${n}.json`;
      return { atMs: subject.atMs + afterMs, key: key ?? own, document, run: place.run };
    }),
  );
}

/** The same submission comes again. */
function again(random: Random, { key, document }: Subject): Asked[] {
  return random.chance(0.2) ? [{ key, document, afterMs: random.below(5 * MINUTE_MS) }] : [];
}

/** Something else comes under the same name. */
function other(random: Random, { key, queue }: Subject): Asked[] {
  const document = runOf([{ id: 'other' }], { queue });
  return random.chance(0.1) ? [{ key, document, afterMs: random.below(2 * MINUTE_MS) }] : [];
}

/** Of anybody, about any gate, most of them while it waits. */
function verdicts(random: Random, { runId, items }: Subject): Asked[] {
  const gates = items.filter(({ gate }) => gate !== undefined);
  return gates.flatMap(({ id }) =>
    Array.from({ length: 3 + random.below(6) }, () => ({
      who: PRINCIPALS[random.below(3)] as string,
      document: controlOf(random.chance(0.75) ? 'approve' : 'reject', runId, id),
      afterMs: random.below(6 * MINUTE_MS),
    })),
  );
}

/** Before it has begun, if it begins late: of a run with many items one would have begun by then. */
function allSkipped(random: Random, { runId, items }: Subject): Asked[] {
  const [only, ...others] = items;
  if (only === undefined || others.length > 0 || random.chance(0.3)) return [];
  return [{ document: controlOf('skip', runId, only.id), afterMs: random.below(10_000) }];
}

/** To whoever may ask, and many of them while nobody does. */
function answers(random: Random, { runId, items }: Subject): Asked[] {
  const asking = items.filter(({ env }) => env?.ASKS !== undefined);
  return asking.flatMap(({ id }) =>
    Array.from({ length: random.below(8) }, (_, n) => ({
      document: answerOf(runId, id, `answer ${n}`),
      afterMs: random.below(6 * MINUTE_MS),
    })),
  );
}

/** Some give up their turns, most of them early, when there is still a queue. */
function turns(random: Random, { runId, items }: Subject): Asked[] {
  return Array.from({ length: random.below(4) }, () => ({
    document: controlOf('requeue', runId, items[random.below(items.length)]?.id ?? 'none'),
    afterMs: random.below(random.chance(0.7) ? 40_000 : 6 * MINUTE_MS),
  }));
}

function changesOfMind(random: Random, { principal, runId, items }: Subject): Asked[] {
  const soon = (): number => random.below(random.chance(0.7) ? 40_000 : 6 * MINUTE_MS);
  return Array.from({ length: random.below(6) }, (): Asked[] => {
    const item = items[random.below(items.length)]?.id ?? 'none';
    const draw = random.fraction();
    const afterMs = soon();
    if (draw < 0.3) return [{ document: cancelOf(runId, item), afterMs }];
    if (draw < 0.4) return [{ document: controlOf('skip', runId, item), afterMs }];
    if (draw < 0.5) return [{ document: controlOf('retry', runId, item), afterMs }];
    if (draw < 0.65) {
      const pause = { document: controlOf('pause', runId), afterMs };
      const resume = { document: controlOf('resume', runId), afterMs: afterMs + soon() };
      return random.chance(0.8) ? [pause, resume] : [pause];
    }
    if (draw < 0.77) return [{ document: cancelOf(runId), afterMs }];
    if (draw < 0.87) return [{ document: abortOf(runId, 'regret'), afterMs }];
    if (draw < 0.91) return [{ document: cancelOf(runId), who: PRINCIPALS[2], afterMs }];
    if (draw < 0.95) return [{ document: cancelOf(deriveRunId(principal, 'nothing')), afterMs }];
    return [{ document: { ...cancelOf(runId), kind: 'Nonsense' }, afterMs }];
  }).flat();
}
