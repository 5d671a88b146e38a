/** The smallest bundle that has one of everything: a patch, a check, two log keys, witnesses, an unknown signer, a token. */
import type { RunEvent } from '../../packages/verify/src/record/events.ts';
import type { PolicyFile } from '../../packages/verify/src/verdict/policy.ts';
import { cosigned, policyFile, witnessPolicy } from './auditor-material.ts';
import { find, set } from './forged.ts';
import type { Forgery } from './honest-bundle.ts';
import { secondLine, withSecondKey } from './key-forgeries.ts';
import { newSigner, signedNote } from './naive-evidence.ts';
import { PATCH, PLAN, planDigest } from './story.ts';
import { stamped, tsaTrust } from './time-forgeries.ts';

const ITEM = PLAN.filter(({ id }) => id === 'lint');
export const UNKNOWN_SIGNER = 'somebody.example/else';
const UNKNOWN = newSigner('ed25519');

/** One item, whose only attempt leaves a patch and passes a gate. */
function shorten(story: RunEvent[]): void {
  const { claimed } = find(story, 'attempt.settled', 5);
  const kept = story.filter((event) => {
    if (event.type === 'attempt.dispatched' || event.type === 'attempt.settled') return event.data.item === 'lint';
    return !['item.closed', 'control.accepted'].includes(event.type);
  });
  const isFirst = ({ type }: RunEvent, index: number): boolean =>
    kept.findIndex((event) => event.type === type) === index;
  story.splice(0, story.length, ...kept.filter(isFirst));
  set(find(story, 'run.opened'), { items: 1, edges: 0, plan: planDigest(ITEM) });
  set(find(story, 'run.planned'), { parts: 1, items: structuredClone(ITEM) });
  set(find(story, 'item.ready'), { items: ['lint'] });
  const { claims } = find(story, 'attempt.claimed');
  set(find(story, 'attempt.claimed'), { claims: claims.filter(({ item }) => item === 'lint') });
  const success = { outcome: 'succeeded', reason: 'ok', next: 'done', spent: false } as const;
  set(find(story, 'attempt.settled'), { ...success, outputs: [PATCH], claimed });
  const none = { failed: 0, skipped: 0, cancelled: 0, denied: 0, retries: 0, unsandboxed: 0 };
  set(find(story, 'run.completed'), { state: 'done', counts: { items: 1, done: 1, attempts: 1, ...none } });
}

function unknownLine(note: string): string {
  const line = signedNote(note.slice(0, note.lastIndexOf('\n\n') + 1), UNKNOWN_SIGNER, UNKNOWN)
    .trimEnd()
    .split('\n')
    .at(-1);
  return `${note}${line}\n`;
}

export const SMALL: Forgery = {
  story: shorten,
  note: (note) => unknownLine(cosigned(cosigned(secondLine(note), 0), 1)),
};

export const SMALL_AND_STAMPED: Forgery = { ...SMALL, lines: stamped() };

/** Everything in the bundle is judged, but for the signer that nobody knows. */
export function wholePolicy(): PolicyFile {
  return policyFile({
    keys: withSecondKey(),
    witnesses: witnessPolicy(2),
    tsa: tsaTrust(),
    require: { integrity: 'witnessed', time: 'tsa-attested', completeness: 'run' },
  });
}

/** The same without roots: a token is not judged. */
export function policyWithoutRoots(): PolicyFile {
  const { tsa: _tsa, ...rest } = wholePolicy();
  return { ...rest, require: { integrity: 'witnessed' } };
}
