/** What the command line reads of a state directory beside the transport's objects: the engine's notice and logs, the keys. */
import { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isAliveSince } from './process-alive.ts';

export const DEFAULT_DIRECTORY = '.waybill';

/** What an engine says about itself once it is ready. */
export interface EngineNotice {
  pid: number;
  startedAt: string;
  ready: boolean;
  isolation: string;
  detail: string;
}

export class StateDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** The engine that is working on this directory, or null; a notice left by a dead one counts as none. */
  engine(): EngineNotice | null {
    try {
      const notice = JSON.parse(readFileSync(this.at('engine.json'), 'utf8')) as EngineNotice;
      const isReady = notice.ready === true && Number.isInteger(notice.pid);
      return isReady && isAliveSince(notice.pid, Date.parse(notice.startedAt)) ? notice : null;
    } catch {
      return null;
    }
  }

  /** The end of the engine's log, at most `lines` lines. */
  async engineLogTail(lines: number): Promise<string> {
    return (await tailOf(this.at('engine.log'), lines)) ?? '';
  }

  /** What a running attempt has logged so far; null when it has not logged anything. */
  stagedLogPath(attemptId: string): string | null {
    const path = this.at('staging', attemptId, 'log');
    return existsSync(path) ? path : null;
  }

  bundlePath(key: string): string {
    return this.at('ledger', ...key.split('/'));
  }

  keysPath(): string {
    return this.at('keys', 'public.json');
  }
}

const TAIL_BYTES = 64 * 1024;

/** The last lines of a file, or null when there is none. */
export async function tailOf(path: string, lines: number): Promise<string | null> {
  if (!existsSync(path)) return null;
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(Math.min(size, TAIL_BYTES)),
      position: start,
    });
    return buffer.subarray(0, bytesRead).toString('utf8').replace(/\n$/, '').split('\n').slice(-lines).join('\n');
  } finally {
    await file.close();
  }
}
