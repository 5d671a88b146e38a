/** Every forged bundle of the tamper suite, by what was tampered with. */
import { OF_ATTESTATIONS } from './attestation-forgeries.ts';
import { OF_CAPS } from './cap-forgeries.ts';
import { OF_CHECKPOINTS } from './checkpoint-forgeries.ts';
import { OF_CONTROLS } from './control-forgeries.ts';
import { OF_DECISIONS } from './decision-forgeries.ts';
import { OF_EGRESS } from './egress-forgeries.ts';
import { OF_EXTENSIONS } from './extension-forgeries.ts';
import type { Forged } from './forged.ts';
import { OF_GATES } from './gate-forgeries.ts';
import { OF_GROWTH } from './growth-forgeries.ts';
import { WITH_EVERY_KEY } from './insider-forgeries.ts';
import { OF_INTENTS } from './intent-forgeries.ts';
import { OF_KEYS, OF_POLICIES } from './key-forgeries.ts';
import { WITH_ANOTHER_KEY, WITHOUT_A_KEY } from './outsider-forgeries.ts';
import { OF_PLANS } from './plan-forgeries.ts';
import { OF_QUORUMS } from './quorum-forgeries.ts';
import { OF_REUSE } from './reuse-forgeries.ts';
import { OF_REVIEWS } from './review-forgeries.ts';
import { AGAINST_THE_RULES } from './rule-forgeries.ts';
import { OF_SECRETS } from './secret-forgeries.ts';
import { OF_SENT_BACK } from './sent-back-forgeries.ts';
import { OF_ANCHORS, OF_STATES, OF_WITNESSES } from './storage-forgeries.ts';
import { OF_TALK } from './talk-forgeries.ts';
import { OF_TIME } from './time-forgeries.ts';
import { OF_TYPES } from './typed-forgeries.ts';

/** Of forgeries that may be about anything, told by the first check that refuses them. */
const CLASS_OF_CHECK: Readonly<Record<string, string>> = {
  'well-formed': 'container',
  container: 'container',
  identity: 'replay',
  sequence: 'events',
  plan: 'events',
  'hand-off': 'events',
  'state-machine': 'events',
  manifests: 'attestations',
  provenance: 'attestations',
  'test-results': 'attestations',
  reuse: 'attestations',
  intents: 'events',
  'reuse-signatures': 'keys',
  seal: 'state and seal',
  'log-entries': 'log',
  'log-inclusion': 'log',
  'checkpoint-signature': 'keys',
};

function kindOf({ failing }: Forged): string {
  return CLASS_OF_CHECK[failing[0]?.split(' ')[0] ?? ''] ?? 'container';
}

const BY_CHECK = Map.groupBy(
  [
    ...WITHOUT_A_KEY,
    ...WITH_EVERY_KEY,
    ...AGAINST_THE_RULES,
    ...OF_DECISIONS,
    ...OF_GATES,
    ...OF_CONTROLS,
    ...OF_SENT_BACK,
    ...OF_CAPS,
    ...OF_TALK,
    ...OF_TYPES,
    ...OF_CHECKPOINTS,
    ...OF_EGRESS,
    ...OF_SECRETS,
    ...OF_REVIEWS,
    ...OF_REUSE,
    ...OF_INTENTS,
    ...OF_GROWTH,
    ...OF_EXTENSIONS,
    ...OF_PLANS,
    ...OF_QUORUMS,
    ...OF_ATTESTATIONS,
  ],
  kindOf,
);

function withMore(kind: string, ...more: readonly Forged[]): readonly Forged[] {
  return [...(BY_CHECK.get(kind) ?? []), ...more];
}

export const TAMPER_SUITE: Readonly<Record<string, readonly Forged[]>> = {
  events: withMore('events'),
  replay: withMore('replay'),
  attestations: withMore('attestations'),
  'state and seal': withMore('state and seal', ...OF_STATES),
  log: withMore('log'),
  witnesses: OF_WITNESSES,
  time: OF_TIME,
  anchor: OF_ANCHORS,
  container: withMore('container'),
  keys: withMore('keys', ...WITH_ANOTHER_KEY, ...OF_KEYS),
  policy: OF_POLICIES,
};
