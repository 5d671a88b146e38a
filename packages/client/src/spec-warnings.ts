/** What is taken, and seldom meant: told where it stands, and nothing is refused for it. */
import type { Refusal } from './errors.ts';
import type { RunSpec } from './spec.ts';

export type SpecWarning = Omit<Refusal, 'code'>;

export function warningsOf({ spec }: RunSpec): SpecWarning[] {
  return isEndless(spec) ? [{ path: 'spec.openEnded', ...ENDLESS }] : [];
}

/** When all of its items have ended it waits for more, and no time is set for that. */
export function isEndless({ openEnded, caps }: RunSpec['spec']): boolean {
  return openEnded === true && caps?.wallClock === undefined;
}

const ENDLESS = {
  problem: 'the run stays open until somebody closes it, for ever if nobody does: it has no wall clock',
  fix: 'Add `wallClock` to `spec.caps`, such as `caps: { wallClock: 24h }`: what is open of it then is ended.',
};
