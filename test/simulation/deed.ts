import type { ItemDraft } from '../support/run-spec.ts';

/** One object that a client writes, in a workload or beyond it. */
export interface Deed {
  atMs: number;
  /** Below `inbox/`. */
  key: string;
  document: object;
  /** Which run it belongs to: a run without its deeds is a smaller history. */
  run: number;
}

/** What was submitted, by whom and when. */
export interface Subject {
  principal: string;
  runId: string;
  items: readonly ItemDraft[];
  isOpenEnded: boolean;
  document: object;
  /** Of the submission, below `inbox/`. */
  key: string;
  queue: string;
  atMs: number;
}

/** Of a run that was submitted. */
export interface Asked {
  document: object;
  /** Of the submission when absent. */
  afterMs: number;
  /** Who asks; the owner when absent. */
  who?: string;
  /** Absent: an object of its own among those that steer. */
  key?: string;
}

/** Who submits, and who else there is. */
export const PRINCIPALS = ['AROAEXAMPLE1:ada', 'AROAEXAMPLE2:bob', 'AROAEXAMPLE3:eve'] as const;
