/**
 * The life of a run, in order. These eight words name the use cases in src/flow and the headings of
 * docs/life-of-a-run.md; an architecture test fails when a place disagrees.
 */
export const STAGES = ['inbox', 'submit', 'advance', 'dispatch', 'worker', 'settle', 'seal', 'verify'] as const;

export type Stage = (typeof STAGES)[number];
