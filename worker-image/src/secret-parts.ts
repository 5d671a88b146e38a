/** What a program takes out of a secret that is a JSON document, such as the key of a service account, to use it by itself. */
import { SECRET_BYTES, withoutSpace } from '@waybill/client/secret-value';

/** Beyond these nothing is taken out. */
const MOST_PARTS = 256;
const MOST_DEPTH = 8;

/** The secret, and the texts in it that could be secrets themselves. */
export function partsOf(secret: string): string[] {
  const parts = new Set<string>();
  let level: unknown[] = [documentOf(secret)];
  for (let depth = 0; depth <= MOST_DEPTH && level.length > 0; depth += 1) {
    for (const value of level) if (parts.size < MOST_PARTS && isLongEnough(value)) parts.add(value);
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return [secret, ...parts];
}

function isLongEnough(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(withoutSpace(value)) >= SECRET_BYTES.least;
}

function documentOf(secret: string): unknown {
  try {
    return JSON.parse(secret);
  } catch {
    return null;
  }
}
