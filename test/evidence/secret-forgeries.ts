/** Secrets that were given as they cannot have been, sealed by someone who holds every key. */
import type { EventOf, RunEvent } from '../../packages/verify/src/record/events.ts';
import { type Forged, find, first, forged, set } from './forged.ts';
import type { Forgery } from './honest-bundle.ts';
import { digest } from './naive-evidence.ts';
import { USAGE } from './paid-story.ts';
import { attemptId, NOTES } from './story.ts';
import { askOnce } from './talk-forgeries.ts';

const IMPOSSIBLE = 'state-machine TRANSITION_IMPOSSIBLE';
const MISNAMED = 'manifests MANIFEST_MISMATCH';
const BOTH = ['model:eu.model-1:0', 'npm-token'];

const given = (secrets: string[]): RunEvent => ({
  type: 'secrets.released',
  data: { item: 'lint', attempt: 1, id: attemptId('lint', 1), secrets },
});

function placeOf(story: readonly RunEvent[], type: 'attempt.dispatched' | 'attempt.settled', item = 'lint'): number {
  return story.findIndex((event) => event.type === type && event.data.item === item);
}

/** The honest story in which `lint` is given what its manifest names. */
export function giveSecrets(story: RunEvent[], secrets: string[] = ['npm-token']): void {
  story.splice(placeOf(story, 'attempt.settled'), 0, given(secrets));
}

/** In its manifest. */
export const namingSecrets: NonNullable<Forgery['manifest']> = ({ predicate }) => {
  if (predicate.item === 'lint') predicate.secrets = ['npm-token'];
};

/** The same of a secret and of a session with a model. */
export const giveSession = (story: RunEvent[]): void => giveSecrets(story, BOTH);
export const namingSession: NonNullable<Forgery['manifest']> = ({ predicate }) => {
  if (predicate.item === 'lint') predicate.secrets = BOTH;
};

/** The honest story in which `lint` is given none, and runs nothing. */
export function withholdSecrets(story: RunEvent[]): void {
  const { data } = story[placeOf(story, 'attempt.settled')] as EventOf<'attempt.settled'>;
  set(data, { reason: 'secrets_withheld' });
  set(data.claimed, { reason: 'secrets_withheld' });
}

/** Whatever else comes only from what runs. */
const OF_WHAT_RAN: Readonly<Record<string, (settled: EventOf<'attempt.settled'>['data']) => void>> = {
  'a setup script': ({ claimed }) => {
    const [startedAt, endedAt] = ['2026-11-21T05:00:00.000Z', '2026-11-21T05:00:01.000Z'];
    set(claimed, { setup: [{ capability: 'base', exit: 3, startedAt, endedAt }] });
  },
  usage: ({ claimed }) => set(claimed, { usage: [{ ...USAGE, costMicroUsd: 0 }] }),
  'usage that could not be read': ({ claimed }) => set(claimed, { usageUnread: true }),
  'a file that a capture left out': ({ claimed }) => set(claimed, { excluded: 1 }),
  'an output': ({ outputs }) => void outputs.push(NOTES),
  'a checkpoint': (settled) => {
    set(settled, { outcome: 'deferred', reason: 'turn_limit', checkpoint: digest('so far') });
    set(settled.claimed, { outcome: 'deferred', reason: 'turn_limit' });
  },
};

export const OF_SECRETS: Forged[] = [
  rule('an attempt is given secrets twice', (s) => [giveSecrets(s), giveSecrets(s)], [IMPOSSIBLE]),
  rule(
    'an attempt is given secrets before it was dispatched',
    (s) => {
      s.splice(placeOf(s, 'attempt.dispatched'), 0, given(['npm-token']));
    },
    [IMPOSSIBLE, MISNAMED],
  ),
  rule(
    'an attempt is given secrets after its end',
    (s) => {
      s.splice(placeOf(s, 'attempt.settled') + 1, 0, given(['npm-token']));
    },
    [IMPOSSIBLE, MISNAMED],
  ),
  rule('an attempt is given another secret than its manifest names', (s) => giveSecrets(s, ['aws-key']), [MISNAMED]),
  forged(
    'an attempt succeeds that was never given the secrets of its manifest, as the one before it was',
    {
      manifest: ({ predicate }) => {
        if (predicate.item === 'build') predicate.secrets = ['npm-token'];
      },
      story(s) {
        const data = { item: 'build', attempt: 1, id: attemptId('build', 1), secrets: ['npm-token'] };
        s.splice(placeOf(s, 'attempt.settled', 'build'), 0, { type: 'secrets.released', data });
      },
    },
    [MISNAMED],
  ),
  rule(
    'a block ran of an attempt that was never given its secrets',
    (s) => {
      withholdSecrets(s);
      const { claimed } = find(s, 'attempt.settled', 1);
      claimed.blocks.push({ ...first(find(s, 'attempt.settled').claimed.blocks), index: 0 });
      delete first(claimed.blocks).lens;
    },
    [MISNAMED],
  ),
  ...Object.entries(OF_WHAT_RAN).map(([what, tell]) =>
    rule(
      `of an attempt that was never given its secrets there is ${what}`,
      (s) => {
        withholdSecrets(s);
        tell(find(s, 'attempt.settled', 1));
      },
      [MISNAMED],
    ),
  ),
  rule('an attempt that was never given its secrets asks people', (s) => askOnce(s), [MISNAMED]),
  rule(
    'an attempt that was never given its secrets reached hosts',
    (s) => {
      withholdSecrets(s);
      const seen = [{ block: 0, refused: 'malformed' as const, connections: 1, sentBytes: 0, receivedBytes: 0 }];
      set(find(s, 'attempt.settled', 1).claimed, { egress: { seen } });
    },
    [IMPOSSIBLE],
  ),
  forged(
    'an attempt is given a session with another model than its manifest names',
    { manifest: namingSession, story: (s) => giveSecrets(s, ['model:eu.model-2:0', 'npm-token']) },
    [MISNAMED],
  ),
  misnamed('a manifest names a model without a name, and a session is given', ['model:']),
  misnamed('a manifest names a secret as no secret is called, and it is given', ['tokens:npm']),
  misnamed('a manifest names a secret twice, and both are given', ['aws-key', 'npm-token', 'npm-token']),
  misnamed('a manifest names secrets out of order, and they are given so', ['npm-token', 'aws-key']),
  forged('an attempt is given secrets and its manifest names none', { story: (s) => giveSecrets(s) }, [MISNAMED]),
];

function rule(title: string, story: (story: RunEvent[]) => unknown, failing: string[]): Forged {
  return forged(title, { manifest: namingSecrets, story: (s) => void story(s) }, failing);
}

function misnamed(title: string, secrets: string[]): Forged {
  const manifest: Forgery['manifest'] = ({ predicate }) => {
    if (predicate.item === 'lint') predicate.secrets = secrets;
  };
  return forged(title, { manifest, story: (s) => giveSecrets(s, secrets) }, ['well-formed SHAPE'], { exit: 3 });
}
