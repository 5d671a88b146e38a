/** What the command line reads of a state directory beside the inbox protocol: artifacts, logs, bundles, keys, the engine. */
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TerminalError } from '@waybill/client/errors';
import type { Digest } from '@waybill/verify';

export const DEFAULT_DIRECTORY = '.waybill';

/** What an engine says about itself once it is ready. */
export interface EngineNotice {
  pid: number;
  startedAt: string;
  ready: boolean;
  isolation: string;
  detail: string;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // somebody else's process is there all the same
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
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
      return notice.ready === true && Number.isInteger(notice.pid) && isAlive(notice.pid) ? notice : null;
    } catch {
      return null;
    }
  }

  /** The end of the engine's log, at most `lines` lines. */
  async engineLogTail(lines: number): Promise<string> {
    return (await tailOf(this.at('engine.log'), lines)) ?? '';
  }

  artifactPath(digest: Digest): string {
    const hex = digest.slice('sha256:'.length);
    return this.at('artifacts', 'sha256', hex.slice(0, 2), hex);
  }

  /** Throws TerminalError OBJECT_MISSING. */
  artifact(digest: Digest): AsyncIterable<Uint8Array> {
    const path = this.artifactPath(digest);
    if (!existsSync(path)) throw missing(path, `the artifact ${digest} is not in this state directory`);
    return createReadStream(path);
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

  async trustFile(path: string = this.keysPath()): Promise<unknown> {
    try {
      return JSON.parse(await readFile(path, 'utf8'));
    } catch (cause) {
      const problem = cause instanceof SyntaxError ? 'it is no JSON' : 'it cannot be read';
      const fix = "Name the deployment's public keys (waybill-keys/v1); an engine writes its own to keys/public.json.";
      throw new TerminalError({ code: 'FILE_UNREADABLE', path, problem, fix }, { cause });
    }
  }
}

function missing(path: string, problem: string): TerminalError {
  return new TerminalError({ code: 'OBJECT_MISSING', path, problem, fix: 'Name the state directory of the run with --dir.' });
}

const TAIL_BYTES = 64 * 1024;

/** The last lines of a file, or null when there is none. */
export async function tailOf(path: string, lines: number): Promise<string | null> {
  if (!existsSync(path)) return null;
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(size, TAIL_BYTES)), position: start });
    return buffer.subarray(0, bytesRead).toString('utf8').replace(/\n$/, '').split('\n').slice(-lines).join('\n');
  } finally {
    await file.close();
  }
}
