/** A directory of one test, a terminal that remembers, and a call of the program as a user would make it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runProgram } from '../src/program.ts';
import type { TextSink } from '../src/terminal.ts';

export function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface Called {
  exit: number;
  out: string;
  err: string;
}

export interface Setting {
  env?: NodeJS.ProcessEnv;
  /** Whether the output goes to a terminal. */
  isTTY?: boolean;
}

/** Runs the program in this process; its output is no terminal. */
export function call(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Called> {
  return callIn({ env }, args);
}

export async function callIn({ env = {}, isTTY = false }: Setting, args: readonly string[]): Promise<Called> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const sink = (chunks: Buffer[]): TextSink => ({
    isTTY,
    write: (chunk) => chunks.push(Buffer.from(chunk as string)) > 0,
  });
  const interruption = (): AbortSignal => new AbortController().signal;
  const exit = await runProgram(args, { out: sink(out), err: sink(err), env, interruption });
  return { exit, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}
