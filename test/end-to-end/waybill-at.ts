/** `waybill` as a person types it, in a directory of one test, with the engine that it starts there. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunStatus } from '@waybill/client';
import { ROOT } from '../architecture/repository-files.ts';

const TIMEOUT_MS = 90_000;

interface Ended {
  exit: number | null;
  out: string;
  err: string;
}

interface RunLine {
  run: RunStatus;
  evidence: { verdict: string };
}

export class WaybillAt {
  readonly directory: string;
  readonly state: string;

  constructor(name: string) {
    this.directory = mkdtempSync(join(tmpdir(), `waybill-${name}-`));
    this.state = join(this.directory, 'state');
    mkdirSync(this.state);
  }

  call(...args: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
      delete env.NODE_TEST_CONTEXT;
      const bin = join(ROOT, 'packages', 'cli', 'bin', 'waybill.js');
      const options = { cwd: this.directory, env, timeout: TIMEOUT_MS };
      const child = spawn(process.execPath, [bin, ...args, '--dir', this.state], options);
      const said = { out: '', err: '' };
      for (const name of ['out', 'err'] as const) {
        child[`std${name}`].setEncoding('utf8').on('data', (text: string) => {
          said[name] += text;
        });
      }
      child.on('close', (exit) => resolve({ exit, ...said }));
    });
  }

  close(): void {
    const file = join(this.state, 'engine.json');
    if (existsSync(file)) process.kill((JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid, 'SIGTERM');
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** How a run came out, from what `waybill run --json` has said. */
export function runLineOf(out: string): RunLine {
  const line = out.split('\n').find((text) => text.startsWith('{"type":"run"'));
  return JSON.parse(line ?? '{}') as RunLine;
}
