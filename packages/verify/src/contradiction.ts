/** Evidence that can be read and does not hold together; leads to the verdict `failed`. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
}

/** Throws a Contradiction unless `holds`. */
export function mustHold(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new Contradiction(problem);
}

/** Throws a Contradiction unless the value is there. */
export function mustFind<T>(value: T | undefined, problem: string): T {
  if (value === undefined) throw new Contradiction(problem);
  return value;
}
