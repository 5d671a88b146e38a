import { anchor } from './anchor.ts';
import { attestationSignatures, provenance, testResults } from './attestations.ts';
import type { Check } from './check.ts';
import { freshness } from './freshness.ts';
import { handOff } from './hand-off.ts';
import { intents } from './intents.ts';
import { checkpointSignature, logEntries, logInclusion } from './log.ts';
import { manifestSignatures, manifests } from './manifests.ts';
import { reuse, reuseSignatures } from './reuse.ts';
import { seal, sealSignature } from './seal.ts';
import { state } from './state.ts';
import { container, identity, plan, sequence, stateMachine } from './structure.ts';
import { timestamp } from './timestamp.ts';
import { witnesses } from './witnesses.ts';

/** Of the seal's signatures and its place in the log: asked of a whole run and of one item of it alike. */
export const CHECKS_OF_THE_SEAL: readonly Check[] = [
  logInclusion,
  manifestSignatures,
  attestationSignatures,
  sealSignature,
  checkpointSignature,
  witnesses,
  timestamp,
  anchor,
  freshness,
  state,
];

/** Every check of a bundle, in the order of the report. */
export const ALL_CHECKS: readonly Check[] = [
  container,
  identity,
  sequence,
  plan,
  stateMachine,
  manifests,
  handOff,
  provenance,
  testResults,
  reuse,
  intents,
  seal,
  logEntries,
  reuseSignatures,
  ...CHECKS_OF_THE_SEAL,
];
