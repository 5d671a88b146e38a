/** What a block says it used of models: in the file that `WAYBILL_USAGE` names, and then in the result. Hostile, like all it writes. */
import { TerminalError } from '@waybill/client/errors';
import type { ClaimedUsage } from '@waybill/verify';
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';
import { MAX_USAGE, MAX_USAGE_BYTES } from '#core/mailbox-protocol.ts';
import { MODEL_NAME } from '#core/names.ts';

const USAGE = {
  code: 'RESULT_INVALID',
  name: 'usage',
  fix: 'docs/how-to/cap-the-spend.md says how a block tells what it used.',
  // Whole: of a key that is cut off, nobody could tell whether a secret stands there.
  maxPathChars: MAX_USAGE_BYTES,
} as const satisfies DocumentKind;
/** Of one entry: no more than a model writes in a year, and no sum that could not be added. */
export const MAX_TOKENS = 1_000_000_000;
const MAX_COST_MICRO_USD = 10_000_000_000;

/** Throws TerminalError RESULT_INVALID unless the text is exactly such a file. */
export function parseUsageFile(text: string): Omit<ClaimedUsage, 'block'>[] {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch (cause) {
    throw new TerminalError({ code: USAGE.code, path: USAGE.name, problem: 'is not JSON', fix: USAGE.fix }, { cause });
  }
  const root = new DocumentReader(written, 'usage', USAGE);
  root.oneOf('v', [1]);
  const entries = root.objects('usage', MAX_USAGE).map((reader) => reader.close(readEntry(reader)));
  return root.close(entries);
}

/** One of a result. */
export function readUsage(reader: DocumentReader, blocks: number): ClaimedUsage {
  return reader.close({ block: reader.integer('block', 0, blocks - 1), ...readEntry(reader) });
}

function readEntry(reader: DocumentReader): Omit<ClaimedUsage, 'block'> {
  const entry: Omit<ClaimedUsage, 'block'> = {
    requested: reader.string('requested', 128, MODEL_NAME),
    inputTokens: reader.integer('inputTokens', 0, MAX_TOKENS),
    outputTokens: reader.integer('outputTokens', 0, MAX_TOKENS),
    cachedTokens: reader.has('cachedTokens') ? reader.integer('cachedTokens', 0, MAX_TOKENS) : 0,
  };
  if (reader.has('served')) entry.served = reader.string('served', 128, MODEL_NAME);
  if (reader.has('costMicroUsd')) entry.costMicroUsd = reader.integer('costMicroUsd', 0, MAX_COST_MICRO_USD);
  return entry;
}
