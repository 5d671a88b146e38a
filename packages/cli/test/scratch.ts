/** A directory of one test, a terminal that remembers, and a call of the program as a user would make it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runProgram } from '../src/program.ts';

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

/** Runs the program in this process; its output is no terminal. */
export async function call(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Called> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const sink = (chunks: Buffer[]): { write: (chunk: string | Uint8Array) => boolean } => ({
    write: (chunk) => chunks.push(Buffer.from(chunk as string)) > 0,
  });
  const interruption = (): AbortSignal => new AbortController().signal;
  const exit = await runProgram(args, { out: sink(out), err: sink(err), env, interruption });
  return { exit, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}
