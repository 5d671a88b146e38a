import { type Refusal, TerminalError } from './errors.ts';

export class SpecRefused extends TerminalError {
  /** Every reason; the error itself speaks for the first. */
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    const [first] = refusals;
    super(first ?? { code: 'SPEC_INVALID', path: 'document', problem: 'the spec is not valid', fix: 'Validate it.' });
    this.refusals = refusals;
  }
}
