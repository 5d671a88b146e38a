/** Why a witness does not start or does not sign. Nothing was changed then; `fix` says what its operator can do. */
export type WitnessErrorCode = 'USAGE' | 'STATE_MISSING' | 'KEY_MISSING' | 'STATE_MISMATCH' | 'CLOCK_BACK';

export class WitnessError extends Error {
  override readonly name = 'WitnessError';
  readonly code: WitnessErrorCode;
  readonly fix: string;

  constructor(code: WitnessErrorCode, problem: string, fix: string) {
    super(problem);
    this.code = code;
    this.fix = fix;
  }
}
