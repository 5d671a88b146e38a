import type { VerdictCode } from './verdict/verdict-code.ts';

/** Evidence that can be read and does not hold together; leads to the verdict `failed`. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
  /** Undefined where the check that finds it has one code for all that it finds. */
  readonly code: VerdictCode | undefined;

  constructor(problem: string, code?: VerdictCode) {
    super(problem);
    this.code = code;
  }
}

/** Throws a Contradiction unless `holds`. */
export function mustHold(holds: boolean, problem: string, code?: VerdictCode): asserts holds {
  if (!holds) throw new Contradiction(problem, code);
}

/** Throws a Contradiction unless the value is there. */
export function mustFind<T>(value: T | undefined, problem: string, code?: VerdictCode): T {
  if (value === undefined) throw new Contradiction(problem, code);
  return value;
}
