/** State directories as an engine leaves them: what is read of one when no engine answers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DirectoryTransport, type RunStatus } from '@waybill/client';
import { digestOf } from '@waybill/verify';
import { DONE, FAILED, PENDING, runOf } from './run-sample.ts';
import { scratch } from './scratch.ts';

export const PATCH = 'diff --git a/a b/a\n';

/** One with one run in it, and one artifact. */
export function stateWith(t: TestContext, run: RunStatus, content = PATCH): string {
  const directory = scratch(t);
  const { principal } = new DirectoryTransport(directory);
  const outbox = join(directory, 'outbox', principal, run.submissionId);
  mkdirSync(outbox, { recursive: true });
  writeFileSync(join(outbox, 'status.json'), JSON.stringify({ ...run, principal }));
  const hex = digestOf(content).slice('sha256:'.length);
  const shelf = join(directory, 'artifacts', 'sha256', hex.slice(0, 2));
  mkdirSync(shelf, { recursive: true });
  writeFileSync(join(shelf, hex), content);
  return directory;
}

/** A run whose first item has left a patch with that content. */
export function patched(content = PATCH): RunStatus {
  const sha256 = digestOf(content);
  const attempts = DONE.attempts.map((one) => ({
    ...one,
    outputs: one.outputs.map((output) => ({ ...output, sha256 })),
  }));
  return runOf([{ ...DONE, attempts }, FAILED, PENDING]);
}

/** From now on it looks as if an engine worked on it: this process. */
export function pretendEngine(directory: string): void {
  const notice = { pid: process.pid, startedAt: new Date().toISOString(), ready: true, isolation: 'none', detail: '' };
  writeFileSync(join(directory, 'engine.json'), JSON.stringify(notice));
}
