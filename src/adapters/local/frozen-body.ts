/** More bytes than a number takes in JSON. */
const NUMBER_BYTES = 25;
/** Of a character of UTF-16, as an escape. */
const CHARACTER_BYTES = 6;

/**
 * Freezes a body, which whoever reads the row is handed as it is. Returns a number of bytes that its JSON does not exceed, so that
 * most bodies need not be written out to know that they are small enough.
 */
export function frozenSize(value: unknown): number {
  if (typeof value === 'string') return value.length * CHARACTER_BYTES + 2;
  if (typeof value !== 'object' || value === null) return NUMBER_BYTES;
  const isNew = !Object.isFrozen(value);
  let size = 2;
  if (Array.isArray(value)) {
    for (let n = 0; n < value.length; n += 1) size += 1 + frozenSize(value[n]);
  } else {
    for (const key of Object.keys(value)) {
      size += key.length * CHARACTER_BYTES + 4 + frozenSize((value as Record<string, unknown>)[key]);
    }
  }
  if (isNew) Object.freeze(value);
  return size;
}
