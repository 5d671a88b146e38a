/** What is told of a run that has ended, and the row that stands for a callback until something is known of it. */
import { canonicalize } from '@waybill/verify';
import { isoTime } from '#core/evidence.ts';
import type { Key, RunRow } from '#core/rows.ts';

/** `sending`: it may be on its way, and is never sent again. */
export interface CallbackRow {
  endpoint: string;
  state: 'due' | 'sending';
  /** Since when it is sending. */
  sinceMs?: number;
}

export const CALLBACK_KEY_BYTES = { least: 32, most: 1_024 } as const;

/** What both sides know, as it is kept: a line feed at its end does not count. Null for what is too short or too long. */
export function callbackKeyOf(kept: Uint8Array): Uint8Array | null {
  const key = kept.at(-1) === 0x0a ? kept.subarray(0, -1) : kept;
  return key.length < CALLBACK_KEY_BYTES.least || key.length > CALLBACK_KEY_BYTES.most ? null : key;
}

const PARTITION = 'callbacks';

/** In a partition of their own, so that whoever looks for them sees those alone that are not over. */
export function callbackKey(run: string): Key {
  return { pk: PARTITION, sk: run };
}

/** Nothing more will happen to the run; a sealed one has its bundle. */
export function isOver({ bundle, abortedAtMs }: RunRow): boolean {
  return bundle !== undefined || abortedAtMs !== undefined;
}

/** What is signed and sent, as its exact bytes in UTF-8. */
export function callbackText(origin: string, run: string, row: RunRow): string {
  const { name, submissionId, state, completedAtMs, sealedIndex, bundle, aborting, abortedAtMs } = row;
  const sealed = bundle === undefined ? {} : { sealed: { index: sealedIndex ?? 0, bundle: bundle.sha256 } };
  const aborted = abortedAtMs === undefined ? {} : { aborted: { reason: aborting?.reason ?? '' } };
  const ended = completedAtMs === undefined ? {} : { endedAt: isoTime(completedAtMs) };
  const about = { v: 1, type: 'run.ended', id: `${run}/callback`, origin, run, name, submissionId, state };
  return canonicalize({ ...about, ...ended, ...sealed, ...aborted });
}
