/** What a forged bundle is, and the tools of a forger. */

import type { TrustFile } from '../../packages/verify/src/keys/trust.ts';
import type { EventData, EventType, RunEvent } from '../../packages/verify/src/record/events.ts';
import type { VerifyOptions } from '../../packages/verify/src/verdict/verify-bundle.ts';
import type { Forgery } from './honest-bundle.ts';
import { digest } from './naive-evidence.ts';

export interface Forged {
  title: string;
  forgery: Forgery;
  exit: 1 | 2 | 3 | 5;
  /** Exactly the checks that refuse it with their codes, `seal SEAL_ROOT`, in the order of the report. */
  failing: string[];
  trust?: TrustFile;
  options?: VerifyOptions;
  /** More of what the auditor supplies, made for the lines of the forged bundle. */
  material?(lines: readonly string[]): VerifyOptions | Promise<VerifyOptions>;
}

export const OTHER_RUN: string = 'c0'.repeat(16);
export const OTHER: `sha256:${string}` = digest('something else');

export function forged(title: string, forgery: Forgery, failing: string[], more: Partial<Forged> = {}): Forged {
  return { title, forgery, exit: 1, failing, ...more };
}

export function set<T extends object>(target: T, edit: Partial<T>): void {
  Object.assign(target, edit);
}

export function first<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined) throw new RangeError('nothing to edit');
  return one;
}

/** The data of the n-th event of a type. */
export function find<T extends EventType>(story: readonly RunEvent[], type: T, n = 0): EventData[T] {
  return first(story.filter((event) => event.type === type).slice(n)).data as EventData[T];
}
