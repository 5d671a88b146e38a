import type { Refusal } from './errors.ts';
import { bounded } from './spec-issue.ts';
import { SpecRefused } from './spec-refused.ts';
import type { ReadDocument } from './syntax-refusal.ts';

/**
 * Judges what was read, also where a value in it is none that JSON carries, such as `.nan`: that hides nothing else that is wrong. Throws
 * SpecRefused with both, and what judging throws.
 */
export async function judgeDocument<T>(read: ReadDocument, judge: (value: unknown) => Promise<T>): Promise<T> {
  if (read.ok) return judge(read.value);
  const { refusals, value } = read;
  // A document that went too far is looked at no further.
  if (value === undefined || refusals.some(({ code }) => code !== 'SPEC_INVALID')) throw new SpecRefused(refusals);
  const told = new Set(refusals.map(({ path }) => path));
  const rest = (await refusalsOf(judge(value))).filter(({ path }) => !told.has(path));
  throw new SpecRefused(bounded([...refusals, ...rest]));
}

async function refusalsOf(judging: Promise<unknown>): Promise<readonly Refusal[]> {
  try {
    await judging;
    return [];
  } catch (error) {
    if (!(error instanceof SpecRefused)) throw error;
    return error.refusals;
  }
}
