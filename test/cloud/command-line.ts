/** `waybill` as people type it, against a bed: in a process of its own, which finds the bed as it would find AWS. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Ministack } from './beds/ministack.ts';

const BIN = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'bin', 'waybill.js');
const TIMEOUT_MS = 120_000;

export interface Typed {
  exit: number | null;
  out: string;
  err: string;
  /** The lines of the output, parsed. */
  lines: Record<string, unknown>[];
}

/** @param environment of the caller; that of the account's root unless given */
export function typeOn(
  bed: Pick<Ministack, 'directory' | 'environment'>,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = bed.environment,
): Promise<Typed> {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: bed.directory,
    env: { PATH: process.env.PATH, HOME: bed.directory, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve({ exit, out, err, lines: linesOf(out) }));
  });
}

function linesOf(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
