/** What a condition reads of a JSON file: one value of it, in the form in which it is sealed. */
import { decodeUtf8, type SealedValue, sealedValue, UNREADABLE } from '@waybill/verify';

/** A file that is larger says `unreadable`: conditions are for verdicts and counts, not for data. */
export const MAX_CONDITION_FILE_BYTES: number = 64 * 1024;

/** @param at a JSON pointer; empty for the whole */
export function valueAt(bytes: Uint8Array, at: string): SealedValue {
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(bytes));
  } catch {
    return UNREADABLE;
  }
  for (const part of at.split('/').slice(1)) value = memberOf(value, part.replaceAll('~1', '/').replaceAll('~0', '~'));
  // Neither has a canonical form, so nobody could say what was read.
  if (typeof value === 'string' && !value.isWellFormed()) return UNREADABLE;
  if (typeof value === 'number' && !Number.isFinite(value)) return UNREADABLE;
  return sealedValue(value);
}

function memberOf(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return /^(?:0|[1-9]\d*)$/.test(name) ? value[Number(name)] : undefined;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
