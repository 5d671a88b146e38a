/** An invariant that did not hold. */
export class Violation extends RangeError {
  /** `I1` to `I12`, or `defect` for an error that no fault explains. */
  readonly invariant: string;

  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
    this.invariant = invariant;
  }
}

export function mustHold(holds: boolean, invariant: string, what: string): asserts holds {
  if (!holds) throw new Violation(invariant, what);
}
