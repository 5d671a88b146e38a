/** Errors as people and programs meet them: code, path, problem and fix, never a stack. */
import { type Refusal, TerminalError, WaybillError } from '@waybill/client/errors';
import { escapeText } from '@waybill/verify';
import { EXIT, type ExitCode, exitOf } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';
import { type Line, paintLines, toned } from './view/styled.ts';

/** Several refusals at once; the first decides the exit code. */
export class RefusedError extends TerminalError {
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly [Refusal, ...Refusal[]]) {
    super(refusals[0]);
    this.refusals = refusals;
  }
}

export function usageError(path: string, problem: string, fix: string): TerminalError {
  return new TerminalError({ code: 'USAGE', path, problem, fix });
}

export function refusalLines({ code, path, problem, fix }: Refusal): Line[] {
  return [
    [toned('bad', 'error'), ` ${code} at `, toned('strong', escapeText(path)), `: ${escapeText(problem)}`],
    ['  fix: ', escapeText(fix)],
  ];
}

/** Writes the error to standard error and answers the exit code that it stands for. Anything unforeseen is thrown on. */
export function reportError(terminal: Terminal, error: unknown): ExitCode {
  if (!(error instanceof WaybillError)) throw error;
  const refusals = error instanceof RefusedError ? error.refusals : [error];
  for (const refusal of refusals) {
    const { code, path, problem, fix } = refusal;
    const text =
      terminal.errorsAsJson
        ? `${JSON.stringify({ error: { code, path, problem, fix, retryable: error.retryable } })}\n`
        : paintLines(refusalLines(refusal), { colour: terminal.colour });
    terminal.err.write(text);
  }
  return error.code === 'USAGE' ? EXIT.usage : exitOf(refusals.map(({ code }) => code));
}
