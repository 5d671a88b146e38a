/** Errors as people and programs meet them: code, path, problem and fix, and a stack only when asked for. */
import { type Refusal, SpecRefused, TerminalError, type TextPlace, WaybillError } from '@waybill/client';
import { escapeText } from '@waybill/verify';
import { EXIT, type ExitCode, exitOf } from './exit-codes.ts';
import { safeBlock, safeJson } from './safe-text.ts';
import type { Terminal } from './terminal.ts';
import { type Line, paintLines, toned } from './view/styled.ts';

const MAX_SAID = 4_000;
const SHOW_STACK = 'WAYBILL_DEBUG=1 shows where it comes from.';

export function usageError(path: string, problem: string, fix: string): TerminalError {
  return new TerminalError({ code: 'USAGE', path, problem, fix });
}

/** A refusal of something that was written in a file, by its lines and columns from 1 where they are known. */
export interface PlacedRefusal extends Refusal, Partial<TextPlace> {
  file?: string;
}

/** As a refusal, of what is taken all the same. */
export type PlacedWarning = Omit<PlacedRefusal, 'code'>;

export function refusalLines(refusal: PlacedRefusal): Line[] {
  return findingLines([toned('bad', 'error'), ` ${refusal.code}`], refusal);
}

export function warningLines(warning: PlacedWarning): Line[] {
  return findingLines([toned('warn', 'warning')], warning);
}

function findingLines(head: Line, finding: PlacedWarning): Line[] {
  const [problem = '', ...more] = saidLines(finding.problem);
  return [
    [...head, ' at ', toned('strong', escapeText(whereOf(finding))), `: ${problem}`],
    ...more.map((line): Line => [`  | ${line}`]),
    ['  fix: ', saidLines(finding.fix).join(' ')],
  ];
}

/** Of a text that may tell of many things at once, such as every mistake in the files of an engine. */
function saidLines(text: string): string[] {
  const shown = text.length > MAX_SAID ? `${text.slice(0, MAX_SAID)}...` : text;
  return safeBlock(shown.toWellFormed()).replaceAll('\t', ' ').split('\n');
}

/** As editors and terminals know it, `file:line:column`, then the path within the document where there is one. */
function whereOf({ file, line, column, path }: PlacedWarning): string {
  if (file === undefined) return path;
  const place = line === undefined ? file : `${file}:${line}:${column}`;
  return path === 'document' || path.startsWith('line ') ? place : `${place} ${path}`;
}

/** Writes the error to standard error and answers the exit code that it stands for. */
export function reportError(terminal: Terminal, error: unknown): ExitCode {
  if (!(error instanceof WaybillError)) return reportUnforeseen(terminal, error);
  const refusals: readonly PlacedRefusal[] = error instanceof SpecRefused ? error.refusals : [error];
  for (const refusal of refusals) {
    const { code, path, file, line, column, problem, fix } = refusal;
    const place = { file, line, column };
    const text = terminal.errorsAsJson
      ? `${safeJson({ error: { code, path, ...place, problem, fix, retryable: error.retryable } })}\n`
      : paintLines(refusalLines(refusal), { colour: terminal.colour });
    terminal.err.write(text);
  }
  return exitOf(refusals.map(({ code }) => code));
}

/** No exit code of a verb may stand for it: 1 would say that a run failed or that evidence contradicts itself. */
function reportUnforeseen(terminal: Terminal, error: unknown): ExitCode {
  const problem = escapeText(error instanceof Error ? error.message : String(error));
  const text = terminal.errorsAsJson
    ? safeJson({ error: { code: 'INTERNAL', problem, fix: SHOW_STACK, retryable: false } })
    : `error INTERNAL: ${problem} (${SHOW_STACK})`;
  terminal.err.write(`${text}\n`);
  if (terminal.showsStacks && error instanceof Error) terminal.err.write(`${safeBlock(error.stack ?? '')}\n`);
  return EXIT.internal;
}
