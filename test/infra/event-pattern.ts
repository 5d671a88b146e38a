/** Patterns as EventBridge and the filters of Lambda read them, with the kinds of matches that ours have. */
import { matchesGlob } from 'node:path';
import { at } from './rules/rule.ts';

type Leaf = string | number | Record<string, unknown>;

function isLeafMatched(wanted: Leaf, found: unknown): boolean {
  if (typeof wanted !== 'object') return found === wanted;
  if ('exists' in wanted) return wanted.exists === (found !== undefined && found !== null);
  if ('anything-but' in wanted) {
    return found !== undefined && found !== null && !(wanted['anything-but'] as unknown[]).includes(found);
  }
  if (typeof found !== 'string') return false;
  if ('prefix' in wanted) return found.startsWith(String(wanted.prefix));
  if ('suffix' in wanted) return found.endsWith(String(wanted.suffix));
  // A slash is a letter like others there.
  return matchesGlob(found.replaceAll('/', ':'), String(wanted.wildcard).replaceAll('/', ':'));
}

/** Of a list of objects one alone must match all that the pattern says of it. */
export function isMatched(pattern: unknown, event: unknown): boolean {
  if (Array.isArray(pattern)) {
    const found = Array.isArray(event) ? event : [event];
    return pattern.some((wanted: Leaf) => found.some((one) => isLeafMatched(wanted, one)));
  }
  if (Array.isArray(event)) return event.some((one) => isMatched(pattern, one));
  return Object.entries(pattern as object).every(([key, inner]) =>
    key === '$or' ? (inner as object[]).some((one) => isMatched(one, event)) : isMatched(inner, at(event, key)),
  );
}
