/** Errors as people and programs meet them: code, path, problem and fix, never a stack. */
import { type Refusal, SpecRefused, TerminalError, WaybillError } from '@waybill/client';
import { escapeText } from '@waybill/verify';
import { type ExitCode, exitOf } from './exit-codes.ts';
import { safeJson } from './safe-text.ts';
import type { Terminal } from './terminal.ts';
import { type Line, paintLines, toned } from './view/styled.ts';

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
  const refusals = error instanceof SpecRefused ? error.refusals : [error];
  for (const refusal of refusals) {
    const { code, path, problem, fix } = refusal;
    const text = terminal.errorsAsJson
      ? `${safeJson({ error: { code, path, problem, fix, retryable: error.retryable } })}\n`
      : paintLines(refusalLines(refusal), { colour: terminal.colour });
    terminal.err.write(text);
  }
  return exitOf(refusals.map(({ code }) => code));
}
