/** A program in place of the engine, for a state directory of one test. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineStart } from '../src/engine-process.ts';
import { StateDirectory } from '../src/state-directory.ts';
import { scratch } from './scratch.ts';

/** Announces itself as an engine does, keeps its arguments for the test to see, and ends by itself. */
export const READY = `
  const { writeFileSync } = await import('node:fs');
  const dir = process.argv[process.argv.indexOf('--dir') + 1];
  writeFileSync(dir + '/arguments.json', JSON.stringify(process.argv.slice(2)));
  const startedAt = new Date().toISOString();
  writeFileSync(dir + '/engine.json', JSON.stringify({ pid: process.pid, startedAt, ready: true, isolation: 'none', detail: '' }));
  setTimeout(() => {}, 1500);
`;

export function stage(t: TestContext, script: string): { home: StateDirectory; start: EngineStart } {
  const directory = scratch(t);
  const engine = join(directory, 'engine.mjs');
  writeFileSync(engine, script);
  const home = new StateDirectory(join(directory, 'state'));
  return { home, start: { env: { ...process.env, WAYBILL_ENGINE: engine }, patienceMs: 10_000 } };
}

export async function ended(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(10);
  }
}
